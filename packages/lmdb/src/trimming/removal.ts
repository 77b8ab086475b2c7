import type { TrimLedger } from '@tidings/server/log';
import { costOfLatest, rowsOf } from '../records/cost.ts';
import type { KeptEntry } from '../records/record.ts';
import { costOfPlace, type LatestPlace, type LmdbLatest, writeRow } from '../tables/latest-keys.ts';
import type { HeadRecord, LmdbStore, Track } from '../tables/store.ts';
import type { TopicChanges } from '../tables/topic-changes.ts';
import type { LmdbTopics } from '../tables/topics.ts';

// Events that one transaction removes: few, so that a publisher never waits long for its commit.
const MAX_REMOVED = 1000;

/** One small step of trimming, ready to be committed. */
export interface TrimStep {
  readonly head: HeadRecord;
  commit(): Promise<void>;
  /** Notes in memory what has been removed, once it is committed. */
  note(): void;
}

export interface RemovalParts {
  readonly store: LmdbStore;
  readonly topics: LmdbTopics;
  readonly latest: LmdbLatest;
  readonly ledger: TrimLedger;
}

/** Events that go together, and what is left without them. */
export class Removal {
  readonly topics: TopicChanges;
  readonly #parts: RemovalParts;
  readonly #before: HeadRecord;
  readonly #entries = new Map<number, KeptEntry>();
  /** Those of them that newer events have replaced: nobody is told that they are missing. */
  readonly #replaced = new Set<number>();
  /** Which event is the newest of a key with these changes; undefined if none is. */
  readonly #rows = new Map<string, { readonly place: LatestPlace; readonly seq: number | undefined }>();
  /** The rows that were read. */
  readonly #known = new Map<string, number | undefined>();
  readonly #writes: ((track: Track) => void)[] = [];
  /** How many rows it may change, and how many the events have. */
  readonly #maxRows: number;
  #eventRows = 0;
  #bytes = 0;

  constructor(parts: RemovalParts, before: HeadRecord) {
    this.topics = parts.topics.change();
    this.#parts = parts;
    this.#before = before;
    this.#maxRows = parts.store.room.rows;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether there is nothing to be done. */
  get isEmpty(): boolean {
    return this.size + this.#rows.size + this.#writes.length === 0;
  }

  /** Whether it has as many events as a commit may remove, or as there is room for. */
  get isFull(): boolean {
    return this.size >= MAX_REMOVED || (this.size > 0 && this.#rowCount >= this.#maxRows);
  }

  has(seq: number): boolean {
    return this.#entries.has(seq);
  }

  /** What is left without the removed events. */
  get rest(): HeadRecord {
    const { events, bytes } = this.#before;
    return { ...this.#before, events: events - this.size, bytes: bytes - this.#bytes + this.topics.bytes };
  }

  /** Adds an event that its listeners are told of. Its frame has to be valid. */
  add(entry: KeptEntry): void {
    this.#add(entry, this.#parts.latest.placesOf(entry));
  }

  /** Adds an event that newer ones have replaced. @param places those of the event */
  replace(entry: KeptEntry, places: readonly LatestPlace[]): void {
    if (this.has(entry.seq)) return;
    this.#replaced.add(entry.seq);
    this.#add(entry, places);
  }

  /** The newest event of a key, as the rows will have it. */
  rowOf(place: LatestPlace): number | undefined {
    const text = place.join('\n');
    const changed = this.#rows.get(text);
    if (changed) return changed.seq;
    if (!this.#known.has(text)) this.#known.set(text, this.#parts.latest.rowOf(place));
    return this.#known.get(text);
  }

  setRow(place: LatestPlace, seq: number | undefined): void {
    const before = this.rowOf(place);
    if (before === seq) return;
    if (before === undefined) this.#bytes -= costOfPlace(place);
    else if (seq === undefined) this.#bytes += costOfPlace(place);
    this.#rows.set(place.join('\n'), { place, seq });
  }

  /** Notes that a topic has rows for the keys of all of its events, or has none any more. */
  setKeyed(topic: string, isKeyed: boolean): void {
    const { keyed } = this.#parts.store;
    this.#bytes += (isKeyed ? -1 : 1) * costOfLatest(topic);
    this.also((track) => track(isKeyed ? keyed.put(topic, Buffer.alloc(0)) : keyed.remove(topic)));
  }

  /** Lets the commit write something else, too. */
  also(write: (track: Track) => void): void {
    this.#writes.push(write);
  }

  /**
   * @param note runs with what the step notes
   * @param forgotten topics that are forgotten with it
   */
  step(note: () => void = () => {}, forgotten: readonly string[] = []): TrimStep {
    const { store, topics, latest, ledger } = this.#parts;
    const entries = [...this.#entries.values()];
    const emptied = [...this.topics.changed.values()].flatMap(({ topic, events }) =>
      events === 0 && latest.keyed.has(topic) ? [topic] : [],
    );
    for (const topic of emptied) this.setKeyed(topic, false);
    const states = topics.states.without(this.topics.emptied, forgotten);
    const head = { ...this.rest, bytes: this.rest.bytes + states.addedBytes };
    const plan = ledger.plan(
      entries.flatMap((entry) => {
        const { seq, private: isPrivate } = entry;
        const told = this.#replaced.has(seq) ? [] : store.topicsOf(entry);
        return told.length === 0 ? [] : { seq, private: isPrivate, topics: told };
      }),
    );
    this.topics.settle((topic, publicOnly, known) =>
      store.newest(topic, Math.min(known, head.seq), publicOnly, (seq) => this.has(seq)),
    );
    return {
      head,
      commit: async () => {
        if (this.isEmpty && states.changes.size === 0) return;
        const rows = this.#rowCount + states.changes.size + plan.forgotten.length;
        const writeAll = (track: Track): void => {
          store.countRemoval(track);
          for (const entry of entries) {
            store.remove(entry, track);
            if (entry.forgets === true) track(store.forgetting.remove(entry.seq));
          }
          for (const { place, seq } of this.#rows.values()) writeRow(store, place, seq, track);
          for (const write of this.#writes) write(track);
          topics.write(this.topics, track);
          topics.states.write(states, track);
          store.writeTrims(plan, track);
          track(store.meta.put('head', head));
        };
        await store.commit(writeAll, { rows });
      },
      note: () => {
        note();
        for (const { seq } of entries) store.replaced.delete(seq);
        for (const topic of emptied) latest.emptied(topic);
        ledger.apply(plan);
        topics.removed(this.topics);
        topics.states.book.apply(states);
      },
    };
  }

  /** How many rows it changes or removes. Each topic has two beside those of its events. */
  get #rowCount(): number {
    return this.#eventRows + 2 * this.topics.changed.size + this.#rows.size + this.#writes.length;
  }

  #add(entry: KeptEntry, places: readonly LatestPlace[]): void {
    this.#entries.set(entry.seq, entry);
    this.#bytes += entry.cost + entry.typeCost;
    this.#eventRows += rowsOf(entry);
    this.topics.remove(entry);
    for (const place of places) if (this.rowOf(place) === entry.seq) this.setRow(place, undefined);
  }
}
