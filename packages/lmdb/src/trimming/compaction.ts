import type { KeptEntry } from '../records/record.ts';
import { LatestChanges, type LatestPlace } from '../tables/latest-keys.ts';
import type { HeadRecord } from '../tables/store.ts';
import { Removal, type RemovalParts, type TrimStep } from './removal.ts';

// The most events that one step takes in, so that no publisher waits long for its commit.
const MAX_EVENTS = 256;

// So many events whose rows are not written yet are too many: then publishers wait for a step after each commit.
const MAX_PENDING = 8192;

/**
 * Writes which events are the newest of their keys, and removes those that they replace, in small steps. Each step leaves the tables as if the log
 * had ended with its last event, so that it may be the last one before a crash.
 */
export class LmdbCompactor {
  readonly #parts: RemovalParts;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
  }

  /** Whether more is left to be done than may be even for a moment. */
  get isOverdue(): boolean {
    return this.#parts.latest.pending > MAX_PENDING;
  }

  /** Returns the next step, or undefined if everything is done. */
  next(head: HeadRecord): TrimStep | undefined {
    const { latest } = this.#parts;
    if (!latest.isBehind) return undefined;
    return latest.pending > 0 ? this.#rows(head) : this.#conversion(head);
  }

  /** Writes the rows of the oldest events that have none. */
  #rows(head: HeadRecord): TrimStep {
    const { store, latest } = this.#parts;
    const removal = new Removal(this.#parts, head);
    const seqs = [...store.pending.getKeys({ limit: store.room.most(MAX_EVENTS) })];
    const through = seqs.at(-1) ?? Infinity;
    const rows = new LatestChanges((place) => removal.rowOf(place));
    const fresh = new Set<string>();
    const written: (readonly [places: readonly LatestPlace[], seq: number])[] = [];
    for (const seq of seqs) {
      const entry = store.lendAny(seq);
      if (!entry) continue;
      const places = latest.placesOf(entry);
      for (const place of places) {
        rows.add(place, seq);
        if (latest.fresh.has(place[0])) fresh.add(place[0]);
      }
      written.push([places, seq]);
    }
    for (const { place, seq } of rows.values()) removal.setRow(place, seq);
    for (const seq of store.replaced.through(through)) {
      const entry = store.lendAny(seq);
      if (entry) removal.replace(entry, latest.placesOf(entry));
    }
    for (const topic of fresh) removal.setKeyed(topic, true);
    removal.also((track) => {
      for (const seq of seqs) track(store.pending.remove(seq));
    });
    return removal.step(() => {
      for (const topic of fresh) latest.converted(topic, true);
      latest.pending = seqs.length === 0 ? 0 : latest.pending - seqs.length;
      for (const [places, seq] of written) latest.settled(places, seq);
    });
  }

  /** Makes the rows of topics that keep the latest from now on, and removes those of topics that keep all. */
  #conversion(head: HeadRecord): TrimStep {
    const { store, topics, latest } = this.#parts;
    const removal = new Removal(this.#parts, head);
    const reached = new Map<string, number>();
    let left = store.room.most(MAX_EVENTS);
    for (const [topic, after] of latest.converting) {
      if (left <= 0) break;
      const isLatest = topics.keepsLatest(topic);
      const [count, last] = isLatest
        ? this.#makeRows(removal, topic, after, left)
        : this.#dropRows(removal, topic, left);
      const isDone = count < left;
      left -= Math.max(count, 1);
      reached.set(topic, isDone ? Infinity : last);
      const isKeyed = isLatest && topics.of(topic) !== undefined;
      if (isDone && isKeyed !== latest.keyed.has(topic)) removal.setKeyed(topic, isKeyed);
    }
    return removal.step(() => {
      for (const [topic, last] of reached) {
        if (last < Infinity) latest.converting.set(topic, last);
        else latest.converted(topic, topics.keepsLatest(topic) && topics.of(topic) !== undefined);
      }
    });
  }

  /** Returns how many events it has seen, and the last of them. */
  #makeRows(removal: Removal, topic: string, after: number, limit: number): readonly [count: number, last: number] {
    const { store, topics, latest } = this.#parts;
    const forgetting: number[] = [];
    const newest = (place: LatestPlace): number | undefined => {
      const [one = 0, other = 0] = [removal.rowOf(place), latest.newestOf(place)];
      return Math.max(one, other) || undefined;
    };
    const replace = (entry: KeptEntry | undefined): void => {
      const places = entry ? latest.placesOf(entry) : [];
      if (entry && latest.isReplaced(entry, places, newest)) removal.replace(entry, places);
    };
    const keys = [...store.byTopic.getKeys({ start: [topic, after + 1], end: [topic, Number.MAX_VALUE], limit })];
    for (const [, seq] of keys) {
      const entry = store.lend(seq);
      const places = entry ? latest.placesOf(entry) : [];
      const place = places.find(([name]) => name === topic);
      if (!entry || !place) continue;
      const before = newest(place) ?? 0;
      if (before <= seq) removal.setRow(place, seq);
      // One that forgets a key is kept no longer here than if it had been published now.
      if (entry.forgets === true && entry.topics.every((name) => topics.keepsLatest(name))) forgetting.push(seq);
      if (before > seq) replace(store.lend(seq));
      else if (before > 0 && before < seq) replace(store.lend(before));
    }
    removal.also((track) => {
      for (const seq of forgetting) if (!removal.has(seq)) track(store.forgetting.put(seq, Buffer.alloc(0)));
    });
    return [keys.length, keys.at(-1)?.[1] ?? after];
  }

  #dropRows(removal: Removal, topic: string, limit: number): readonly [count: number, last: number] {
    const { latest } = this.#parts.store;
    // The names of keys begin with small letters.
    const places = [...latest.getKeys({ start: [topic, 'a'], end: [topic, '~'], limit })];
    for (const place of places) removal.setRow(place, undefined);
    return [places.length, 0];
  }
}
