/** An event as it is read. The names are those of the browsers' `MessageEvent`. */
export type EventMessage = {
  /** The event type, `message` where the stream named none. */
  type: string;
  /** The data lines, joined with LF. */
  data: string;
  /** The last event ID at this event: that of the newest id so far, which an earlier block may have set. */
  lastEventId: string;
};

/** The fields of an event as it is written. At least one is given; a field that is `undefined` counts as not given. */
export type EventFields = {
  /** The event type, without CR, LF and NUL. An empty one means `message` and is not written. */
  event?: string;
  /** The data. CRLF, CR and LF separate its lines; whoever reads them gets LF. */
  data?: string;
  /** The id, without CR, LF and NUL. An empty one resets the reader's last event ID. */
  id?: string;
  /** The reconnection time in milliseconds: an integer from 0 to `Number.MAX_SAFE_INTEGER`. */
  retry?: number;
  /** Text that no page sees. CRLF, CR and LF separate its lines. */
  comment?: string;
};

/** How the types of the events begin that a hub or a channel sends of its own accord: nobody else may publish such a type. */
export const OWN_TYPE_PREFIX = 'tidings-';

/** The type of a keep-alive event. It has an id, which moves the listener's cursor, and no data (PROTOCOL §5.5). */
export const HEARTBEAT_TYPE = 'tidings-heartbeat';

/** The type of the event that says which events a listener missed, and why (PROTOCOL §6.1). */
export const GAP_TYPE = 'tidings-gap';

/** Whether an event type is one of the hub's own: one that begins with {@link OWN_TYPE_PREFIX}. */
export function isOwnType(type: string): boolean {
  return type.startsWith(OWN_TYPE_PREFIX);
}
