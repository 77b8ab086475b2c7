import type { LogEntry, ReadRequest, Selection } from '@tidings/server/log';
import type { LmdbStore } from './store.ts';
import { decodeRecord, type KeptEntry } from './record.ts';

// How many events a page may look at where it has to look at all: bounds how long one reader holds up the others.
const MAX_SCANNED = 4096;

/** What a page holds, before it is known what is missing from it. */
export interface ReadEntries {
  readonly entries: readonly LogEntry[];
  readonly through: number;
}

/** Reads a page: by the index of the topics where they are named, else by going through all events. */
export function readEntries(store: LmdbStore, request: ReadRequest): ReadEntries {
  const { selection, after, through, maxBytes } = request;
  const entries: LogEntry[] = [];
  let bytes = 0;
  let scanned = 0;
  for (const entry of walk(store, selection, after, through)) {
    scanned += 1;
    if (selects(selection, entry)) {
      entries.push(entry);
      bytes += entry.frame.length;
    }
    if (bytes >= maxBytes || scanned === MAX_SCANNED) return { entries, through: entry.seq };
  }
  return { entries, through };
}

/** The sequence number behind which the last `count` selected events follow. */
export async function seqBeforeLast(
  store: LmdbStore,
  selection: Selection,
  count: number,
  head: number,
): Promise<number> {
  let before = head;
  let found = 0;
  for (let end = head; found < count && end > 0;) {
    let scanned = 0;
    let reached = 0;
    for (const entry of walkBack(store, selection, end)) {
      scanned += 1;
      reached = entry.seq - 1;
      if (selects(selection, entry)) {
        found += 1;
        before = reached;
      }
      if (found === count || scanned === MAX_SCANNED) break;
    }
    end = scanned === 0 ? 0 : reached;
    if (scanned === MAX_SCANNED) await new Promise((resolve) => setImmediate(resolve));
  }
  return before;
}

export function earliestWithId(store: LmdbStore, id: string): number | undefined {
  for (const key of store.byId.getKeys({ start: [id, 0], end: [id, Number.MAX_SAFE_INTEGER], limit: 1 })) return key[1];
  return undefined;
}

/** The oldest kept events, of one topic or of all. */
export function* oldest(store: LmdbStore, topic?: string): Iterable<KeptEntry> {
  yield* topic === undefined
    ? everything(store, 0, Number.MAX_SAFE_INTEGER - 1)
    : ofTopics(store, [topic], 0, Number.MAX_SAFE_INTEGER - 1);
}

function walk(store: LmdbStore, selection: Selection, after: number, through: number): Iterable<KeptEntry> {
  if (selection.test) return everything(store, after, through);
  return ofTopics(store, selection.topics, after, through);
}

function* everything(store: LmdbStore, after: number, through: number): Iterable<KeptEntry> {
  for (const { key, value } of store.events.getRange({ start: after + 1, end: through + 1 })) {
    yield decodeRecord(value, key, store.epoch);
  }
}

function* ofTopics(store: LmdbStore, topics: readonly string[], after: number, through: number): Iterable<KeptEntry> {
  const sources = topics.map((topic) =>
    store.byTopic.getKeys({ start: [topic, after + 1], end: [topic, through + 1] })[Symbol.iterator](),
  );
  for (const seq of merge(sources)) {
    const record = store.events.get(seq);
    if (record) yield decodeRecord(record, seq, store.epoch);
  }
}

/** The sequence numbers of sorted keys in order, each once. */
function* merge(sources: readonly Iterator<[string, number]>[]): Iterable<number> {
  const fronts = sources.map((source) => ({ source, seq: nextSeq(source) }));
  try {
    for (;;) {
      const seq = fronts.reduce((lowest, front) => Math.min(lowest, front.seq), Number.POSITIVE_INFINITY);
      if (seq === Number.POSITIVE_INFINITY) return;
      yield seq;
      for (const front of fronts) if (front.seq === seq) front.seq = nextSeq(front.source);
    }
  } finally {
    // Lets LMDB have its cursors back where the reader stopped early.
    for (const { source } of fronts) source.return?.();
  }
}

function nextSeq(source: Iterator<[string, number]>): number {
  const next = source.next();
  return next.done ? Number.POSITIVE_INFINITY : next.value[1];
}

function* walkBack(store: LmdbStore, selection: Selection, through: number): Iterable<KeptEntry> {
  const [topic, another] = selection.topics;
  if (!selection.test && topic !== undefined && another === undefined) {
    for (const [, seq] of store.byTopic.getKeys({ start: [topic, through], end: [topic, 0], reverse: true })) {
      const record = store.events.get(seq);
      if (record) yield decodeRecord(record, seq, store.epoch);
    }
    return;
  }
  for (const { key, value } of store.events.getRange({ start: through, end: 0, reverse: true })) {
    yield decodeRecord(value, key, store.epoch);
  }
}

function selects(selection: Selection, entry: KeptEntry): boolean {
  if (entry.private && !selection.private) return false;
  return entry.topics.some((topic) => selection.topics.includes(topic) || selection.test?.(topic) === true);
}
