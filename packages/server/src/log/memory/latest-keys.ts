import type { LogEntry } from '../entry.ts';
import { latestNameOf } from '../keeping/latest-name.ts';
import { copyOf } from '../keeping/frame.ts';
import { costOfKey } from './cost.ts';

/** Which entry is the newest of each key, of topics that keep no older ones. */
export class LatestKeys {
  readonly #isOfLog: boolean;
  readonly #newest = new Map<string, LogEntry>();
  /** The places in which an entry is the newest: one for each of its topics. */
  readonly #places = new Map<LogEntry, Set<string>>();
  #bytes = 0;

  /** @param isOfLog whether a key is that of the whole log, not one of each topic */
  constructor(isOfLog: boolean) {
    this.#isOfLog = isOfLog;
  }

  /** What they cost in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Stores an entry as the newest of its key in some of its topics, unless there is a newer one, and returns those that it replaces there, which are the
   * newest nowhere now.
   */
  replace(entry: LogEntry, topics: readonly string[]): LogEntry[] {
    const name = this.#nameOf(entry);
    const replaced: LogEntry[] = [];
    for (const topic of topics) {
      const place = this.#placeOf(topic, name);
      const before = this.#newest.get(place);
      // A topic that keeps the latest anew offers what it has, also what is not the newest any more.
      if (before && before.seq >= entry.seq) continue;
      if (before) {
        const places = this.#places.get(before);
        places?.delete(place);
        if (places?.size === 0) {
          this.#places.delete(before);
          replaced.push(before);
        }
      } else {
        this.#bytes += costOfKey(place);
      }
      this.#newest.set(place, entry);
      const places = this.#places.get(entry) ?? new Set();
      this.#places.set(entry, places.add(place));
    }
    return replaced;
  }

  /** Whether there is a newer entry of its key in each of these topics of an entry. */
  isReplaced(entry: LogEntry, topics: readonly string[]): boolean {
    const name = this.#nameOf(entry);
    return topics.every((topic) => (this.#newest.get(this.#placeOf(topic, name))?.seq ?? 0) > entry.seq);
  }

  /** Forgets an entry that is no longer kept. */
  forget(entry: LogEntry): void {
    for (const place of this.#places.get(entry) ?? []) this.#leave(place);
    this.#places.delete(entry);
  }

  /** Forgets what is the newest of the keys of a topic, which keeps all from now on. @param entries those of the topic */
  forgetTopic(topic: string, entries: Iterable<LogEntry>): void {
    for (const entry of entries) {
      const places = this.#places.get(entry);
      const place = this.#placeOf(topic, this.#nameOf(entry));
      if (places?.delete(place) !== true) continue;
      this.#leave(place);
      if (places.size === 0) this.#places.delete(entry);
    }
  }

  #leave(place: string): void {
    this.#newest.delete(place);
    this.#bytes -= costOfKey(place);
  }

  #nameOf(entry: LogEntry): string {
    return latestNameOf(this.#isOfLog ? { ...entry, private: false } : entry);
  }

  /** Neither a topic nor a key has a line end. */
  #placeOf(topic: string, name: string): string {
    return copyOf(this.#isOfLog ? name : `${topic}\n${name}`);
  }
}
