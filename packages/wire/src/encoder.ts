import { found, refuse } from './errors.ts';
import type { EventFields } from './event.ts';

const FORBIDDEN = /[\0\r\n]/;
const LINE_END = /\r\n|\r|\n/;

/**
 * Writes one event as text, including the blank line that ends it. Whatever the fields hold, a reader of the text gets exactly this one
 * event, or this function throws.
 *
 * The fields are written in the order comment, event, id, retry, data. A lone surrogate becomes U+FFFD when the text is encoded to UTF-8.
 *
 * @throws {EventStreamError} `ERR_INVALID_FIELD` if a field is of the wrong type, is unknown, or has CR, LF or NUL in `event` or `id`,
 * and if there is nothing to write
 *
 * @example
 * ```js
 * encodeEvent({ event: 'price', id: '7', data: '42' }); // 'event: price\nid: 7\ndata: 42\n\n'
 * ```
 */
export function encodeEvent(fields: EventFields): string {
  if (typeof fields !== 'object' || fields === null) {
    refuse('ERR_INVALID_FIELD', 'encode an event', `expected an object of fields, found ${found(fields)}`);
  }
  for (const name in fields) {
    if (name !== 'data' && name !== 'event' && name !== 'id' && name !== 'retry' && name !== 'comment') {
      refuseField(name, 'there is no such field, only event, data, id, retry and comment');
    }
  }
  // Each field is read once, so that the value that is checked is the one that is written.
  const { event, data, id, retry, comment } = fields;

  let block = '';
  if (comment !== undefined) block += lines(':', 'comment', comment);
  if (event !== undefined && singleLine('event', event) !== '') block += `event: ${event}\n`;
  if (id !== undefined) block += singleLine('id', id) === '' ? 'id:\n' : `id: ${id}\n`;
  if (retry !== undefined) {
    if (!Number.isSafeInteger(retry) || retry < 0) {
      const expected = 'an integer from 0 to Number.MAX_SAFE_INTEGER, in milliseconds';
      refuseField('retry', `expected ${expected}, found ${found(retry)}`);
    }
    block += `retry: ${retry}\n`;
  }
  if (data !== undefined) block += lines('data:', 'data', data);

  if (block === '') {
    const needed = 'at least one of event (not empty), data, id, retry and comment is needed';
    refuse('ERR_INVALID_FIELD', 'encode an event without fields', needed);
  }
  return `${block}\n`;
}

function lines(prefix: string, name: string, value: string): string {
  if (typeof value !== 'string') refuseField(name, `expected a string, found ${found(value)}`);
  if (!value.includes('\n') && !value.includes('\r')) return line(prefix, value);
  let result = '';
  for (const part of value.split(LINE_END)) result += line(prefix, part);
  return result;
}

function line(prefix: string, value: string): string {
  return value === '' ? `${prefix}\n` : `${prefix} ${value}\n`;
}

function singleLine(name: string, value: string): string {
  if (typeof value !== 'string') refuseField(name, `expected a string, found ${found(value)}`);
  const index = value.search(FORBIDDEN);
  if (index !== -1) {
    const character = { '\0': 'NUL', '\r': 'CR', '\n': 'LF' }[value.charAt(index)];
    refuseField(name, `expected a string without CR, LF and NUL, found ${character} at index ${index}`);
  }
  return value;
}

function refuseField(name: string, reason: string): never {
  refuse('ERR_INVALID_FIELD', `encode the field ${found(name)}`, reason);
}
