import { exceeds, FORGOTTEN_MS, type LogRetention, type LogTime } from '@tidings/server/log';
import type { LmdbReader } from '../reading/reader.ts';
import type { AgedTopic } from '../tables/aged-topics.ts';
import type { HeadRecord, Incoming } from '../tables/store.ts';
import { loosen } from '../tables/topics.ts';
import { LmdbCompactor } from './compaction.ts';
import { Removal, type RemovalParts, type TrimStep } from './removal.ts';

// The most topics that one step looks at for events that are too old. A small number, so that no publisher waits long for its commit.
const MAX_LOOKED = 1024;

const NOTHING: Incoming = { events: 0, bytes: 0 };

export interface TrimmerParts extends RemovalParts {
  readonly reader: LmdbReader;
  readonly time: LogTime;
}

/** Finds what retention no longer keeps, step by step. It never goes through all topics. */
export class LmdbTrimmer {
  readonly #parts: TrimmerParts;
  readonly #retention: LogRetention;
  readonly #loose: LogRetention;
  readonly #compactor: LmdbCompactor;
  /** The topics of which the last step has removed events, and where their oldest event was before. */
  readonly #unsure: AgedTopic[] = [];

  constructor(parts: TrimmerParts, retention: LogRetention) {
    this.#parts = parts;
    this.#retention = retention;
    this.#loose = loosen(retention);
    this.#compactor = new LmdbCompactor(parts);
  }

  /** Whether more is kept than is allowed even for a moment: in the whole log with what is about to be added, or else in a topic. */
  isOverdue({ events, bytes }: HeadRecord, incoming?: Incoming): boolean {
    if (!incoming && (this.#parts.topics.overdue.size > 0 || this.#compactor.isOverdue)) return true;
    const { events: moreEvents, bytes: moreBytes } = incoming ?? NOTHING;
    return exceeds({ events: events + moreEvents, bytes: bytes + moreBytes, oldest: Infinity }, this.#loose, 0);
  }

  /** Returns the next step, which makes room for what is about to be added, or undefined if retention keeps everything that there is. */
  next(head: HeadRecord, incoming: Incoming = NOTHING): TrimStep | undefined {
    // What has been replaced does not count, so it goes first.
    const compaction = this.#compactor.next(head);
    if (compaction) return compaction;
    const removal = new Removal(this.#parts, head);
    const now = this.#parts.time.now();
    this.#findExcess(removal, incoming, now);
    if (removal.size === 0) this.#findInTopics(removal);
    if (removal.size === 0) this.#findForgotten(removal, now);
    if (removal.isEmpty && !this.#findAged(removal, now)) return undefined;
    return removal.step(() => {
      this.#unsure.length = 0;
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

  /** Finds the events that are too old for their topic: of each rule the topic with the oldest event first. Returns whether there may be more. */
  #findAged(removal: Removal, now: number): boolean {
    const { topics, reader, time } = this.#parts;
    const { aged } = topics;
    let looked = 0;
    for (const { topic, seq } of this.#unsure.splice(0)) if (topics.of(topic)) aged.move(topic, seq);
    for (const rule of aged.rules) {
      const { maxAgeMs = Infinity } = rule;
      for (let first = aged.first(rule); first && !removal.isFull; first = aged.first(rule)) {
        if (looked === MAX_LOOKED) return true;
        looked += 1;
        const { topic, seq } = first;
        let [oldest, isDue] = [Infinity, false];
        for (const entry of reader.oldestOf(topic, removal.rest.seq)) {
          oldest = entry.seq;
          if (now - time.of(entry) <= maxAgeMs || removal.isFull) break;
          oldest = Infinity;
          isDue = true;
          if (!removal.has(entry.seq)) removal.add(entry);
        }
        // Until the events are removed, the topic is where it is found again if that fails.
        if (isDue) this.#unsure.push({ topic, seq });
        if (!isDue && oldest === seq) break;
        aged.move(topic, oldest);
      }
    }
    return removal.size > 0;
  }

  /** Finds events that forget a key and have been kept for long enough. */
  #findForgotten(removal: Removal, now: number): void {
    const { store, topics, time } = this.#parts;
    for (const seq of store.forgetting.getKeys()) {
      const entry = store.lend(seq);
      if (removal.isFull || (entry && now - time.of(entry) <= FORGOTTEN_MS)) break;
      if (entry?.topics.every((topic) => topics.keepsLatest(topic)) && !removal.has(seq)) removal.add(entry);
      else removal.also((track) => track(store.forgetting.remove(seq)));
    }
  }
}
