import { EventStreamError, found } from './errors.ts';
import type { EventFields } from './event.ts';

const FORBIDDEN = /[\0\r\n]/;
const LINE_END = /\r\n|\r|\n/;

/**
 * Writes one event, its blank line included. Whatever the fields hold, a reader gets exactly this one event, or this
 * function throws.
 *
 * The order is comment, event, id, retry, data: a decoder can dispatch at the last line without having buffered any data.
 * A lone surrogate becomes U+FFFD when the result is encoded to UTF-8.
 *
 * @throws {EventStreamError} `ERR_INVALID_FIELD` where a field is of the wrong type, has CR, LF or NUL in `event` or `id`,
 * is unknown, or where there is nothing to write
 */
export function encodeEvent(fields: EventFields): string {
  if (typeof fields !== 'object' || fields === null) {
    throw new EventStreamError(
      'ERR_INVALID_FIELD',
      `Cannot encode an event from ${found(fields)}, allowed is an object of fields`,
    );
  }
  for (const name in fields) {
    if (name !== 'data' && name !== 'event' && name !== 'id' && name !== 'retry' && name !== 'comment') {
      throw refused(name, 'no field has this name', 'event, data, id, retry and comment');
    }
  }
  // Each field is read once, so that what is checked is what is written
  const { event, data, id, retry, comment } = fields;

  let block = '';
  if (comment !== undefined) block += lines(':', 'comment', comment);
  if (event !== undefined && singleLine('event', event) !== '') block += `event: ${event}\n`;
  if (id !== undefined) block += singleLine('id', id) === '' ? 'id:\n' : `id: ${id}\n`;
  if (retry !== undefined) {
    if (!Number.isSafeInteger(retry) || retry < 0) {
      throw refused('retry', `found ${found(retry)}`, 'an integer from 0 to Number.MAX_SAFE_INTEGER, in milliseconds');
    }
    block += `retry: ${retry}\n`;
  }
  if (data !== undefined) block += lines('data:', 'data', data);

  if (block === '') {
    throw new EventStreamError(
      'ERR_INVALID_FIELD',
      'Cannot encode an event without fields, at least one of event (not empty), data, id, retry and comment is needed',
    );
  }
  return `${block}\n`;
}

function lines(prefix: string, name: string, value: string): string {
  if (typeof value !== 'string') throw refused(name, `found ${found(value)}`, 'a string');
  if (!value.includes('\n') && !value.includes('\r')) return line(prefix, value);
  let result = '';
  for (const part of value.split(LINE_END)) result += line(prefix, part);
  return result;
}

function line(prefix: string, value: string): string {
  return value === '' ? `${prefix}\n` : `${prefix} ${value}\n`;
}

function singleLine(name: string, value: string): string {
  if (typeof value !== 'string') throw refused(name, `found ${found(value)}`, 'a string');
  const index = value.search(FORBIDDEN);
  if (index !== -1) {
    const character = { '\0': 'NUL', '\r': 'CR', '\n': 'LF' }[value.charAt(index)];
    throw refused(name, `found ${character} at index ${index}`, 'a string without CR, LF and NUL');
  }
  return value;
}

function refused(name: string, problem: string, allowed: string): EventStreamError {
  return new EventStreamError(
    'ERR_INVALID_FIELD',
    `Cannot encode the field ${found(name)}: ${problem}, allowed is ${allowed}`,
  );
}
