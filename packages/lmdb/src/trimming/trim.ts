import { exceeds, type LogRetention, type LogTime, type TopicRetention, type TrimLedger } from '@tidings/server/log';
import type { LmdbReader } from '../reading/reader.ts';
import { Removal, type TrimStep } from './removal.ts';
import type { HeadRecord, Incoming, LmdbStore } from '../tables/store.ts';
import { loosen, type LmdbTopics } from '../tables/topics.ts';

// The most events that one step examines. A small number, so that no publisher waits long for its commit.
const MAX_SCANNED = 4096;

const NOTHING: Incoming = { events: 0, bytes: 0 };

export interface TrimmerParts {
  readonly store: LmdbStore;
  readonly reader: LmdbReader;
  readonly topics: LmdbTopics;
  readonly ledger: TrimLedger;
  readonly time: LogTime;
}

/** Finds what retention no longer keeps, step by step. It never goes through all topics. */
export class LmdbTrimmer {
  readonly #parts: TrimmerParts;
  readonly #retention: LogRetention;
  readonly #loose: LogRetention;
  // For each rule that bounds the age of topics: the sequence number up to which all events that are too old have been removed.
  readonly #aged: Map<TopicRetention, number>;

  constructor(parts: TrimmerParts, retention: LogRetention) {
    this.#parts = parts;
    this.#retention = retention;
    this.#loose = loosen(retention);
    const aged = (retention.perTopic ?? []).filter(({ maxAgeMs }) => maxAgeMs !== undefined);
    this.#aged = new Map(aged.map((bounds) => [bounds, 0]));
  }

  /** Whether more is kept than is allowed even for a moment: in the whole log with what is about to be added, or else in a topic. */
  isOverdue({ events, bytes }: HeadRecord, incoming?: Incoming): boolean {
    if (!incoming && this.#parts.topics.overdue.size > 0) return true;
    const { events: moreEvents, bytes: moreBytes } = incoming ?? NOTHING;
    return exceeds({ events: events + moreEvents, bytes: bytes + moreBytes, oldest: Infinity }, this.#loose, 0);
  }

  /** Returns the next step, which makes room for what is about to be added, or undefined if retention keeps everything that there is. */
  next(head: HeadRecord, incoming: Incoming = NOTHING): TrimStep | undefined {
    const { store, topics, ledger, time } = this.#parts;
    const removal = new Removal(topics, head);
    const now = time.now();
    this.#findExcess(removal, incoming, now);
    if (removal.size === 0) this.#findInTopics(removal);
    const aged = removal.size === 0 ? this.#findAged(removal, now) : undefined;
    if (removal.size === 0 && !aged) return undefined;
    return removal.step(store, topics, ledger, () => {
      for (const [bounds, reached] of aged ?? []) this.#aged.set(bounds, reached);
    });
  }

  /** Finds the oldest events that have to be removed until the bounds of the whole log hold. */
  #findExcess(removal: Removal, incoming: Incoming, now: number): void {
    const { reader, time } = this.#parts;
    for (const entry of reader.oldest(0, removal.rest.seq)) {
      const { events, bytes } = removal.rest;
      const kept = { events: events + incoming.events, bytes: bytes + incoming.bytes, oldest: time.of(entry) };
      if (removal.isFull || !exceeds(kept, this.#retention, now)) break;
      removal.add(entry);
    }
  }

  /** Finds the excess events of topics that have more than their own bounds allow. */
  #findInTopics(removal: Removal): void {
    const { topics, reader } = this.#parts;
    for (const topic of topics.overfull) {
      const bounds = topics.boundsOf(topic);
      if (!bounds) continue;
      for (const entry of reader.oldestOf(topic, removal.rest.seq)) {
        if (removal.isFull) return;
        const kept = removal.topics.of(topic);
        if (!kept || !exceeds({ ...kept, oldest: Infinity }, bounds, 0)) break;
        // An event of several topics may be among those already found.
        if (!removal.has(entry.seq)) removal.add(entry);
      }
    }
  }

  /**
   * Finds the events that are too old for their topic, in the order of the log.
   * @returns the sequence number up to which it has looked for each rule, or undefined if no event that is too old is left
   */
  #findAged(removal: Removal, now: number): ReadonlyMap<TopicRetention, number> | undefined {
    const { topics, reader, time } = this.#parts;
    const aged = new Map<TopicRetention, number>();
    let scanned = 0;
    for (const [bounds, reached] of this.#aged) {
      const { maxAgeMs = Infinity } = bounds;
      for (const entry of reader.oldest(reached, removal.rest.seq)) {
        if (scanned === MAX_SCANNED || removal.isFull || now - time.of(entry) <= maxAgeMs) break;
        scanned += 1;
        if (!removal.has(entry.seq) && entry.topics.some((topic) => topics.boundsOf(topic) === bounds)) {
          removal.add(entry);
        }
        aged.set(bounds, entry.seq);
      }
    }
    return scanned === 0 ? undefined : aged;
  }
}
