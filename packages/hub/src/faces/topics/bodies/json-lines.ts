import type { Rights } from '@tidings/server';
import { suggestion, type NewEvent } from '@tidings/server/log';
import { FORGOTTEN_TYPE, GAP_TYPE } from '@tidings/wire';
import { requireAdmin } from '../../../access/require.ts';
import { JsonTextError, kindOf, membersOf, shown, twice, valueOf, type JsonKind } from '../../../http/json-text.ts';
import { Problem } from '../../../http/problem.ts';
import type { HubLimits } from '../../../limits.ts';
import type { BatchEvent } from './batch.ts';
import { checkData, checkRetry, checkTopic, checkType, isToken } from './checks.ts';
import { CLOSED } from './closed.ts';
import { withForgotten } from './forgotten.ts';

const MEMBERS = ['topic', 'data', 'type', 'id', 'retry', 'key', 'forget', 'private', 'lease', 'close'] as const;
type Member = (typeof MEMBERS)[number];

const KINDS: Readonly<Record<Exclude<Member, 'data'>, JsonKind>> = {
  topic: 'a string',
  type: 'a string',
  id: 'a string',
  retry: 'a number',
  key: 'a string',
  forget: 'a boolean',
  private: 'a boolean',
  lease: 'a string',
  close: 'a boolean',
};

// A character takes at most this many in a string of JSON.
const ESCAPED = 6;

// The other members of a line: names of 1,024 bytes, escaped.
const OTHERS_BYTES = 64 * 1024;

const LF = 0x0a;

// Other requests are handled between two pieces of white space.
const PIECE_BYTES = 64 * 1024;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** What lines are read for. */
export interface LinesTarget {
  readonly limits: HubLimits;
  readonly rights: Rights;
  /** The tokens of leases that lines name are added to these. */
  readonly leases: Set<string>;
  /** Called for a line with a lease or an end. It throws if the log knows neither. */
  readonly requireStates: () => void;
}

/**
 * Reads lines of JSON, an event each (PROTOCOL §4.11). Lines with nothing but white space are left out.
 * @throws {Problem} `invalid-event`, `invalid-topic`, `too-large`, `unsupported`, with the number of the line. `unauthorized` or `forbidden` for events that only a sender that may administer can publish
 */
export function* readLines(bytes: Uint8Array, target: LinesTarget): Generator<BatchEvent, undefined, undefined> {
  const maxBytes = ESCAPED * target.limits.maxEventBytes + OTHERS_BYTES;
  let number = 1;
  for (let start = 0; start < bytes.length;) {
    const first = bytes[start] ?? LF;
    if (isBlank(first)) {
      // Lines of white space are no events, so their number is not bounded: they are passed over in pieces, without a step for each.
      const from = start;
      for (; start < bytes.length && start - from < PIECE_BYTES && isBlank(bytes[start] ?? 0); start += 1) {
        if (bytes[start] === LF) number += 1;
      }
      yield { event: undefined, place: '', bytes: start - from };
      continue;
    }
    const found = bytes.indexOf(LF, start);
    const end = found === -1 ? bytes.length : found;
    const place = `Line ${number}`;
    if (end - start > maxBytes) {
      throw new Problem('too-large', `${place}: it is ${end - start} bytes; at most ${maxBytes} are allowed`);
    }
    const text = textOf(bytes.subarray(start, end), place);
    yield { event: () => eventOf(text, target), place, bytes: end - start };
    start = end;
  }
}

/** Whether a byte is the end of a line, or white space that may be before or behind its JSON. */
function isBlank(byte: number): boolean {
  return byte === LF || byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

function textOf(line: Uint8Array, place: string): string {
  try {
    return decoder.decode(line);
  } catch (error) {
    throw new Problem('invalid-event', `${place}: it is not valid UTF-8`, { cause: error });
  }
}

function eventOf(line: string, { limits, rights, leases, requireStates }: LinesTarget): NewEvent {
  const members = readMembers(line);
  const topic = checkTopic(required(members.topic, 'topic'));
  const { type, id, retry, key, forget = false, lease, close = false } = members;
  const data = dataOf(required(members.dataText, 'data'), limits.maxEventBytes);
  if (type === GAP_TYPE || type === FORGOTTEN_TYPE) requireAdmin(rights, `publish events of the type ${type}`);
  else if (type !== undefined) checkType(type);
  if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0)) {
    throw invalid(`its retry is ${retry}, but must be a whole number of milliseconds from 0`);
  }
  checkRetry(retry, limits.maxRetryMs);
  if (forget && key === undefined) throw invalid('its forget needs key, which names the key to forget');
  if (lease !== undefined || close) requireStates();
  if (lease !== undefined) {
    if (!isToken(lease)) throw invalid('its lease is no token that PUT ?lease was answered');
    leases.add(lease);
  }
  return withForgotten({
    topics: [topic],
    fields: {
      ...(close && data === '' && !type ? CLOSED : { data }),
      ...(type === undefined || type === '' ? {} : { event: type }),
      ...(id === undefined ? {} : { id }),
      ...(retry === undefined ? {} : { retry }),
    },
    private: members.private ?? false,
    ...(key === undefined ? {} : { latestKey: key, forget }),
    ...(close ? { final: true } : {}),
  });
}

interface Members {
  readonly topic?: string;
  /** The text of the JSON value. */
  readonly dataText?: string;
  readonly type?: string;
  readonly id?: string;
  readonly retry?: number;
  readonly key?: string;
  readonly forget?: boolean;
  readonly private?: boolean;
  readonly lease?: string;
  readonly close?: boolean;
}

function readMembers(line: string): Members {
  const read: Record<string, unknown> = {};
  for (const [name, text] of membersOf(line)) {
    if (!isMember(name)) {
      const nearest = name.length > 64 ? '' : suggestion(name, MEMBERS);
      throw invalid(`it has the member ${shown(name)}; allowed are ${MEMBERS.join(', ')}${nearest}`);
    }
    const as = name === 'data' ? 'dataText' : name;
    if (Object.hasOwn(read, as)) throw twice(name);
    if (name === 'data') {
      read[as] = text;
      continue;
    }
    const [kind, allowed] = [kindOf(text), KINDS[name]];
    if (kind !== allowed) throw invalid(`its ${name} is ${kind}, but must be ${allowed}`);
    const value = valueOf(text);
    if (typeof value === 'string' && !value.isWellFormed()) throw loneSurrogate(name);
    read[as] = value;
  }
  return read;
}

/** The data of an event: a string, or the text of any other JSON value. */
function dataOf(text: string, maxBytes: number): string {
  if (kindOf(text) !== 'a string') {
    // Before it is parsed: it could become many times as large in memory.
    checkData(text, maxBytes);
    valueOf(text);
    return text;
  }
  const data = valueOf(text) as string;
  if (!data.isWellFormed()) throw loneSurrogate('data');
  checkData(data, maxBytes);
  return data;
}

function isMember(name: string): name is Member {
  return (MEMBERS as readonly string[]).includes(name);
}

function required<T>(value: T | undefined, name: Member): T {
  if (value !== undefined) return value;
  throw invalid(`it has no ${name}; an event needs topic and data`);
}

function loneSurrogate(name: string): JsonTextError {
  return invalid(`its ${name} has a lone surrogate, which cannot be written in UTF-8`);
}

function invalid(message: string): JsonTextError {
  return new JsonTextError(message);
}
