import {
  CLOSED_TYPE,
  DEFAULT_MAX_EVENT_BYTES,
  encodeEvent,
  FORGOTTEN_TYPE,
  GAP_TYPE,
  isOwnType,
  OWN_TYPE_PREFIX,
  type EventFields,
} from '@tidings/wire';
import { counted, ServerError, shown, suggestion } from '../../errors.ts';
import type { LogEntry, NewEvent } from '../entry.ts';
import type { AppendOptions } from '../event-log.ts';
import { checkAppendOptions } from './append-options.ts';
import { EARLIEST, formatCursor, isCursor, type Position } from '../position.ts';
import { NO_TYPE } from '../type-of.ts';
import { encodeBodies, framed } from './bodies.ts';
import { checkPlace } from './field-place.ts';
import { digestOf } from './digest.ts';
import { checkGap } from './gap.ts';
import type { PreparedBatch, PreparedEvent, PrepareOptions } from './prepared.ts';

/** The longest topic, type and id, in bytes of UTF-8 (PROTOCOL §1, §4). They are keys and header values. */
export const MAX_NAME_BYTES = 1024;

// What each line of data takes beside it at least: `data:`.
const LINE_BYTES = 5;

/** The types of a log's own that an event may have. */
const APPENDED: readonly string[] = [GAP_TYPE, FORGOTTEN_TYPE];

const CR = 0x0d;
const LF = 0x0a;

const NO_BYTES = new Uint8Array();

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Checks and encodes a batch when it arrives, so that a bad one is refused to its own publisher and writing it cannot fail.
 * @throws {ServerError} `ERR_INVALID_EVENT`, `ERR_EVENT_TOO_LARGE`, and `ERR_INVALID_OPTION` for the options
 */
export function prepareBatch(
  events: readonly NewEvent[],
  options: AppendOptions,
  { maxEventBytes = DEFAULT_MAX_EVENT_BYTES, apart = false }: PrepareOptions = {},
): PreparedBatch {
  const { key, digest, leases, conditions } = checkAppendOptions(options);
  if (events.length === 0) throw invalid('Cannot append a batch without an event');
  let before: Unencoded | undefined;
  const texts: string[] = [];
  const prepared = events.map((event) => {
    before = prepareEvent(event, maxEventBytes, texts, before);
    return before;
  });
  const bodies = encodeBodies(texts, apart);
  prepared.forEach((event, index) => {
    const body = bodies[index] ?? NO_BYTES;
    checkSize(body.length, maxEventBytes);
    event.body = body;
    event.room = body.buffer;
  });
  const bound = key === undefined ? undefined : (digest ?? digestOf(prepared, events));
  return { events: prepared, key, digest: bound, leases, conditions };
}

const EVENT_NAMES: Readonly<Record<keyof NewEvent, true>> = {
  topics: true,
  fields: true,
  private: true,
  latestKey: true,
  forget: true,
  final: true,
};

/** An event that has been checked. Its body comes later. */
interface Unencoded extends PreparedEvent {
  body: Uint8Array;
  room: ArrayBufferLike | undefined;
}

/**
 * @param texts where the text of its body is added
 * @param before the event before it, whose topics are nearly always the same
 */
function prepareEvent(
  event: NewEvent,
  maxBytes: number,
  texts: string[],
  before: PreparedEvent | undefined,
): Unencoded {
  if (typeof event !== 'object' || event === null) {
    throw invalid(`An event of the batch is ${shown(event)}, but must be an object with topics and fields`);
  }
  const { fields, private: isPrivate = false, latestKey, forget = false, final = false } = event;
  const topics = readTopics(event.topics, before?.topics);
  // Who wrote 'no' or 0 and who wrote 'yes' or 1 meant different things.
  if (typeof isPrivate !== 'boolean') {
    throw invalid(`The member private of an event is ${shown(isPrivate)}, but must be true or false`);
  }
  if (typeof final !== 'boolean') {
    throw invalid(`The member final of an event is ${shown(final)}, but must be true or false`);
  }
  if (latestKey !== undefined) checkName("event's key", latestKey);
  if (typeof forget !== 'boolean') {
    throw invalid(`The member forget of an event is ${shown(forget)}, but must be true or false`);
  }
  if (forget && latestKey === undefined)
    throw invalid('An event that forgets a key needs a latestKey, and none was given');
  const { data, event: type, id, retry, comment } = readFields(fields);
  // An event with a misspelled `private` would be given to everybody.
  for (const name in event) if (!Object.hasOwn(EVENT_NAMES, name)) throw unknownMember(name);
  if (id !== undefined) checkId(id);
  if (type !== undefined && type !== '') checkType(type, final);
  if (type === GAP_TYPE) checkGap(data);
  const withoutId = { data, event: type, retry, comment };
  // Before it is encoded: a text of line ends alone becomes six times as long.
  checkSize(leastBytes(withoutId, maxBytes), maxBytes);
  texts.push(textOf(withoutId));
  const prepared = {
    topics,
    private: isPrivate,
    id: id && copyOf(id),
    type: type === '' || type === NO_TYPE ? undefined : type,
    body: NO_BYTES,
    room: undefined,
    final,
  };
  return latestKey === undefined ? prepared : { ...prepared, latestKey: copyOf(latestKey), forget };
}

