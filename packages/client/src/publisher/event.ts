import { check, refuse } from '../subscription/option-checks.ts';
import { messageOf } from '../errors.ts';

/** An event to publish. */
export interface NewEvent {
  /** A string is published as it is. Any other value that JSON has is published as its JSON text. */
  readonly data: unknown;
  /**
   * The event type: at most 1,024 bytes of UTF-8. Those that begin with `tidings-` are the hub's own.
   * @default 'message'
   */
  readonly type?: string | undefined;
  /**
   * The event's id: 1 to 1,024 bytes of UTF-8 (PROTOCOL §4.4).
   * @default a cursor of the hub
   */
  readonly id?: string | undefined;
  /** The reconnection time that listeners take from the event, in milliseconds, from 0. */
  readonly retry?: number | undefined;
  /** Of the events with the same key a topic that keeps the latest only keeps the newest. */
  readonly key?: string | undefined;
  /**
   * Whether such a topic forgets the value of the key with this event. It needs a `key`.
   * @default false
   */
  readonly forget?: boolean | undefined;
  /**
   * Whether only listeners get it whose rights name the topic for private events.
   * @default false
   */
  readonly private?: boolean | undefined;
}

const MEMBERS: Readonly<Record<string, 'string' | 'number' | 'boolean'>> = {
  type: 'string',
  id: 'string',
  retry: 'number',
  key: 'string',
  forget: 'boolean',
  private: 'boolean',
};

/**
 * An event as a line of the request (PROTOCOL §4), without its end. What it says does not change any more, whatever the caller does with its
 * objects.
 * @throws InvalidOptionError where it cannot be such a line. Everything else is left to the hub
 */
export function encodeEvent(topic: string, event: NewEvent): string {
  check(typeof topic === 'string', 'topic', 'a string', topic);
  check(event !== null && typeof event === 'object', 'event', 'an object with data', event);
  for (const [name, value] of Object.entries(event)) {
    if (name === 'data' || value === undefined) continue;
    const type = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (!type) refuse(`an event has no ${name}, only data, ${Object.keys(MEMBERS).join(', ')}`);
    check(typeof value === type, `event.${name}`, `a ${type}`, value);
  }
  const { data, type, id, retry, key, forget, private: isPrivate } = event;
  let json: string | undefined;
  let cause: unknown;
  try {
    json = JSON.stringify(data) as string | undefined;
  } catch (error) {
    cause = error;
  }
  const found = cause === undefined ? typeof data : messageOf(cause);
  check(json !== undefined, 'event.data', 'a string or another value of JSON', found, { cause });
  return JSON.stringify({ topic, data, type, id, retry, key, forget, private: isPrivate });
}

/** How many bytes a text has in UTF-8. */
export function byteLength(text: string): number {
  return /^[\0-\x7F]*$/.test(text) ? text.length : new TextEncoder().encode(text).length;
}
