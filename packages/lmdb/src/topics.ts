import {
  exceeds,
  RecentTopics,
  TopicBounds,
  type LogEntry,
  type LogRetention,
  type TopicDirectory,
  type TopicPage,
  type TopicPageRequest,
  type TopicSummary,
} from '@tidings/server/log';
import type { KeptEntry } from './record.ts';
import type { LmdbStore } from './store.ts';

/**
 * The state of each topic, in a table. The part that every batch and every page needs is in memory, too.
 * A topic takes about 200 bytes of memory and its name.
 */
export class LmdbTopics implements TopicDirectory {
  readonly bounds: TopicBounds;
  /** The topics that have more events or bytes than their own bounds allow. */
  readonly overfull: Set<string> = new Set();
  readonly #store: LmdbStore;
  readonly #recent = new RecentTopics<TopicSummary>();

  constructor(store: LmdbStore, retention: LogRetention) {
    this.#store = store;
    this.bounds = new TopicBounds(retention);
    const all = [...store.topics.getRange()].map(({ key, value }) => ({ topic: key, ...value }));
    for (const summary of all.toSorted((one, other) => one.last - other.last)) this.#keep(summary);
  }

  of(topic: string): TopicSummary | undefined {
    return this.#recent.get(topic);
  }

  /** The states of a batch's topics once the batch is added. */
  with(batch: readonly LogEntry[]): ReadonlyMap<string, TopicSummary> {
    const changed = new Map<string, TopicSummary>();
    for (const entry of batch) {
      for (const topic of entry.topics) {
        const before = changed.get(topic) ?? this.of(topic);
        const events = (before?.events ?? 0) + 1;
        const bytes = (before?.bytes ?? 0) + entry.frame.length;
        changed.set(topic, { topic, events, bytes, last: entry.time });
      }
    }
    return changed;
  }

  /** The states of some entries' topics once the entries are removed. A topic with nothing left has no events. */
  without(entries: ReadonlyMap<number, KeptEntry>): ReadonlyMap<string, TopicSummary> {
    const changed = new Map<string, TopicSummary>();
    const newest = new Set<string>();
    for (const entry of entries.values()) {
      for (const topic of entry.topics) {
        const before = changed.get(topic) ?? this.of(topic);
        if (!before) continue;
        if (entry.time >= before.last) newest.add(topic);
        const events = before.events - 1;
        changed.set(topic, { topic, events, bytes: before.bytes - entry.frameBytes, last: before.last });
      }
    }
    for (const topic of newest) {
      const summary = changed.get(topic);
      if (summary && summary.events > 0) changed.set(topic, { ...summary, last: this.#newestTime(topic, entries) });
    }
    return changed;
  }

  /** Writes the new states of topics, as part of a commit. */
  write(changed: ReadonlyMap<string, TopicSummary>, track: (write: Promise<boolean>) => void): void {
    const { topics } = this.#store;
    for (const [topic, { events, bytes, last }] of changed) {
      track(events === 0 ? topics.remove(topic) : topics.put(topic, { events, bytes, last }));
    }
  }

  /** Adds a batch, once it is committed. */
  added(changed: ReadonlyMap<string, TopicSummary>): void {
    for (const summary of changed.values()) this.#keep(summary);
  }

  /** Removes entries, once their removal is committed. */
  removed(changed: ReadonlyMap<string, TopicSummary>): void {
    for (const summary of changed.values()) {
      if (summary.events === 0) this.#recent.delete(summary.topic);
      else this.#recent.putBack(summary);
      this.#checkBounds(summary);
    }
  }

  async list(request: TopicPageRequest): Promise<TopicPage> {
    const topics = request.order === 'time' ? this.#recent.newest(request.limit) : this.#byName(request);
    return { topics, total: this.#recent.size };
  }

  #byName({ after, limit }: TopicPageRequest): TopicSummary[] {
    const range = after === undefined ? { limit } : { start: after, exclusiveStart: true, limit };
    return [...this.#store.topics.getRange(range)].map(({ key, value }) => ({ topic: key, ...value }));
  }

  #keep(summary: TopicSummary): void {
    this.#recent.putFirst(summary);
    this.#checkBounds(summary);
  }

  #checkBounds(summary: TopicSummary): void {
    const bounds = this.bounds.of(summary.topic);
    // Counts do not show which events are too old.
    if (bounds && exceeds({ ...summary, oldest: Infinity }, bounds, 0)) this.overfull.add(summary.topic);
    else this.overfull.delete(summary.topic);
  }

  /** When the newest event of a topic was appended, other than those entries. */
  #newestTime(topic: string, without: ReadonlyMap<number, KeptEntry>): number {
    const { byTopic } = this.#store;
    for (const [, seq] of byTopic.getKeys({
      start: [topic, Number.MAX_SAFE_INTEGER],
      end: [topic, 0],
      reverse: true,
    })) {
      const entry = without.has(seq) ? undefined : this.#store.lend(seq);
      if (entry) return entry.time;
    }
    return 0;
  }
}
