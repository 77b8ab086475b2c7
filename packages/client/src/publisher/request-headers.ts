import { check, readHeaders } from '../subscription/option-checks.ts';
import type { RequestHeaders } from '../transport/fetch.ts';

/** The headers that a caller gives, with their names in lower case. @throws InvalidOptionError */
export function readRequestHeaders(headers: RequestHeaders): Record<string, string> {
  const read = isRecord(headers) ? readRecord(headers) : Object.fromEntries(readHeaders(headers));
  for (const name of OWN_HEADERS) {
    check(read[name] === undefined, 'headers', `without ${name}, which the publisher sets`, read[name]);
  }
  return read;
}

const OWN_HEADERS = ['accept', 'content-type', 'idempotency-key', 'tidings-lease'];

function isRecord(headers: RequestHeaders): headers is Readonly<Record<string, string>> {
  const prototype: unknown = Object.getPrototypeOf(headers);
  return (prototype === Object.prototype || prototype === null) && !(Symbol.iterator in headers);
}

/** Reads headers as `Headers` does, whose first use makes Node load all of its fetch: 100 ms and 16 MB. */
function readRecord(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const read: Record<string, string> = {};
  for (const [name, given] of Object.entries(headers)) {
    const value = String(given).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
    const isValid = /^[\w!#-'*+.^`|~-]+$/.test(name) && !/[\0\n\r\u{100}-\u{10FFFF}]/u.test(value);
    check(isValid, 'headers', 'valid HTTP headers', `${name}: ${value}`);
    const key = name.toLowerCase();
    read[key] = read[key] === undefined ? value : `${read[key]}, ${value}`;
  }
  return read;
}
