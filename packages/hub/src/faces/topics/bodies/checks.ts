import { counted, MAX_NAME_BYTES } from '@tidings/server/log';
import { isOwnType, OWN_TYPE_PREFIX } from '@tidings/wire';
import { Problem } from '../../../http/problem.ts';

/** The other lines of an event: type, id and retry. */
export const OTHER_BYTES: number = 4 * 1024;

// What a line of data is longer by when it is encoded.
const LINE_BYTES = 6;

const CR = 0x0d;
const LF = 0x0a;

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Checks a topic and returns it (PROTOCOL §1). @throws {Problem} `invalid-topic` */
export function checkTopic(topic: string): string {
  const length = Buffer.byteLength(topic);
  if (length === 0) throw new Problem('invalid-topic', 'The topic is empty; it must be 1 to 1024 bytes of UTF-8');
  if (length > MAX_NAME_BYTES) {
    throw new Problem('invalid-topic', `The topic is ${length} bytes long; at most ${MAX_NAME_BYTES} are allowed`);
  }
  if (topic === '.' || topic === '..') {
    throw new Problem('invalid-topic', `The topic ${JSON.stringify(topic)} is not allowed, because URLs drop it`);
  }
  if (CONTROL.test(topic))
    throw new Problem('invalid-topic', `The topic ${JSON.stringify(topic)} has a control character`);
  return topic;
}

/** @throws {Problem} `invalid-event` */
export function checkType(type: string): void {
  if (!isOwnType(type)) return;
  throw new Problem(
    'invalid-event',
    `The type ${JSON.stringify(type)} is the hub's own: types that begin with ${OWN_TYPE_PREFIX} cannot be published`,
  );
}

/**
 * Checks the size of an event's data, as it is and as listeners are sent it: every line of it begins with `data: `.
 * @throws {Problem} `too-large`
 */
export function checkData(data: string, maxBytes: number): void {
  const maxEncoded = 2 * maxBytes + OTHER_BYTES;
  // A UTF-16 unit is at most three bytes of UTF-8, and a line at most LINE_BYTES more than the unit that ends it.
  if (data.length * 3 <= maxBytes && data.length * (LINE_BYTES + 1) <= maxEncoded) return;
  const bytes = Buffer.byteLength(data);
  if (bytes > maxBytes) {
    throw new Problem('too-large', `The event's data is ${counted(bytes, 'byte')}; the limit is ${maxBytes}`);
  }
  const maxLines = Math.floor((maxEncoded - bytes) / LINE_BYTES);
  if (!hasMoreLines(data, maxLines)) return;
  throw new Problem(
    'too-large',
    `The event's data has more than ${counted(maxLines, 'line')}, which is the most for its ${counted(bytes, 'byte')}: with ${LINE_BYTES} bytes more for each line, at most ${maxEncoded} bytes are allowed`,
  );
}

/** Whether a text has more lines than that. It looks no further than it has to. */
function hasMoreLines(text: string, max: number): boolean {
  let lines = 1;
  let before = 0;
  for (let at = 0; at < text.length && lines <= max; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === CR || (unit === LF && before !== CR)) lines += 1;
    before = unit;
  }
  return lines > max;
}

/** @throws {Problem} `invalid-event` */
export function checkRetry(retry: number | undefined, maxMs: number): void {
  if (retry === undefined || retry <= maxMs) return;
  throw new Problem('invalid-event', `The event's retry is ${counted(retry, 'millisecond')}; the limit is ${maxMs}`);
}

/** Whether a text may be the token of a lease, of any hub. */
export function isToken(text: string): boolean {
  return /^[\x21-\x2b\x2d-\x7e]{1,256}$/.test(text);
}
