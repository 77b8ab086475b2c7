import {
  DISORDER_MS,
  ENTRY_STEPS,
  FoundEvents,
  isSelected,
  MAX_NAME_BYTES,
  Selector,
  type EventPlace,
  type LogEntry,
  type ReadRequest,
  type Selection,
  type Turn,
} from '@tidings/server/log';
import type { KeptEntry } from '../records/record.ts';
import type { LmdbStore } from '../tables/store.ts';
import type { LmdbTopics } from '../tables/topics.ts';
import { EventRows } from './event-rows.ts';
import { PageRoom } from './page-room.ts';

/** The content of a page, before it is known which events are missing from it. */
export interface ReadEntries {
  readonly entries: readonly LogEntry[];
  readonly through: number;
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

/** Reads a store: by the rows of topics and types if they lead to few events, else by going through all events. */
export class LmdbReader {
  /** Where the events of topics and of types are. */
  readonly rows: EventRows;
  /** What the searches for the last events have found. */
  readonly found: FoundEvents = new FoundEvents();
  readonly #store: LmdbStore;
  readonly #room: PageRoom = new PageRoom();

  constructor(store: LmdbStore, topics: LmdbTopics) {
    this.#store = store;
    this.rows = new EventRows(store, topics);
  }

  /**
   * As much of a page as the turn allows; undefined if that is nothing.
   * @param kept how many events the log keeps
   */
  page({ selection, after, maxBytes, ...asked }: ReadRequest, kept: number, turn: Turn): ReadEntries | undefined {
    const selector = Selector.of(selection);
    const known = this.found.behind(selector, after);
    const through = Math.min(asked.through, known?.through ?? Infinity);
    const room = this.#room;
    room.begin();
    let reached = through;
    for (const entry of known ? this.#records(known.seqs) : this.#rising(selector, after, through, kept)) {
      const selected = this.#isSelected(selector, entry, turn);
      if (selected) room.take(entry, maxBytes);
      if (selected === undefined || room.bytes >= maxBytes || turn.isOver) {
        reached = selected === undefined ? entry.seq - 1 : entry.seq;
        break;
      }
    }
    if (reached <= after && reached < through) return undefined;
    return { entries: room.end(), through: reached };
  }

  /** The event with a sequence number, if it is kept, as who searches may know it. */
  *at(seq: number): Iterable<LogEntry> {
    const entry = this.#store.lend(seq);
    if (entry) yield this.#seen(entry);
  }

  /** All events up to a sequence number, newest first, in the same way. */
  *falling(through: number): Iterable<LogEntry> {
    for (const entry of this.#store.lendRange({ start: through, end: 0, reverse: true })) yield this.#seen(entry);
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

  /** The events of a topic after a sequence number and up to another, also if the topic was deleted, oldest first. */
  *ofTopic(topic: string, after: number, through: number): Iterable<KeptEntry> {
    for (const [, seq] of this.#store.byTopic.getKeys({ start: [topic, after + 1], end: [topic, through + 1] })) {
      // Also those that newer ones have replaced.
      const entry = this.#store.lendAny(seq);
      if (entry) yield entry;
    }
  }

  /** Goes on with a search for the earliest event of a topic for as long as the turn allows; undefined if it is not done. */
  searchFirst(search: FirstSearch, turn: Turn): { readonly place: EventPlace | undefined } | undefined {
    const { topic, publicOnly } = search;
    for (const { seq, id, private: isPrivate } of this.#records(this.rows.of([topic], search.after + 1, Infinity))) {
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
    return this.#records(this.rows.of([topic], 1, through));
  }

  #isSelected(selector: Selector, entry: KeptEntry, turn: Turn): boolean | undefined {
    return isSelected(selector, this.#seen(entry), turn);
  }

  /** The events of a topic that was deleted are no longer its events, also before they are removed. */
  #seen(entry: KeptEntry): LogEntry {
    if (!this.#store.deletion) return entry;
    const { seq, id, time, private: isPrivate, frame } = entry;
    return { seq, id, time, private: isPrivate, frame, topics: this.#store.topicsOf(entry) };
  }

  #rising(selector: Selector, after: number, through: number, kept: number): Iterable<KeptEntry> {
    const rows = this.rows.rising(selector, after, through, kept);
    return rows ? this.#records(rows) : this.#store.lendRange({ start: after + 1, end: through + 1 });
  }

  *#records(seqs: Iterable<number>): Iterable<KeptEntry> {
    for (const seq of seqs) {
      const entry = this.#store.lend(seq);
      if (entry) yield entry;
    }
  }
}
