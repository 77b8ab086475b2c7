import {
  exceeds,
  hasNewest,
  publicPart,
  PublicTopics,
  RecentTopics,
  TopicBounds,
  type LogEntry,
  withEvent,
  withoutEvent,
  withTimes,
  type KeptSummary,
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
  readonly #recent = new RecentTopics<KeptSummary>();
  readonly #public = new PublicTopics(() => this.#recent.newest(Infinity));

  constructor(store: LmdbStore, retention: LogRetention) {
    this.#store = store;
    this.bounds = new TopicBounds(retention);
    const all = [...store.topics.getRange()].map(({ key, value }) => ({ topic: key, ...value }));
    for (const summary of all.toSorted((one, other) => one.last - other.last)) this.#keep(summary);
    const isHiding = all.find(({ hidden }) => hidden !== undefined);
    if (isHiding) this.#public.note(isHiding);
  }

  of(topic: string): KeptSummary | undefined {
    return this.#recent.get(topic);
  }

  /** The states of a batch's topics once the batch is added. */
  with(batch: readonly LogEntry[]): ReadonlyMap<string, KeptSummary> {
    const changed = new Map<string, KeptSummary>();
    for (const entry of batch) {
      for (const topic of entry.topics) {
        changed.set(topic, withEvent(topic, changed.get(topic) ?? this.of(topic), entry, entry.frame.length));
      }
    }
    return changed;
  }

  /** The states of some entries' topics once the entries are removed. A topic with nothing left has no events. */
  without(entries: ReadonlyMap<number, KeptEntry>): ReadonlyMap<string, KeptSummary> {
    const changed = new Map<string, KeptSummary>();
    const newest = new Set<string>();
    for (const entry of entries.values()) {
      for (const topic of entry.topics) {
        const before = changed.get(topic) ?? this.of(topic);
        if (!before) continue;
        if (hasNewest(before, entry)) newest.add(topic);
        changed.set(topic, withoutEvent(before, entry, entry.frameBytes));
      }
    }
    for (const topic of newest) {
      const summary = changed.get(topic);
      if (!summary || summary.events === 0) continue;
      changed.set(
        topic,
        withTimes(summary, (publicOnly) => this.#newestTime(topic, entries, publicOnly)),
      );
    }
    return changed;
  }

  /** Writes the new states of topics, as part of a commit. */
  write(changed: ReadonlyMap<string, KeptSummary>, track: (write: Promise<boolean>) => void): void {
    const { topics } = this.#store;
    for (const [topic, { topic: _, ...kept }] of changed) {
      track(kept.events === 0 ? topics.remove(topic) : topics.put(topic, kept));
    }
  }

  /** Adds a batch, once it is committed. */
  added(changed: ReadonlyMap<string, KeptSummary>): void {
    for (const summary of changed.values()) {
      this.#keep(summary);
      this.#public.note(summary);
    }
  }

  /** Removes entries, once their removal is committed. */
  removed(changed: ReadonlyMap<string, KeptSummary>): void {
    for (const summary of changed.values()) {
      if (summary.events === 0) this.#recent.delete(summary.topic);
      else this.#recent.putBack(summary);
      this.#public.note(summary);
      this.#checkBounds(summary);
    }
  }

  async list(request: TopicPageRequest): Promise<TopicPage> {
    const { order, limit, publicOnly = false } = request;
    if (publicOnly && this.#public.differ) {
      const topics = order === 'time' ? this.#public.newest(limit) : this.#byName(request, (kept) => publicPart(kept));
      return { topics, total: this.#public.total };
    }
    const topics = order === 'time' ? this.#recent.newest(limit).map(whole) : this.#byName(request, whole);
    return { topics, total: this.#recent.size };
  }

  /** A page of the topics of which something is shown. */
  #byName({ after, limit }: TopicPageRequest, shown: (kept: KeptSummary) => TopicSummary | undefined): TopicSummary[] {
    const page: TopicSummary[] = [];
    const range = after === undefined ? {} : { start: after, exclusiveStart: true };
    for (const { key, value } of this.#store.topics.getRange(range)) {
      const summary = shown({ topic: key, ...value });
      if (summary) page.push(summary);
      if (page.length === limit) break;
    }
    return page;
  }

  #keep(summary: KeptSummary): void {
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
  #newestTime(topic: string, without: ReadonlyMap<number, KeptEntry>, publicOnly: boolean): number {
    const { byTopic } = this.#store;
    for (const [, seq] of byTopic.getKeys({
      start: [topic, Number.MAX_SAFE_INTEGER],
      end: [topic, 0],
      reverse: true,
    })) {
      const entry = without.has(seq) ? undefined : this.#store.lend(seq);
      if (entry && !(publicOnly && entry.private)) return entry.time;
    }
    return 0;
  }
}

/** All that is kept of a topic, without what is private of it. */
function whole({ topic, events, bytes, last }: KeptSummary): TopicSummary {
  return { topic, events, bytes, last };
}
