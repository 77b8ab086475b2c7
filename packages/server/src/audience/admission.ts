import type { ListenParameters } from '../http/parameters.ts';
import type { RequestHead } from '../http/request.ts';
import type { View } from '../live/cohort.ts';
import type { EndReason } from '../live/listener.ts';
import type { FanOutStats } from '../live/stats.ts';
import type { Start } from '../log/start.ts';
import type { Sink } from '../sink/sink.ts';
import type { Authenticate, Credential, Refusal, Rights } from './rights.ts';

/**
 * Why a request was not let in:
 * - `method`: the method is not allowed;
 * - `parameter`: a query parameter is malformed;
 * - `forbidden`: `authenticate` refused it, or its rights do not cover it;
 * - `full`, `full-for-key`: the limit of listeners is reached, in all or for its key;
 * - `complete`: the listener has all events, and no more will come.
 */
export type RefuseReason = 'method' | 'parameter' | 'forbidden' | 'full' | 'full-for-key' | 'complete';

/** How many requests were refused, by why, before the first. */
export const NONE_REFUSED: Readonly<Record<RefuseReason, number>> = {
  method: 0,
  parameter: 0,
  forbidden: 0,
  full: 0,
  'full-for-key': 0,
  complete: 0,
};

export interface AdmissionRequest {
  readonly request: RequestHead;
  /** The rights that {@link Audience.authenticate} returned. */
  readonly rights: Rights | Refusal;
  readonly parameters: ListenParameters;
  /** Returns whether these rights have not been taken back while it was let in: it is asked when its stream starts. @default they have not */
  readonly holds?: (() => boolean) | undefined;
  /** Decides its rights anew when they expire. @default the option `authenticate` of the audience */
  readonly authenticate?: Authenticate | undefined;
  /**
   * Returns the view of the listener under these rights, or undefined if they do not cover it. It is called again when the rights have been renewed. The
   * filter of the rights and the heartbeat of the parameters are added to the view.
   */
  readonly view: (rights: Rights) => View | undefined;
  /** Called once, when the stream of the listener has ended. It may not throw. */
  readonly onEnd?: (() => void) | undefined;
  /** Whether no event follows this start, now or later. It need not know that the log has closed the topic. @default it is never so */
  readonly isOver?: ((start: Start) => boolean) | undefined;
}

/** A listener that was let in. Its stream is started once, or its place is abandoned. */
export interface Admitted {
  /** Starts the stream, after the head has been sent. */
  start(sink: Sink): void;
  /** Frees the place. Does nothing once the stream has started. */
  abandon(): void;
}

export type Admission = Admitted | { readonly refused: Exclude<RefuseReason, 'method' | 'parameter'> };

/** A request for something of the log that is answered with a document. */
export interface VisitRequest extends Pick<AdmissionRequest, 'request' | 'view'> {
  readonly rights: Rights;
}

/** A request while its answer is being made. */
export interface Visit {
  /** What it may see, with the filter of its rights. */
  readonly view: View;
  /** Aborted when its sender has left or is sent away. */
  readonly signal: AbortSignal;
}

/** The answer to a request, or why it was not let in. */
export type Visited<T> =
  | { readonly answer: T }
  | { readonly refused: Exclude<RefuseReason, 'method' | 'parameter' | 'complete'> };

/** Counts of what a fan-out has done and of its present state, and of refused requests. */
export interface AudienceStats extends FanOutStats {
  /** Requests that were refused, by reason. */
  readonly refused: Readonly<Record<RefuseReason, number>>;
}

/** A listener, as `kick` shows it to the function that chooses. */
export interface KnownListener {
  /** The subject of its rights, if they name one. */
  readonly subject: string | undefined;
  /** How its sender has shown who it is, if its rights say so. */
  readonly credential: Credential | undefined;
  /** The key by which it is counted, or undefined if listeners are not counted by key. */
  readonly key: string | undefined;
  /** Its network address, if that is known. */
  readonly address: string | undefined;
}

/** Called when a listener comes or goes, with the same object for the listener each time. A method may not throw. */
export interface AudienceObserver {
  /** A listener's stream has started. */
  onListen?(event: { readonly lastEventId: string }, listener: KnownListener, request: RequestHead): void;
  /** A listener has come with this ticket, by the clock's `now` at `since`: others that came before with the same one are to be broken off, wherever they are. */
  onTicket?(ticket: string, since: number): void;
  /** A listener's stream has ended. */
  onLeave?(event: { readonly reason: EndReason; readonly durationMs: number }, listener: KnownListener): void;
  /** The rights of a listener could not be renewed, because `authenticate` threw. Its stream was broken off. */
  onError?(error: unknown): void;
}
