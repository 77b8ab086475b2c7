/** An event as it is read. Its members are named as those of the `MessageEvent` in browsers. */
export type EventMessage = {
  /** The event type, `message` where the stream named none. */
  type: string;
  /** The data lines, joined with LF. */
  data: string;
  /** The last event ID at this event: the newest id of the stream so far, which an earlier event may have set. */
  lastEventId: string;
};

/** The fields of an event as it is written. At least one must be given; a field that is `undefined` counts as not given. */
export type EventFields = {
  /** The event type, without CR, LF and NUL. An empty one means `message` and is not written. */
  event?: string | undefined;
  /** The data. Its lines may be separated by CRLF, CR or LF; a reader gets LF for each. */
  data?: string | undefined;
  /** The id, without CR, LF and NUL. An empty one resets the reader's last event ID. */
  id?: string | undefined;
  /** The reconnection time in milliseconds: an integer from 0 to `Number.MAX_SAFE_INTEGER`. */
  retry?: number | undefined;
  /** A comment, which readers ignore. Its lines may be separated by CRLF, CR or LF. */
  comment?: string | undefined;
};

/** The beginning of the event types that a hub and a channel keep for events of their own. Publishers may not use such a type. */
export const OWN_TYPE_PREFIX = 'tidings-';

/** The type of keep-alive events. Such an event has empty data and an id, which moves the listener's cursor (PROTOCOL §5.5). */
export const HEARTBEAT_TYPE = 'tidings-heartbeat';

/** The type of an event that says which events a listener missed, and why (PROTOCOL §6.1). */
export const GAP_TYPE = 'tidings-gap';

/** The type of an event that says that a key was forgotten, and nothing else. Its data is one line of JSON: `{"key": …}` (PROTOCOL §13). */
export const FORGOTTEN_TYPE = 'tidings-forgotten';

/** The type of the event that closes a topic if the publisher gave none, or did not close it itself (PROTOCOL §4). Only a final event has it. */
export const CLOSED_TYPE = 'tidings-closed';

/** The type of the last event of a stream whose listener's rights have expired. It has no id, so the listener goes on where it was (PROTOCOL §9.4). */
export const EXPIRED_TYPE = 'tidings-expired';

/** The type of an event that says who listens to a topic. Its data is one line of JSON, as a page of the listeners has it (PROTOCOL §18). */
export const LISTENERS_TYPE = 'tidings-listeners';

/** The type of an event that says that a listener to a topic has come. Its data is one line of JSON: `{"id": …, "subject": …, "since": …}` (PROTOCOL §18). */
export const LISTENER_OPENED_TYPE = 'tidings-listener-opened';

/** The type of an event that says that a listener to a topic has gone. Its data is one line of JSON: `{"id": …}` (PROTOCOL §18). */
export const LISTENER_CLOSED_TYPE = 'tidings-listener-closed';

/** Whether an event type is one of the hub's own, because it begins with {@link OWN_TYPE_PREFIX}. */
export function isOwnType(type: string): boolean {
  return type.startsWith(OWN_TYPE_PREFIX);
}
