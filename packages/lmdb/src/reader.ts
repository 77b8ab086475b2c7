import {
  MAX_NAME_BYTES,
  mergeBySeq,
  Selector,
  type LogEntry,
  type ReadRequest,
  type Selection,
} from '@tidings/server/log';
import type { KeptEntry } from './record.ts';
import type { LmdbStore } from './store.ts';
import type { LmdbTopics } from './topics.ts';

// How many events a page may examine if it has to examine all of them. It bounds how long one reader delays the others.
const MAX_SCANNED = 4096;

// Room for the frames of a page and one more event.
const PAGE_ROOM = 128 * 1024;

type TopicKey = readonly [topic: string, seq: number];

/** The content of a page, before it is known which events are missing from it. */
export interface ReadEntries {
  readonly entries: readonly LogEntry[];
  readonly through: number;
}

/** Reads a store: by the index of topics if the selection names them, else by going through all events. */
export class LmdbReader {
  readonly #store: LmdbStore;
  readonly #topics: LmdbTopics;
  /** The memory in which the frames of a page are put together. */
  readonly #room: Buffer = Buffer.allocUnsafeSlow(PAGE_ROOM);

  constructor(store: LmdbStore, topics: LmdbTopics) {
    this.#store = store;
    this.#topics = topics;
  }

  /** @param kept how many events the log keeps */
  page({ selection, after, through, maxBytes }: ReadRequest, kept: number): ReadEntries {
    const selector = Selector.of(selection);
    const entries: KeptEntry[] = [];
    let room = this.#room;
    let bytes = 0;
    let scanned = 0;
    let reached = through;
    for (const entry of this.#rising(selector, after, through, kept)) {
      scanned += 1;
      if (selector.selects(entry)) {
        const end = bytes + entry.frameBytes;
        if (end > room.length) room = copyOf(room, bytes, end >= maxBytes ? end : 2 * end);
        entry.moveFrame(room, bytes);
        entries.push(entry);
        bytes = end;
      }
      if (bytes >= maxBytes || scanned === MAX_SCANNED) {
        reached = entry.seq;
        break;
      }
    }
    // The frames follow each other in memory, so that a sender of all of them need not put them together.
    const page = room === this.#room ? copyOf(room, bytes, bytes) : room.subarray(0, bytes);
    for (const entry of entries) entry.rebase(page);
    return { entries, through: reached };
  }

  /** The sequence number after which the last `count` selected events follow. */
  async beforeLast(selection: Selection, count: number, head: number, kept: number): Promise<number> {
    const selector = Selector.of(selection);
    let before = head;
    let found = 0;
    for (let end = head; found < count && end > 0;) {
      let scanned = 0;
      for (const entry of this.#falling(selector, end, kept)) {
        scanned += 1;
        end = entry.seq - 1;
        if (selector.selects(entry)) {
          found += 1;
          before = end;
        }
        if (found === count || scanned === MAX_SCANNED) break;
      }
      if (found === count || scanned < MAX_SCANNED) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return before;
  }

  /** The earliest selected event with a publisher's id, up to a sequence number. Many events may have one id, also those of topics that are not selected. */
  async earliestWithId(id: string, through: number, selection: Selection | undefined): Promise<number | undefined> {
    // No event can have a longer id, and LMDB refuses to look for one.
    if (Buffer.byteLength(id) > MAX_NAME_BYTES) return undefined;
    const selector = selection && Selector.of(selection);
    for (let after = 0; ;) {
      let scanned = 0;
      const range = { start: [id, after + 1], end: [id, through + 1], limit: MAX_SCANNED };
      for (const [, seq] of this.#store.byId.getKeys(range)) {
        const entry = this.#store.lend(seq);
        if (entry && (!selector || selector.selects(entry))) return seq;
        scanned += 1;
        after = seq;
      }
      if (scanned < MAX_SCANNED) return undefined;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The oldest events after a sequence number, and up to another. */
  oldest(after: number, through: number): Iterable<KeptEntry> {
    return this.#store.lendRange({ start: after + 1, end: through + 1 });
  }

  /** The oldest events of a topic up to a sequence number. */
  oldestOf(topic: string, through: number): Iterable<KeptEntry> {
    return this.#records(this.#keysOf([topic], 1, through + 1));
  }

  #rising(selector: Selector, after: number, through: number, kept: number): Iterable<KeptEntry> {
    if (!this.#isIndexShorter(selector, kept)) return this.#store.lendRange({ start: after + 1, end: through + 1 });
    return this.#records(this.#keysOf(selector.topics.exact, after + 1, through + 1));
  }

  #falling(selector: Selector, through: number, kept: number): Iterable<KeptEntry> {
    if (!this.#isIndexShorter(selector, kept)) return this.#store.lendRange({ start: through, end: 0, reverse: true });
    const sources = [...selector.topics.exact].map((topic) =>
      this.#store.byTopic.getKeys({ start: [topic, through], end: [topic, 0], reverse: true }),
    );
    return this.#records(mergeBySeq(sources, seqOf, 'falling'));
  }

  /** Whether the index of topics leads to less than half of the log. Otherwise looking up each event costs more than passing over the others. */
  #isIndexShorter({ topics }: Selector, kept: number): boolean {
    if (!topics.isExact) return false;
    let events = 0;
    for (const topic of topics.exact) events += this.#topics.of(topic)?.events ?? 0;
    return events * 2 < kept || events === 0;
  }

  *#records(keys: Iterable<TopicKey>): Iterable<KeptEntry> {
    for (const [, seq] of keys) {
      const entry = this.#store.lend(seq);
      if (entry) yield entry;
    }
  }

  /** The keys of topics from one sequence number to before another, each number once. */
  #keysOf(topics: Iterable<string>, start: number, end: number): Iterable<TopicKey> {
    const sources = [...topics].map((topic) =>
      this.#store.byTopic.getKeys({ start: [topic, start], end: [topic, end] }),
    );
    return mergeBySeq(sources, seqOf, 'rising');
  }
}

/** Returns a buffer of the size that begins with the first bytes of another one. */
function copyOf(buffer: Buffer, bytes: number, size: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(size);
  buffer.copy(copy, 0, 0, bytes);
  return copy;
}

function seqOf([, seq]: TopicKey): number {
  return seq;
}
