import { check, refuse } from '../subscription/option-checks.ts';
import { messageOf } from '../errors.ts';
import { meant } from './meant.ts';

/** An event to publish. */
export interface NewEvent {
  /**
   * A string is published as it is. Any other value is published as its JSON text, which leaves out properties that are `undefined`. What JSON does not have
   * is refused, however deep it is: `NaN`, a `Map`, a function, bytes in any form, and `undefined` in an array.
   * @default '' with `close` or `forget`; without them it has to be given
   */
  readonly data?: unknown;
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
  /**
   * Whether it is the last event of its topic, which is closed then. Without `data` and `type` it is the hub's own `tidings-closed`.
   * @default false
   */
  readonly close?: boolean | undefined;
  /**
   * The token of the topic's lease, if it is leased. `publish` of a lease gives it.
   * @default none
   */
  readonly lease?: string | undefined;
}

const MEMBERS: Readonly<Record<string, 'string' | 'number' | 'boolean'>> = {
  type: 'string',
  id: 'string',
  retry: 'number',
  key: 'string',
  forget: 'boolean',
  private: 'boolean',
  close: 'boolean',
  lease: 'string',
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
    if (!type) {
      const names = ['data', ...Object.keys(MEMBERS)];
      refuse(`an event has no ${name}, only ${names.join(', ')}${meant(name, names)}`);
    }
    check(typeof value === type, `event.${name}`, `a ${type}`, value);
  }
  const { type, id, retry, key, forget, private: isPrivate, close, lease } = event;
  const { data = close || forget ? '' : undefined } = event;
  if (data === undefined) refuse('event.data is missing');
  const line = { topic, data, type, id, retry, key, forget, private: isPrivate, close, lease };
  try {
    return JSON.stringify(line, checkValue);
  } catch (error) {
    refuse(`event has no JSON: ${messageOf(error)}`, error);
  }
}

/** An event of a line that was encoded. */
export function decodeEvent(line: string): { readonly topic: string; readonly event: NewEvent } {
  const { topic, ...event } = JSON.parse(line) as NewEvent & { readonly topic: string };
  return { topic, event };
}

/**
 * Refuses what JSON does not have and would change. `JSON.stringify` calls it with each member, and with what that is in JSON. One that is undefined is left out.
 * @throws TypeError
 */
function checkValue(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  const given = this[name];
  if (typeof value === 'string' || (given === undefined && !Array.isArray(this))) return value;
  const kind = {}.toString.call(given).slice(8, -1);
  if (ArrayBuffer.isView(given) || /Buffer$|^Blob$|^File$/.test(kind)) {
    throw new TypeError(`found bytes (${kind}) as ${name}, publish them as base64 text, or the URL where they are`);
  }
  if (/^Object$|^Array$/.test(kind)) return value;
  const json = JSON.stringify(value) as string | undefined;
  // Of an object without members of its own, such as a Map, JSON says nothing. An invalid Date and NaN are null in JSON.
  if (json === undefined || json === '{}' || (json === 'null' && given !== null)) {
    const found = typeof given === 'number' ? given : kind;
    throw new TypeError(`found ${found} as ${name}, publish text, an array or a plain object in its place`);
  }
  return value;
}

/** How many bytes a text has in UTF-8. */
export function byteLength(text: string): number {
  return /^[\0-\x7F]*$/.test(text) ? text.length : new TextEncoder().encode(text).length;
}
