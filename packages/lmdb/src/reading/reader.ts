import {
  DISORDER_MS,
  ENTRY_STEPS,
  isSelected,
  MAX_NAME_BYTES,
  mergeBySeq,
  mergeFalling,
  Selector,
  type EventPlace,
  type LogEntry,
  type ReadRequest,
  type SelectedTopic,
  type Selection,
  type Turn,
} from '@tidings/server/log';
import type { KeptEntry } from '../records/record.ts';
import type { DeletionRecord, LmdbStore } from '../tables/store.ts';
import type { LmdbTopics } from '../tables/topics.ts';

// Room for the frames of a page and one more event.
const PAGE_ROOM = 128 * 1024;

type TopicKey = readonly [topic: string, seq: number];

/** The content of a page, before it is known which events are missing from it. */
export interface ReadEntries {
  readonly entries: readonly LogEntry[];
  readonly through: number;
}

/** The state of a search for the last events. */
export interface LastSearch {
  readonly selection: Selection;
  /** How many are wanted, and how many were found. */
  readonly count: number;
  found: number;
  /** The sequence number after which the found events follow. */
  before: number;
  /** The search goes on with the events up to this sequence number. */
  through: number;
  /** The topics that are selected, if they have been found. */
  topics: readonly SelectedTopic[] | undefined;
}

/** The state of a search for the first event since a time. */
export interface SinceSearch {
  /** When an event was appended, by the log's own time. */
  readonly timeOf: (entry: LogEntry) => number;
  readonly since: number;
  /** The events up to this sequence number are older. */
  after: number;
  readonly through: number;
}

/** The state of a search for the earliest selected event with a publisher's id. */
export interface IdSearch {
  readonly id: string;
  /** Undefined if every event is selected. */
  readonly selection: Selection | undefined;
  /** The search goes on after this sequence number. */
  after: number;
  readonly through: number;
}

/** The state of a search for the earliest event of a topic. */
export interface FirstSearch {
  readonly topic: string;
  readonly publicOnly: boolean;
  /** The search goes on after this sequence number. */
  after: number;
}

