import type { PreparedEvent } from '@tidings/server/log';
import { CHECKSUM_BYTES } from './checksum.ts';
import { NAME_HEADER, namesInRecord } from './names.ts';
import { DIGEST_BYTES } from './type-digest.ts';

// LMDB keeps rows in pages, sorted, and what is longer than half a page in pages of its own. A page has less room for rows than it has bytes.
const PAGE = 4096;
const ROOM = 4080;

// What a row has beside its key and value; and what a sequence number and its separator take in a key.
const ROW = 18;
const SEQ = 12;

// What the digest of a type takes there.
const DIGEST = 10;

// How full the pages are of a table whose rows come in any order.
const FILL = 2 / 3;

// What else is remembered with a topic, and with the key of an append, and what a topic takes in memory.
const TOPIC_VALUE = 60;
const TOPIC_MEMORY = 500;
const KEY_VALUE = 80;

// The same for what is remembered of a topic beside its events.
const STATE_VALUE = 200;
const STATE_MEMORY = 700;

// What a record has in front of names and frame.
const RECORD_HEADER = 10;

// The `id:` line that a log adds to an event.
const ID_LINE = 40;

// What an event costs in memory while it waits, beside its bytes.
const WAITING = 600;

/**
 * What an event costs on disk.
 * @param headerBytes what its record has in front of the frame: the names
 * @param names how many these are: topics, and the publisher's id
 */
export function costOfRecord(headerBytes: number, frameBytes: number, names: number): number {
  const record = headerBytes + frameBytes + CHECKSUM_BYTES + ROW;
  const run = runOf(record);
  // Events come in the order of their table. All the same there is room in a page for one more, except in its last.
  const inPages = run > 0 ? run * PAGE : PAGE / Math.max(1, Math.floor(ROOM / record) - 1);
  return Math.ceil(inPages + names * costOfRow(headerBytes / names + SEQ));
}

/** How many pages of its own a record takes, one behind the other; 0 if it lies in a page with others. */
function runOf(record: number): number {
  return record > ROOM / 2 ? Math.ceil((record + ROW) / PAGE) : 0;
}

/**
 * What it costs that an event is found by its type, in each of its topics. It does not count for the topics: what is public of them would show private types.
 * @param headerBytes what its record has in front of the frame, without the digest
 */
export function costOfTypes(headerBytes: number, names: number, topics: number): number {
  return Math.ceil(DIGEST_BYTES + topics * costOfRow(headerBytes / names + SEQ + DIGEST));
}

/** What the rows of an event are found by. */
interface Rows {
  readonly topics: readonly string[];
  readonly named: boolean;
  readonly typeDigest?: number | undefined;
}

/** What events that wait will cost on disk, what they cost in memory until then, and how many pages the largest takes one behind the other. */
interface Costs {
  readonly disk: number;
  readonly memory: number;
  readonly run: number;
}

function costsOfPrepared(event: PreparedEvent): Costs {
  const { id, topics, body, latestKey, type } = event;
  const ownBytes = id === undefined ? 0 : Buffer.byteLength(id);
  const names = id === undefined ? topics.length : topics.length + 1;
  let header = RECORD_HEADER + namesInRecord(topics).length;
  if (id !== undefined) header += NAME_HEADER + ownBytes;
  if (latestKey !== undefined) header += NAME_HEADER + Buffer.byteLength(latestKey);
  const types = type === undefined ? 0 : costOfTypes(header, names, topics.length);
  const frame = body.length + ID_LINE + ownBytes;
  return {
    disk: costOfRecord(header, frame, names) + types,
    memory: WAITING + body.length + 2 * header,
    run: runOf(header + frame + CHECKSUM_BYTES + DIGEST_BYTES + ROW),
  };
}

/** The same of a batch. */
export function costsOfBatch(events: readonly PreparedEvent[]): Costs {
  let [disk, memory, run] = [0, 0, 1];
  events.forEach((event) => {
    const costs = costsOfPrepared(event);
    disk += costs.disk;
    memory += costs.memory;
    run = Math.max(run, costs.run);
  });
  return { disk, memory, run };
}

/** How many rows an event has in the tables that it is found by. */
export function rowsOf({ topics, named, typeDigest }: Rows): number {
  return 1 + topics.length * (typeDigest === undefined ? 1 : 2) + (named ? 1 : 0);
}

/** How many rows a batch changes in pages that its events need not share: those of its topics, and of ids of the publisher. */
export function rowsOfBatch(events: readonly PreparedEvent[]): number {
  const topics = new Set<string>();
  let [rows, perTopic] = [0, 2];
  for (const event of events) {
    for (const topic of event.topics) topics.add(topic);
    if (event.id !== undefined) rows += 1;
    if (event.type !== undefined) perTopic = 3;
  }
  return rows + topics.size * perTopic;
}

/** What a topic costs for as long as any of its events is kept. */
export function costOfTopic(topic: string): number {
  const bytes = Buffer.byteLength(topic);
  return Math.ceil(costOfRow(bytes + TOPIC_VALUE) + TOPIC_MEMORY + 2 * bytes);
}

/** What it costs to remember which event is the newest of a key of a topic; without a key, that a topic has such keys. */
export function costOfLatest(topic: string, name: string = ''): number {
  return Math.ceil(costOfRow(Buffer.byteLength(topic) + Buffer.byteLength(name) + SEQ));
}

/** What a key of an append costs, with what is remembered of it. */
export function costOfKey(key: string, about: string): number {
  const bytes = Buffer.byteLength(key);
  return Math.ceil(costOfRow(bytes + Buffer.byteLength(about) + KEY_VALUE) + costOfRow(bytes + SEQ));
}

/** What it costs to remember more of a topic than its events. */
export function costOfState(topic: string): number {
  const bytes = Buffer.byteLength(topic);
  return Math.ceil(costOfRow(bytes + STATE_VALUE) + STATE_MEMORY + 2 * bytes);
}

/** What a row costs in a table whose rows come in any order, with its part of the pages that lead to it. */
function costOfRow(bytes: number): number {
  const rows = FILL * Math.floor(ROOM / (bytes + ROW));
  return PAGE / (Math.max(2, rows) - 1);
}
