import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { LogEntry } from '@tidings/server/log';
import { NatsError } from '../errors.ts';
import type { ReplicaRecord } from './replica.ts';

const FORMAT = 1;

// Lines that are written or read before others have their turn.
const LINES = 1000;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

type Line =
  | { readonly format: number; readonly record: Omit<ReplicaRecord, 'log'>; readonly log: object }
  | { readonly topics: unknown }
  | { readonly values: unknown }
  | { readonly keys: unknown }
  | { readonly trimmed: unknown }
  | readonly unknown[];

/** The text of a snapshot in parts of at most so many bytes, but for lines that are longer: one line for each event, and lines for what else is kept. */
export async function* writeSnapshot(
  { log, ...record }: ReplicaRecord,
  maxBytes: number,
): AsyncGenerator<Uint8Array, undefined, undefined> {
  let waiting = '';
  let count = 0;
  for (const line of linesOf(log, record)) {
    waiting += `${JSON.stringify(line)}\n`;
    // A character takes at most three bytes.
    while (waiting.length * 3 > maxBytes) {
      const end = Math.floor(maxBytes / 3);
      // A pair of surrogates stays together.
      const cut = /[\uD800-\uDBFF]/.test(waiting[end - 1] ?? '') ? end - 1 : end;
      if (waiting.length <= cut) break;
      yield encoder.encode(waiting.slice(0, cut));
      waiting = waiting.slice(cut);
    }
    count += 1;
    if (count % LINES === 0) await turnOfTheLoop();
  }
  if (waiting !== '') yield encoder.encode(waiting);
}

function* linesOf(
  log: ReplicaRecord['log'],
  record: Omit<ReplicaRecord, 'log'>,
): Generator<Line, undefined, undefined> {
  const { entries, topics, values, keys, trimmed, ...rest } = log;
  yield { format: FORMAT, record, log: rest };
  for (const some of inGroups(topics)) yield { topics: some };
  for (const some of inGroups(values)) yield { values: some };
  for (const some of inGroups(keys)) yield { keys: some };
  for (const some of inGroups(trimmed.topics)) yield { trimmed: some };
  yield { trimmed: trimmed.floor };
  for (const entry of entries) yield rowOf(entry);
}

function* inGroups<T>(all: readonly T[]): Generator<readonly T[], undefined, undefined> {
  for (let at = 0; at < all.length; at += LINES) yield all.slice(at, at + LINES);
}

function rowOf({
  seq,
  id,
  topics,
  time,
  private: isPrivate,
  latestKey,
  forgets,
  final,
  frame,
}: LogEntry): readonly unknown[] {
  const flags = (isPrivate ? 1 : 0) + (forgets === true ? 2 : 0) + (final === true ? 4 : 0);
  return [seq, id, topics, time, flags, decoder.decode(frame), ...(latestKey === undefined ? [] : [latestKey])];
}

function entryOf(row: readonly unknown[]): LogEntry {
  const [seq, id, topics, time, flags, frame, latestKey] = row as [
    number,
    string,
    string[],
    number,
    number,
    string,
    string?,
  ];
  const entry = { seq, id, topics, time, private: (flags & 1) > 0, frame: encoder.encode(frame) };
  return {
    ...entry,
    ...(latestKey === undefined ? {} : { latestKey }),
    ...((flags & 2) > 0 ? { forgets: true } : {}),
    ...((flags & 4) > 0 ? { final: true } : {}),
  };
}

/** @throws {NatsError} `ERR_STORE_FORMAT` */
export async function readSnapshot(text: AsyncIterable<Uint8Array>): Promise<ReplicaRecord> {
  const found: { record?: Omit<ReplicaRecord, 'log'>; log?: object } = {};
  const lists = { topics: [] as unknown[], values: [] as unknown[], keys: [] as unknown[] };
  const trimmed: { topics: unknown[]; floor: unknown } = { topics: [], floor: { all: 0, public: 0 } };
  const entries: LogEntry[] = [];
  const take = (line: string): void => {
    const read = JSON.parse(line) as Record<string, unknown> | readonly unknown[];
    if (Array.isArray(read)) {
      entries.push(entryOf(read as readonly unknown[]));
      return;
    }
    for (const [name, value] of Object.entries(read)) {
      if (name === 'format' && value !== FORMAT) {
        throw new NatsError(
          'ERR_STORE_FORMAT',
          `The snapshot has the format ${String(value)}; this version reads ${FORMAT}`,
        );
      }
      if (name === 'trimmed' && Array.isArray(value)) trimmed.topics.push(...(value as unknown[]));
      else if (name === 'trimmed') trimmed.floor = value;
      else if (name === 'topics' || name === 'values' || name === 'keys') lists[name].push(...(value as unknown[]));
      else Object.assign(found, { [name]: value });
    }
  };
  const stream = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const part of text) {
    const lines = (rest + stream.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
    await turnOfTheLoop();
  }
  if (!found.record || rest !== '') throw new NatsError('ERR_STORE_FORMAT', 'The snapshot of the log ends too early');
  return { ...found.record, log: { ...found.log, ...lists, trimmed, entries } } as unknown as ReplicaRecord;
}
