import { createHash } from 'node:crypto';
import { isReplaceable, latestNameOf, type NamedEntry } from '@tidings/server/log';
import { costOfLatest } from '../records/cost.ts';
import type { KeptEntry } from '../records/record.ts';
import type { LmdbStore, Track } from './store.ts';
import type { LmdbTopics } from './topics.ts';

// A longer name of a key is stored as a hash, because LMDB bounds the keys of its rows.
const MAX_NAME_BYTES = 256;

/** A key of a topic. */
export type LatestPlace = readonly [topic: string, name: string];

/** Which event is the newest of each key, where it is not, or not yet, in the rows. */
export class LatestChanges {
  readonly #changed = new Map<string, { readonly place: LatestPlace; readonly seq: number }>();
  readonly #before: (place: LatestPlace) => number | undefined;

  /** @param before the sequence number of the newest event without the changes */
  constructor(before: (place: LatestPlace) => number | undefined) {
    this.#before = before;
  }

  of(place: LatestPlace): number | undefined {
    return this.#changed.get(textOf(place))?.seq ?? this.#before(place);
  }

  /** Adds an event of a key. Returns the older one of it and the one that was the newest; undefined if there was none. */
  add(place: LatestPlace, seq: number): number | undefined {
    const before = this.of(place);
    if (before !== undefined && before >= seq) return before === seq ? undefined : seq;
    this.#changed.set(textOf(place), { place, seq });
    return before;
  }

  delete(place: LatestPlace, seq: number): void {
    const text = textOf(place);
    if (this.#changed.get(text)?.seq === seq) this.#changed.delete(text);
  }

  clear(): void {
    this.#changed.clear();
  }

  values(): Iterable<{ readonly place: LatestPlace; readonly seq: number }> {
    return this.#changed.values();
  }
}

/**
 * The newest events of the keys of those topics that keep the latest. A commit notes only that it has such events (`pending`). Their rows are written,
 * and the events that they replace are removed, in small steps between the commits, so that no publisher waits for it. Until then reads pass over those.
 */
export class LmdbLatest {
  /** The topics that have a row for the newest event of each key. */
  readonly keyed: Set<string>;
  /** The topics whose rows are still to be made, or to be removed, with the sequence number up to which that is done. */
  readonly converting: Map<string, number> = new Map();
  /** The topics all of whose events are such that their rows are still to be written, or were since they were opened. They need nothing else. */
  readonly fresh: Set<string> = new Set();
  /** How many events there are whose rows are still to be written. */
  pending = 0;
  readonly #store: LmdbStore;
  readonly #topics: LmdbTopics;
  readonly #recent: LatestChanges = new LatestChanges((place) => this.rowOf(place));

  constructor(store: LmdbStore, topics: LmdbTopics) {
    this.#store = store;
    this.#topics = topics;
    this.keyed = new Set(store.keyed.getKeys());
    for (const topic of this.keyed) {
      if (!topics.keepsLatest(topic) || !topics.of(topic)) this.converting.set(topic, 0);
    }
    if (topics.hasLatest) for (const topic of topics.names()) this.#check(topic);
    for (const seq of store.pending.getKeys()) {
      this.pending += 1;
      const entry = store.lendAny(seq);
      if (entry) this.#noteOne(entry);
    }
  }

  /** Whether there is anything to be done in a step. */
  get isBehind(): boolean {
    return this.pending > 0 || this.converting.size > 0;
  }

