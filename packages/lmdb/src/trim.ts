import {
  exceeds,
  KEY_LIFETIME_MS,
  type LogRetention,
  type Retention,
  type TopicRetention,
  type TrimLedger,
} from '@tidings/server/log';
import type { LmdbReader } from './reader.ts';
import type { KeptEntry } from './record.ts';
import type { HeadRecord, LmdbStore } from './store.ts';
import type { LmdbTopics } from './topics.ts';

// The most events that one transaction removes, and that one step examines. A small number, so that no publisher waits long for its commit.
const MAX_REMOVED = 1000;
const MAX_SCANNED = 4096;

/** One small step of trimming, ready to be committed. */
export interface TrimStep {
  readonly head: HeadRecord;
  commit(): Promise<void>;
  /** Updates the state in memory, once the removal is committed. */
  note(): void;
}

/** Finds what retention no longer keeps, step by step. It never goes through all topics. */
export class LmdbTrimmer {
  readonly #store: LmdbStore;
  readonly #reader: LmdbReader;
  readonly #topics: LmdbTopics;
  readonly #ledger: TrimLedger;
  readonly #retention: LogRetention;
  // For each rule that bounds the age of topics: the sequence number up to which all events that are too old have been removed.
  readonly #aged: Map<TopicRetention, number>;

  constructor(store: LmdbStore, reader: LmdbReader, topics: LmdbTopics, ledger: TrimLedger, retention: LogRetention) {
    this.#store = store;
    this.#reader = reader;
    this.#topics = topics;
    this.#ledger = ledger;
    this.#retention = retention;
    const aged = (retention.perTopic ?? []).filter(({ maxAgeMs }) => maxAgeMs !== undefined);
    this.#aged = new Map(aged.map((bounds) => [bounds, 0]));
  }

  /** Whether there are more events or bytes than retention keeps. */
  isOverfull({ events, bytes }: HeadRecord): boolean {
    const { maxEvents = Infinity, maxBytes = Infinity } = this.#retention;
    return events > maxEvents || bytes > maxBytes || this.#topics.overfull.size > 0;
  }

  /** Returns the next step, or undefined if retention keeps everything that there is. */
  next(head: HeadRecord, now: number): TrimStep | undefined {
    const removed = new Map<number, KeptEntry>();
    for (const entry of exceeding(this.#reader.oldest(), this.#retention, head, now)) removed.set(entry.seq, entry);
    if (removed.size === 0) this.#findInTopics(removed);
    const aged = removed.size === 0 ? this.#findAged(removed, now) : undefined;
    return removed.size === 0 && !aged ? undefined : this.#step(removed, aged, head);
  }

  /** Forgets a small number of keys of appends that are too old to be repeated. Returns whether there were any. */
  async expireKeys(now: number): Promise<boolean> {
    const { keys, keysByTime } = this.#store;
    const end: [number, string] = [now - KEY_LIFETIME_MS, ''];
    const expired = [...keysByTime.getKeys({ start: [0, ''], end, limit: MAX_REMOVED })];
    if (expired.length === 0) return false;
    await this.#store.commit((track) => {
      for (const [time, key] of expired) {
        track(keysByTime.remove([time, key]));
        // The key may have been used again since.
        if (keys.get(key)?.time === time) track(keys.remove(key));
      }
    });
    return true;
  }

  #step(
    removed: ReadonlyMap<number, KeptEntry>,
    aged: ReadonlyMap<TopicRetention, number> | undefined,
    head: HeadRecord,
  ): TrimStep {
    const store = this.#store;
    const entries = [...removed.values()];
    const bytes = entries.reduce((sum, entry) => sum + entry.frameBytes, 0);
    const next: HeadRecord = { seq: head.seq, events: head.events - entries.length, bytes: head.bytes - bytes };
    const plan = this.#ledger.plan(entries);
    const topics = this.#topics.without(removed);
    return {
      head: next,
      commit: async () => {
        if (entries.length === 0) return;
        await store.commit((track) => {
          for (const entry of entries) {
            track(store.events.remove(entry.seq));
            for (const topic of entry.topics) track(store.byTopic.remove([topic, entry.seq]));
            if (entry.named) track(store.byId.remove([entry.id, entry.seq]));
          }
          this.#topics.write(topics, track);
          for (const [topic, trimmed] of plan.topics) track(store.trimmed.put(topic, trimmed));
          for (const topic of plan.forgotten) track(store.trimmed.remove(topic));
          if (plan.forgotten.length > 0) track(store.meta.put('floor', plan.floor));
          track(store.meta.put('head', next));
        });
      },
      note: () => {
        for (const [bounds, reached] of aged ?? []) this.#aged.set(bounds, reached);
        this.#ledger.apply(plan);
        this.#topics.removed(topics);
      },
    };
  }

  /** Finds the excess events of topics that have more than their own bounds allow. */
  #findInTopics(removed: Map<number, KeptEntry>): void {
    for (const topic of this.#topics.overfull) {
      const bounds = this.#topics.bounds.of(topic);
      const kept = this.#topics.of(topic);
      if (!bounds || !kept) continue;
      // An event of several topics may be among those already found.
      const rest = { events: kept.events, bytes: kept.bytes };
      for (const entry of removed.values()) {
        if (!entry.topics.includes(topic)) continue;
        rest.events -= 1;
        rest.bytes -= entry.frameBytes;
      }
      for (const entry of this.#reader.oldestOf(topic)) {
        if (removed.has(entry.seq)) continue;
        if (!exceeds({ ...rest, oldest: Infinity }, bounds, 0)) break;
        removed.set(entry.seq, entry);
        if (removed.size === MAX_REMOVED) return;
        rest.events -= 1;
        rest.bytes -= entry.frameBytes;
      }
    }
  }

  /**
   * Finds the events that are too old for their topic, in the order of the log.
   * @returns the sequence number up to which it has looked for each rule, or undefined if no event that is too old is left
   */
  #findAged(removed: Map<number, KeptEntry>, now: number): ReadonlyMap<TopicRetention, number> | undefined {
    const aged = new Map<TopicRetention, number>();
    let scanned = 0;
    for (const [bounds, reached] of this.#aged) {
      const { maxAgeMs = Infinity } = bounds;
      for (const entry of this.#reader.oldest(reached)) {
        if (scanned === MAX_SCANNED || removed.size === MAX_REMOVED || now - entry.time <= maxAgeMs) break;
        scanned += 1;
        if (entry.topics.some((topic) => this.#topics.bounds.of(topic) === bounds)) removed.set(entry.seq, entry);
        aged.set(bounds, entry.seq);
      }
    }
    return scanned === 0 ? undefined : aged;
  }
}

/** The events, oldest first, that have to go until the bounds hold. */
function* exceeding(
  events: Iterable<KeptEntry>,
  bounds: Retention,
  kept: { events: number; bytes: number },
  now: number,
): Iterable<KeptEntry> {
  const rest = { events: kept.events, bytes: kept.bytes };
  let count = 0;
  for (const entry of events) {
    if (count === MAX_REMOVED || !exceeds({ ...rest, oldest: entry.time }, bounds, now)) return;
    yield entry;
    count += 1;
    rest.events -= 1;
    rest.bytes -= entry.frameBytes;
  }
}