/** The topics of an event, each once, in a list that nobody else changes: that of the event before it, if it has the same one. */
function readTopics(topics: readonly string[], before: readonly string[] | undefined): readonly string[] {
  if (!Array.isArray(topics)) {
    throw invalid(`The topics of an event are ${shown(topics)}, but must be an array of strings`);
  }
  const [first] = topics as readonly string[];
  if (topics.length === 1 && before?.length === 1 && before[0] === first) return before;
  if (topics.length === 0) throw invalid('An event needs a topic, and none was given');
  for (const topic of topics as readonly string[]) checkTopic(topic);
  return topics.length === 1 ? [first as string] : [...new Set(topics as readonly string[])];
}

const FIELD_NAMES: Readonly<Record<keyof EventFields, true>> = {
  data: true,
  event: true,
  id: true,
  retry: true,
  comment: true,
};

function textOf(fields: EventFields): string {
  try {
    return encodeEvent(fields);
  } catch (error) {
    throw new ServerError('ERR_INVALID_EVENT', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

/** How many bytes an event takes at least. If even with a line end at each character there would be room, the lines are not counted. */
function leastBytes({ data = '', comment = '' }: EventFields, maxBytes: number): number {
  if (typeof data !== 'string' || typeof comment !== 'string') return 0;
  let bytes = data.length + comment.length;
  if (bytes > maxBytes || data.length * (LINE_BYTES + 1) <= maxBytes) return bytes;
  let before = 0;
  for (let at = 0; at < data.length; at += 1) {
    const unit = data.charCodeAt(at);
    if (unit === CR) bytes += LINE_BYTES;
    // A CR and an LF are one line end, and become an LF.
    else if (unit === LF) bytes += before === CR ? -1 : LINE_BYTES;
    before = unit;
  }
  return bytes;
}

/** @throws {ServerError} `ERR_EVENT_TOO_LARGE` */
function checkSize(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new ServerError(
    'ERR_EVENT_TOO_LARGE',
    `Cannot append an event that takes ${counted(bytes, 'byte')} or more when it is sent; the limit is ${maxBytes}`,
  );
}

/** Reads every field once, also one that is inherited or computed, so that what is checked is what is written. */
function readFields(fields: EventFields): EventFields {
  if (typeof fields !== 'object' || fields === null) {
    throw invalid(`The fields of an event are ${shown(fields)}, but must be an object such as { data: 'hello' }`);
  }
  const { data, event, id, retry, comment } = fields;
  // Not Object.keys, which makes a list for each event.
  for (const name in fields) if (!Object.hasOwn(FIELD_NAMES, name) && Object.hasOwn(fields, name)) refuseField(name);
  if (data === undefined && event === undefined && id === undefined && retry === undefined) {
    const given = comment === undefined ? 'none' : 'a comment, which is no event';
    throw invalid(`There is nothing to publish: an event needs data, event, id or retry, and has ${given}`);
  }
  if (data === undefined) return { data: '', event, id, retry, comment };
  // The encoder refuses null.
  return { data, event, id, retry, comment };
}

/** Refuses a field that has another name than those of an event. @throws {ServerError} `ERR_INVALID_EVENT` */
function refuseField(name: string): void {
  checkPlace(name);
  textOf({ [name]: undefined });
}

/**
 * Gives a prepared event its place, and returns the entry with its frame.
 * @param topics the same topics, if the log has them in a list that is kept anyway
 */
export function placeEvent(
  event: PreparedEvent,
  epoch: string,
  seq: number,
  time: number,
  topics: readonly string[] = event.topics,
): LogEntry {
  const id = event.id ?? formatCursor({ epoch, seq });
  const frame = framed(event, id);
  const { latestKey, forget, final, private: isPrivate } = event;
  const entry = { seq, id, topics, time, private: isPrivate, frame };
  if (latestKey === undefined && !final) return entry;
  return {
    ...entry,
    ...(latestKey === undefined ? {} : { latestKey }),
    ...(forget === true ? { forgets: true } : {}),
    ...(final ? { final } : {}),
  };
}

/** The entry that tells followers that a topic was deleted. */
export function deletionOf(topic: string, isPrivate: boolean, position: Position, time: number): LogEntry {
  const { seq } = position;
  return {
    seq,
    id: formatCursor(position),
    topics: [topic],
    time,
    private: isPrivate,
    frame: new Uint8Array(),
    deletes: true,
  };
}

/** Returns the text with memory of its own: a text that was cut out of another one keeps that in memory. */
export function copyOf(text: string): string {
  return decoder.decode(encoder.encode(text));
}

/** @throws {ServerError} `ERR_INVALID_EVENT` if no topic may have the name */
export function checkTopic(topic: string): void {
  checkName('topic', topic);
  if (topic === '.' || topic === '..') {
    throw invalid(`The topic ${JSON.stringify(topic)} is not allowed, because URLs drop it`);
  }
}

/**
 * A listener would take a heartbeat for the log's own, and skip it.
 * @throws {ServerError} `ERR_INVALID_EVENT` if no event, or only a final one, may have the type
 */
export function checkType(type: string, isFinal: boolean): void {
  checkName('event type', type);
  if (!isOwnType(type) || APPENDED.includes(type) || (isFinal && type === CLOSED_TYPE)) return;
  throw invalid(
    `The type ${JSON.stringify(type)} is reserved: of those that begin with ${OWN_TYPE_PREFIX}, only ${APPENDED.join(' and ')} can be appended, and ${CLOSED_TYPE} by a final event`,
  );
}

function checkId(id: string): void {
  checkName('id', id);
  if (id === EARLIEST || id.startsWith('#')) {
    throw invalid(`The id ${JSON.stringify(id)} is reserved: an id may not be "earliest" and may not begin with "#"`);
  }
  if (id.startsWith(' ') || id.endsWith(' ')) {
    throw invalid(`The id ${JSON.stringify(id)} begins or ends with a space, which HTTP leaves out of Last-Event-ID`);
  }
  // Of any epoch: a listener may come with a cursor of another log, and has to be told that it is one.
  if (isCursor(id)) {
    throw invalid(`The id ${JSON.stringify(id)} has the form of a cursor, so it could not be distinguished from one`);
  }
}

function checkName(what: string, text: string): void {
  if (typeof text !== 'string') throw invalid(`The ${what} is ${shown(text)}, but must be a string`);
  if (text === '') throw invalid(`The ${what} is empty; 1 to ${MAX_NAME_BYTES} bytes are allowed`);
  if (CONTROL.test(text))
    throw invalid(`The ${what} ${JSON.stringify(text)} has a control character, which is not allowed`);
  if (!text.isWellFormed())
    throw invalid(`The ${what} ${JSON.stringify(text)} has a lone surrogate, which is not allowed`);
  // A UTF-16 unit is at most three bytes of UTF-8, so short names need no encoding to be measured.
  if (text.length * 3 > MAX_NAME_BYTES && encoder.encode(text).length > MAX_NAME_BYTES) {
    throw invalid(`The ${what} is ${encoder.encode(text).length} bytes long; at most ${MAX_NAME_BYTES} are allowed`);
  }
}

function unknownMember(name: string): ServerError {
  const known = Object.keys(EVENT_NAMES);
  return invalid(`An event has ${JSON.stringify(name)}; allowed are ${known.join(', ')}${suggestion(name, known)}`);
}

function invalid(message: string): ServerError {
  return new ServerError('ERR_INVALID_EVENT', message);
}
