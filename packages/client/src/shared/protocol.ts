/**
 * How tabs share one connection. A Web Lock elects one of the tabs as the leader, and a BroadcastChannel carries their messages. A
 * message reaches every other tab, and messages of one tab arrive in the order in which that tab sent them. Messages of
 * different tabs may overtake each other. A tab may vanish at any point, or hang.
 *
 * The leader has the connection. It counts the events, in a term of its own, and sends each of them to all tabs. Each tab is a
 * follower, the leader's own tab included, and is in one of four phases:
 *
 * - `joining`: it has sent `join` with its place in the stream, and waits for the leader's `join-answer`. It ignores the events
 *   that arrive before, because the answer covers them.
 * - `live`: it gives out each event as it arrives. When an event does not follow the last one, the tab joins again.
 * - `full`: its consumer is slow. It drops events, keeps its place, and joins again once there is room.
 * - `catching-up`: the leader no longer remembers what the tab missed, so the tab has a connection of its own, after its own last
 *   event ID, and keeps the leader's events meanwhile. The hand-off happens when both have brought the same event, which its ID
 *   shows: the tab closes its own connection, gives out the events that it kept after that one, and is live.
 *
 * Every follower remembers the newest events of the shared stream. When the leader's tab is gone, the lock elects another. The new
 * leader goes on after its own last event ID, counts on from its own place, and sends `elected`. Every tab that receives that
 * joins again. A tab that has received fewer events than the new leader gets the rest from what the new leader remembers. A tab
 * that has received more is at a place that the new leader does not know, and catches up. So no event is lost and none comes
 * twice, given a server that resumes and gives each event an ID of its own.
 *
 * A leader that is silent gets a `ping`. One that does not answer hangs, and a tab takes its lock away. When the old leader runs
 * again, it finds that it has lost the lock, drops its connection and joins. The events that it sends until then are of its old
 * term, so a tab that receives one joins again, and either leader answers with what follows that tab's own last event ID.
 *
 * A tab that begins with a last event ID joins with it: after the event of that ID where the leader remembers it, and otherwise by
 * catching up. A tab that begins without one gets the events from then on, and takes over the leader's last event ID.
 */
import type { SubscriptionState } from '../connection/feed.ts';
import type { ConnectionError } from '../errors.ts';
import type { Place, SharedEvent } from './recent-events.ts';

/** It is part of every name, so that tabs whose code has another version of the protocol never get these messages. */
export const PROTOCOL_VERSION = 1;

/** A message that a tab sends to all tabs. */
export type TabMessage =
  | JoinRequest
  | JoinAnswer
  /** The tab was elected as the leader. */
  | { readonly type: 'elected' }
  /** The leader's connection has brought an event. */
  | { readonly type: 'event'; readonly shared: SharedEvent }
  /** The state of the leader's connection. */
  | { readonly type: 'state'; readonly state: SubscriptionState }
  /** Asks the leader to begin an attempt now. */
  | { readonly type: 'reconnect' }
  /** Asks whether the leader is alive. It answers with its state. */
  | { readonly type: 'ping' };

/** A tab asks to join the shared stream: at its place or, where it has none that is known, after an ID. */
export interface JoinRequest {
  readonly type: 'join';
  readonly from: string;
  /** Counts the requests of that tab. Only the answer to the newest one counts. */
  readonly serial: number;
  readonly place: Place | undefined;
  readonly lastEventId: string;
}

/** The leader's answer to a `JoinRequest`. */
export interface JoinAnswer {
  readonly type: 'join-answer';
  readonly to: string;
  readonly serial: number;
  /** The last event ID of the request. */
  readonly requestedId: string;
  /** The events that the tab has missed; `undefined` if they are not all remembered. */
  readonly missed: readonly SharedEvent[] | undefined;
  /** The place in the shared stream after them. */
  readonly place: Place;
  readonly lastEventId: string;
  readonly state: SubscriptionState;
}

/** The fields of a `ConnectionError`, in a form that can be sent to another tab: an error and its headers cannot. */
interface SentError extends Pick<
  ConnectionError,
  'code' | 'message' | 'url' | 'attempt' | 'willRetry' | 'status' | 'body'
> {
  readonly headers: [name: string, value: string][] | undefined;
  /** The text of the cause. */
  readonly cause: string;
}

/** A message in a form that a channel can carry. */
export function pack(message: TabMessage): unknown {
  if (!('state' in message) || message.state.error === undefined) return message;
  const { message: text, headers, cause, ...fields } = message.state.error;
  const error: SentError = {
    ...fields,
    message: text,
    // A `fetch` of the page may have given headers that cannot be listed.
    headers: headers && Array.from(headers as unknown as Iterable<[string, string]>),
    cause: cause instanceof Error ? cause.message : String(cause),
  };
  return { ...message, state: { ...message.state, error } };
}

/** The message that was packed by another tab. */
export function unpack(message: TabMessage, ErrorClass: typeof ConnectionError): TabMessage {
  if (!('state' in message) || message.state.error === undefined) return message;
  const sent = message.state.error as unknown as SentError;
  const error = new ErrorClass({ ...sent, headers: sent.headers && new Headers(sent.headers) });
  return { ...message, state: { ...message.state, error } };
}
