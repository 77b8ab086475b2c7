import type { ListenParameters } from '../http/parameters.ts';
import type { RequestHead } from '../http/request.ts';
import type { View } from '../live/cohort.ts';
import type { EndReason } from '../live/listener.ts';
import type { FanOutStats } from '../live/stats.ts';
import type { Start } from '../log/start.ts';
import type { Sink } from '../sink/sink.ts';
import type { Refusal, Rights } from './rights.ts';

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
  /** Whether nothing lies behind this start, nor ever will. @default it is never over */
  readonly isOver?: (start: Start) => boolean;
}

/** A listener that was let in: its stream is started once, or its place is abandoned. */
export interface Admitted {
  /** Starts the stream, after the head was sent. */
  start(sink: Sink): void;
  /** Gives the place back. It does nothing once the stream was started. */
  abandon(): void;
}

export type Admission = Admitted | { readonly refused: Exclude<RefuseReason, 'method' | 'parameter'> };

/** What a fan-out has done and how it stands, and who was not let in. */
export interface AudienceStats extends FanOutStats {
  /** Requests that were not let in. */
  readonly refused: Readonly<Record<RefuseReason, number>>;
}

/** What is known of a listener, for choosing which ones are sent away. */
export interface KnownListener {
  /** The subject of its rights. */
  readonly subject: string | undefined;
  /** Whose listener it counts as; undefined where listeners are not counted by key. */
  readonly key: string | undefined;
  /** Its network address, where that is known. */
  readonly address: string | undefined;
}

/** Is called when a listener comes or goes. A method may not throw. The listener is the same object each time. */
export interface AudienceObserver {
  /** A listener's stream has started. */
  onListen?(event: { readonly lastEventId: string }, listener: KnownListener, request: RequestHead): void;
  /** A listener's stream has ended. */
  onLeave?(event: { readonly reason: EndReason; readonly durationMs: number }, listener: KnownListener): void;
  /** The rights of a listener could not be renewed, because `authenticate` threw; the listener was broken off. */
  onError?(error: unknown): void;
}
