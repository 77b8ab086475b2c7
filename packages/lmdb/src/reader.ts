import {
  isSelected,
  MAX_NAME_BYTES,
  mergeBySeq,
  Selector,
  type LogEntry,
  type ReadRequest,
  type Selection,
  type Turn,
} from '@tidings/server/log';
import type { KeptEntry } from './record.ts';
import type { LmdbStore } from './store.ts';
import type { LmdbTopics } from './topics.ts';

// Room for the frames of a page, and one event more.
const PAGE_ROOM = 128 * 1024;

type TopicKey = readonly [topic: string, seq: number];

/** What a page holds, before it is known what is missing from it. */
export interface ReadEntries {
  readonly entries: readonly LogEntry[];
  readonly through: number;
}

/** How far a search for the last events has come. */
export interface LastSearch {
  readonly selection: Selection;
  /** How many are wanted, and how many were found. */
  readonly count: number;
  found: number;
  /** The sequence number behind which those that were found follow. */
  before: number;
  /** The search goes on with the events up to here. */
  through: number;
}

/** Reads a store: by the index of the topics where they are named, else by going through all events. */
export class LmdbReader {
  readonly #store: LmdbStore;
  readonly #topics: LmdbTopics;
  /** Where the frames of a page are put together. */
  readonly #room: Buffer = Buffer.allocUnsafeSlow(PAGE_ROOM);

  constructor(store: LmdbStore, topics: LmdbTopics) {
    this.#store = store;
    this.#topics = topics;
  }

  /**
   * As much of a page as the turn allows; undefined where that is nothing.
   * @param kept how many events the log keeps
   */
  page({ selection, after, through, maxBytes }: ReadRequest, kept: number, turn: Turn): ReadEntries | undefined {
    const selector = Selector.of(selection);
    const entries: KeptEntry[] = [];
    let room = this.#room;
    let bytes = 0;
    let reached = through;
    for (const entry of this.#rising(selector, after, through, kept)) {
      const selected = isSelected(selector, entry, turn);
      if (selected) {
        const end = bytes + entry.frameBytes;
        if (end > room.length) room = copyOf(room, bytes, end >= maxBytes ? end : 2 * end);
        entry.moveFrame(room, bytes);
        entries.push(entry);
        bytes = end;
      }
      if (selected === undefined || bytes >= maxBytes || turn.isOver) {
        reached = selected === undefined ? entry.seq - 1 : entry.seq;
        break;
      }
    }
    if (reached <= after && reached < through) return undefined;
    // The frames lie one behind the other, so that whoever sends them all has no need to put them together.
    const page = room === this.#room ? copyOf(room, bytes, bytes) : room.subarray(0, bytes);
    for (const entry of entries) entry.rebase(page);
    return { entries, through: reached };
  }

  /** Goes on with a search for the last selected events for as long as the turn allows. Says whether it is done. */
  searchLast(search: LastSearch, turn: Turn): boolean {
    const selector = Selector.of(search.selection);
    if (search.found === search.count) return true;
    for (const entry of this.#falling(selector, search.through)) {
      const selected = isSelected(selector, entry, turn);
      if (selected === undefined) return false;
      search.through = entry.seq - 1;
      if (selected) {
        search.found += 1;
        search.before = search.through;
      }
      if (search.found === search.count) return true;
      if (turn.isOver) return false;
    }
    return true;
  }

  earliestWithId(id: string): number | undefined {
    // No publisher can have given a longer one, and LMDB refuses to look for it.
    if (Buffer.byteLength(id) > MAX_NAME_BYTES) return undefined;
    const range = { start: [id, 0], end: [id, Number.MAX_SAFE_INTEGER], limit: 1 };
    for (const [, seq] of this.#store.byId.getKeys(range)) return seq;
    return undefined;
  }

  /** The oldest events behind a sequence number. */
  oldest(after = 0): Iterable<KeptEntry> {
    return this.#store.lendRange({ start: after + 1 });
  }

  /** The oldest events of a topic. */
  oldestOf(topic: string): Iterable<KeptEntry> {
    return this.#records(this.#keysOf([topic], 1, Number.MAX_SAFE_INTEGER));
  }

  #rising(selector: Selector, after: number, through: number, kept: number): Iterable<KeptEntry> {
    if (!this.#isIndexShorter(selector, kept)) return this.#store.lendRange({ start: after + 1, end: through + 1 });
    return this.#records(this.#keysOf(selector.topics.exact, after + 1, through + 1));
  }

  #falling({ topics }: Selector, through: number): Iterable<KeptEntry> {
    // Never all events for the sake of some topics: those of the topics may lie behind very many others.
    if (!topics.isExact) return this.#store.lendRange({ start: through, end: 0, reverse: true });
    const sources = [...topics.exact].map((topic) =>
      this.#store.byTopic.getKeys({ start: [topic, through], end: [topic, 0], reverse: true }),
    );
    return this.#records(mergeBySeq(sources, seqOf, 'falling'));
  }

  /** Whether the index of the topics leads to less than half of the log. To look each of more up costs more than to pass over the others. */
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

/** A buffer of that size that begins with the first bytes of another. */
function copyOf(buffer: Buffer, bytes: number, size: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(size);
  buffer.copy(copy, 0, 0, bytes);
  return copy;
}

function seqOf([, seq]: TopicKey): number {
  return seq;
}