const EVERYTHING: Selection = { topics: 'all', private: 'all' };

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

  /**
   * As much of a page as the turn allows; undefined if that is nothing.
   * @param kept how many events the log keeps
   */
  page({ selection, after, through, maxBytes }: ReadRequest, kept: number, turn: Turn): ReadEntries | undefined {
    const selector = Selector.of(selection);
    const entries: KeptEntry[] = [];
    let room = this.#room;
    let bytes = 0;
    let reached = through;
    for (const entry of this.#rising(selector, after, through, kept)) {
      const selected = this.#isSelected(selector, entry, turn);
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
    // The frames follow each other in memory, so that a sender of all of them need not put them together.
    const page = room === this.#room ? copyOf(room, bytes, bytes) : room.subarray(0, bytes);
    for (const entry of entries) entry.rebase(page);
    return { entries, through: reached };
  }

  /** Goes on with a search for the last selected events for as long as the turn allows. Returns whether it is done. */
  searchLast(search: LastSearch, turn: Turn): boolean {
    const selector = Selector.of(search.selection);
    if (search.found === search.count) return true;
    const { topics, through } = search;
    for (const entry of topics ? this.#fallingOf(topics, through) : this.#falling(selector, through)) {
      const selected = this.#isSelected(selector, entry, turn);
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

  /**
   * Goes on with a search for a publisher's id for as long as the turn allows. Many events may have one id, also those of topics that are not
   * selected. Returns the sequence number if there is one, or undefined if the search is not done.
   */
  searchId(search: IdSearch, turn: Turn): { readonly seq: number | undefined } | undefined {
    const { id, selection, after, through } = search;
    // No event can have a longer id, and LMDB refuses to look for one.
    if (Buffer.byteLength(id) > MAX_NAME_BYTES) return { seq: undefined };
    const selector = Selector.of(selection ?? EVERYTHING);
    for (const [, seq] of this.#store.byId.getKeys({ start: [id, after + 1], end: [id, through + 1] })) {
      const entry = this.#store.lend(seq);
      const selected = entry && this.#isSelected(selector, entry, turn);
      if (selected) return { seq };
      if (entry && selected === undefined) return undefined;
      search.after = seq;
      if (turn.isOver) return undefined;
    }
    return { seq: undefined };
  }

  /** The events of a topic that was deleted, oldest first. */
  *deleted({ topic, through }: DeletionRecord): Iterable<KeptEntry> {
    for (const [, seq] of this.#store.byTopic.getKeys({ start: [topic, 0], end: [topic, through + 1] })) {
      // Also those that newer ones have replaced.
      const entry = this.#store.lendAny(seq);
      if (entry) yield entry;
    }
  }

  /** Goes on with a search for the earliest event of a topic for as long as the turn allows; undefined if it is not done. */
  searchFirst(search: FirstSearch, turn: Turn): { readonly place: EventPlace | undefined } | undefined {
    const { topic, publicOnly } = search;
    for (const { seq, id, private: isPrivate } of this.#records(this.#keysOf([topic], search.after + 1, Infinity))) {
      turn.steps += ENTRY_STEPS;
      if (!publicOnly || !isPrivate) return { place: { seq, id } };
      search.after = seq;
      if (turn.isOver) return undefined;
    }
    return { place: undefined };
  }

  /** The place of an event. */
  placeOf(seq: number): EventPlace | undefined {
    const entry = this.#store.lend(seq);
    return entry && { seq, id: entry.id };
  }

  /**
   * Goes on with a search for the first event since a time for as long as the turn allows. Returns whether it is done: then the event is the first after
   * the search's `after`, if there is one.
   */
  searchSince(search: SinceSearch, turn: Turn): boolean {
    const { timeOf, since, through } = search;
    for (let before = through + 1; before - search.after > 1;) {
      const middle = search.after + Math.floor((before - search.after) / 2);
      const [entry] = this.#store.lendRange({ start: middle, end: before, limit: 1 });
      turn.steps += ENTRY_STEPS;
      if (entry && timeOf(entry) < since - DISORDER_MS) search.after = entry.seq;
      else before = middle;
    }
    for (const entry of this.#store.lendRange({ start: search.after + 1, end: through + 1 })) {
      turn.steps += ENTRY_STEPS;
      if (timeOf(entry) >= since) {
        search.after = entry.seq - 1;
        return true;
      }
      search.after = entry.seq;
      if (turn.isOver) return false;
    }
    search.after = through;
    return true;
  }

  /** The oldest events after a sequence number, and up to another. */
  oldest(after: number, through: number): Iterable<KeptEntry> {
    return this.#store.lendRange({ start: after + 1, end: through + 1 });
  }

  /** The oldest events of a topic up to a sequence number. */
  oldestOf(topic: string, through: number): Iterable<KeptEntry> {
    return this.#records(this.#keysOf([topic], 1, through + 1));
  }

  /** The events of a topic that was deleted are no longer its events, also before they are removed. */
  #isSelected(selector: Selector, entry: KeptEntry, turn: Turn): boolean | undefined {
    if (!this.#store.deletion) return isSelected(selector, entry, turn);
    const { seq, id, time, private: isPrivate, frame } = entry;
    const topics = this.#store.topicsOf(entry);
    return isSelected(selector, { seq, id, time, private: isPrivate, frame, topics }, turn);
  }

  #rising(selector: Selector, after: number, through: number, kept: number): Iterable<KeptEntry> {
    if (!this.#isIndexShorter(selector, kept)) return this.#store.lendRange({ start: after + 1, end: through + 1 });
    return this.#records(this.#keysOf(selector.topics.exact, after + 1, through + 1));
  }

  #falling({ topics }: Selector, through: number): Iterable<KeptEntry> {
    // Not all events if only some topics are selected: very many others may come before theirs.
    if (!topics.isExact) return this.#store.lendRange({ start: through, end: 0, reverse: true });
    const sources = [...topics.exact].map((topic) =>
      this.#store.byTopic.getKeys({
        start: [topic, through],
        end: [topic, this.#store.deletedThrough(topic)],
        reverse: true,
      }),
    );
    return this.#records(mergeBySeq(sources, seqOf, 'falling'));
  }

  #fallingOf(topics: readonly SelectedTopic[], through: number): Iterable<KeptEntry> {
    const sources = topics.map(({ topic, last }) => {
      return {
        last,
        open: () => this.#store.byTopic.getKeys({ start: [topic, through], end: [topic, 0], reverse: true }),
      };
    });
    return this.#records(mergeFalling(sources, seqOf));
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
    const sources = [...topics].map((topic) => {
      const first = Math.max(start, this.#store.deletedThrough(topic) + 1);
      return this.#store.byTopic.getKeys({ start: [topic, first], end: [topic, Math.max(first, end)] });
    });
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