  /** Whether there is anything to be done for events up to a sequence number. */
  isBehindOf(through: number): boolean {
    if (this.converting.size > 0) return true;
    if (this.pending === 0) return false;
    for (const seq of this.#store.pending.getKeys({ limit: 1 })) return seq <= through;
    return true;
  }

  /** Notes events that have been committed. */
  note(entries: readonly KeptLike[]): void {
    if (!this.#topics.hasLatest) return;
    for (const entry of entries) {
      if (!entry.topics.some((topic) => this.#topics.keepsLatest(topic))) continue;
      this.pending += 1;
      this.#noteOne(entry);
    }
  }

  /** Notes that a topic keeps the latest from now on, or all. */
  changed(topic: string): void {
    this.fresh.delete(topic);
    if (this.#topics.keepsLatest(topic)) this.#check(topic);
    else if (this.keyed.has(topic)) this.converting.set(topic, 0);
  }

  /** Notes that a topic was deleted, whose events are still to be removed, each with its row. */
  deleted(topic: string): void {
    this.fresh.delete(topic);
    // What comes now has no rows, unless a rule keeps the latest.
    if (this.keyed.has(topic) && !this.#topics.keepsLatest(topic)) this.converting.set(topic, 0);
  }

  /** The places of an event in those topics that keep the latest, or have rows. */
  placesOf(entry: KeptLike): LatestPlace[] {
    // An entry without a frame is no event.
    if (entry.frame.length === 0) return [];
    const topics = entry.topics.filter((topic) => this.#topics.keepsLatest(topic) || this.keyed.has(topic));
    if (topics.length === 0) return [];
    const name = shortened(latestNameOf(entry));
    return topics.map((topic): LatestPlace => [topic, name]);
  }

  rowOf([topic, name]: LatestPlace): number | undefined {
    return this.#store.latest.get([topic, name]);
  }

  /** The newest event of a key, in the rows or not. */
  newestOf(place: LatestPlace): number | undefined {
    return this.#recent.of(place);
  }

  /** Whether an event has a newer one of its key in each of its topics, all of which keep the latest. */
  isReplaced(
    entry: KeptLike,
    places: readonly LatestPlace[],
    newest: (place: LatestPlace) => number | undefined,
  ): boolean {
    if (places.length < entry.topics.length || !isReplaceable(entry)) return false;
    return places.every((place) => this.#topics.keepsLatest(place[0]) && (newest(place) ?? 0) > entry.seq);
  }

  /** Notes that the rows of a topic are made, or removed. */
  converted(topic: string, isKeyed: boolean): void {
    this.converting.delete(topic);
    this.fresh.delete(topic);
    if (isKeyed) this.keyed.add(topic);
    else this.keyed.delete(topic);
  }

  /** Notes that a topic has no events any more, and no rows. */
  emptied(topic: string): void {
    this.converted(topic, false);
  }

  /** Notes that the rows of an event are written. */
  settled(places: readonly LatestPlace[], seq: number): void {
    for (const place of places) this.#recent.delete(place, seq);
  }

  #check(topic: string): void {
    if (this.keyed.has(topic) || this.fresh.has(topic) || !this.#topics.keepsLatest(topic)) return;
    this.converting.set(topic, 0);
  }

  /** Whether an event is the oldest one of a topic. */
  #isFirst(topic: string, seq: number): boolean {
    for (const [, first] of this.#store.byTopic.getKeys({ start: [topic, 0], end: [topic, seq + 1], limit: 1 })) {
      return first === seq;
    }
    return false;
  }

  #noteOne(entry: KeptLike): void {
    for (const place of this.placesOf(entry)) {
      const [topic] = place;
      const isKnown = this.keyed.has(topic) || this.fresh.has(topic) || this.converting.has(topic);
      if (!isKnown && this.#isFirst(topic, entry.seq)) this.fresh.add(topic);
      this.#check(topic);
      const older = this.#recent.add(place, entry.seq);
      const replaced = older === undefined ? undefined : this.#store.lend(older);
      const places = replaced ? this.placesOf(replaced) : [];
      if (replaced && this.isReplaced(replaced, places, (of) => this.#recent.of(of))) {
        this.#store.replaced.add(replaced, Math.max(entry.seq, this.#recent.of(place) ?? 0));
      }
    }
  }
}

/** What is asked of an event to know its places. */
type KeptLike = Pick<KeptEntry, 'seq' | 'topics'> & NamedEntry;

/** Writes the row of a place, or removes it. */
export function writeRow(store: LmdbStore, [topic, name]: LatestPlace, seq: number | undefined, track: Track): void {
  track(seq === undefined ? store.latest.remove([topic, name]) : store.latest.put([topic, name], seq));
}

export function costOfPlace([topic, name]: LatestPlace): number {
  return costOfLatest(topic, name);
}

/** Neither a topic nor the name of a key has a line end. */
function textOf([topic, name]: LatestPlace): string {
  return `${topic}\n${name}`;
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  return `hash ${createHash('sha256').update(name).digest('base64url')}`;
}
