import type { Clock } from '../clock.ts';
import type { ListenParameters } from '../http/parameters.ts';
import type { RequestHead } from '../http/request.ts';
import type { View } from '../live/cohort.ts';
import type { FanOut } from '../live/fan-out.ts';
import type { FanOutStats } from '../live/fan-out-stats.ts';
import type { EndReason } from '../live/listener.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Start } from '../log/start.ts';
import type { Sink } from '../sink/sink.ts';
import type { Authenticate, Refusal, Rights } from './rights.ts';

export interface AudienceOptions {
  /** Finds out what the sender of a request may do. @default everybody may listen to everything */
  readonly authenticate?: Authenticate | undefined;
  /** Listeners in all; from 1. @default 50000 */
  readonly maxListeners?: number;
  /** Listeners with the same key; from 1. @default unbounded */
  readonly maxListenersPerKey?: number;
  /**
   * Whose listener a request is, such as a user or an address; undefined for one that is not counted.
   * @default the network address, which behind a proxy is the proxy's
   */
  readonly key?: ((request: RequestHead) => string | undefined) | undefined;
  /** @default the system's */
  readonly clock?: Clock;
}

/** Is called when a listener comes or goes. A method may not throw. */
export interface AudienceObserver {
  /** A listener's stream has started. */
  onListen?(event: { readonly lastEventId: string }): void;
  /** A listener's stream has ended. */
  onLeave?(event: { readonly reason: EndReason; readonly durationMs: number }): void;
  /** `authenticate` threw when the rights of a listener were renewed; the listener was broken off. */
  onError?(error: unknown): void;
}

/**
 * Why a request was not let in:
 * - `method`: it is not one that is answered;
 * - `parameter`: a query parameter is malformed;
 * - `forbidden`: `authenticate` refused it, or its rights do not cover what it asks for;
 * - `full`, `full-for-key`: there are as many listeners as there may be, in all or for its key;
 * - `complete`: it has everything that will ever come.
 */
export type RefuseReason = 'method' | 'parameter' | 'forbidden' | 'full' | 'full-for-key' | 'complete';

export interface AdmissionRequest {
  readonly request: RequestHead;
  /** What {@link Audience.authenticate} gave. */
  readonly rights: Rights | Refusal;
  readonly parameters: ListenParameters;
  /**
   * What the listener is given under these rights; undefined where they do not cover it. It is asked again when the rights were renewed. The
   * filter of the rights and the heartbeat of the parameters are added to the view.
   */
  readonly view: (rights: Rights) => View | undefined;
  /** Whether there is nothing behind this start, nor ever will be. @default never */
  readonly isOver?: (start: Start) => boolean;
}

/** A place that is kept for a listener: its stream is started once, or it is abandoned. */
export interface Place {
  /** Starts the stream, after the head was sent. */
  start(sink: Sink): void;
  /** Gives the place back. It does nothing once the stream was started. */
  abandon(): void;
}

export type Admission = Place | { readonly refused: RefuseReason };

/** What a fan-out has done and how it stands, and who was not let in. */
export interface AudienceStats extends FanOutStats {
  /** Requests that were not let in. */
  readonly refused: Readonly<Record<RefuseReason, number>>;
}

/** What is known of a listener, for those who choose which ones are sent away. */
export interface Attendance {
  readonly subject: string | undefined;
  readonly key: string | undefined;
  readonly address: string | undefined;
}

/** The listeners of a log: who is let in, until when, and who is sent away. */
export declare class Audience {
  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(log: EventLog, fanOut: FanOut, options?: AudienceOptions, observer?: AudienceObserver);
  /** Whether there are as many listeners as there may be. It can be asked before `authenticate`, which may be costly. */
  get isFull(): boolean;
  /** What the sender of a request may do. Throws what the hook throws. @throws {ServerError} `ERR_INVALID_RIGHTS` */
  authenticate(request: RequestHead): Promise<Rights | Refusal>;
  /** Keeps a place for a listener, or says why there is none. A refusal is counted. */
  admit(request: AdmissionRequest): Promise<Admission>;
  /** Counts a request that was refused before it could be admitted. */
  countRefusal(reason: RefuseReason): void;
  /** Breaks off the listeners that are chosen. Gives how many they were. */
  kick(which: (listener: Attendance) => boolean): number;
  stats(): AudienceStats;
}
