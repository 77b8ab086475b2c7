import type { TrimLedger } from '@tidings/server/log';
import type { KeptEntry } from '../records/record.ts';
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

/** Events that go together, and what is left without them. */
export class Removal {
  readonly topics: TopicChanges;
  readonly #before: HeadRecord;
  readonly #entries = new Map<number, KeptEntry>();
  #bytes = 0;

  constructor(topics: LmdbTopics, before: HeadRecord) {
    this.topics = topics.change();
    this.#before = before;
  }

  get size(): number {
    return this.#entries.size;
  }

  get isFull(): boolean {
    return this.size >= MAX_REMOVED;
  }

  has(seq: number): boolean {
    return this.#entries.has(seq);
  }

  /** What is left without the removed events. */
  get rest(): HeadRecord {
    const { events, bytes } = this.#before;
    return { ...this.#before, events: events - this.size, bytes: bytes - this.#bytes + this.topics.bytes };
  }

  add(entry: KeptEntry): void {
    this.#entries.set(entry.seq, entry);
    this.#bytes += entry.cost;
    this.topics.remove(entry);
  }

  /**
   * @param note runs with what the step notes
   * @param forgotten topics that are forgotten with it
   * @param write writes what else is part of the commit
   */
  step(
    store: LmdbStore,
    topics: LmdbTopics,
    ledger: TrimLedger,
    note: () => void,
    { forgotten = [], write }: { readonly forgotten?: readonly string[]; readonly write?: (track: Track) => void } = {},
  ): TrimStep {
    const entries = [...this.#entries.values()];
    const states = topics.states.without(this.topics.emptied, forgotten);
    const head = { ...this.rest, bytes: this.rest.bytes + states.addedBytes };
    const plan = ledger.plan(
      entries.flatMap((entry) => {
        const { seq, private: isPrivate } = entry;
        const told = store.topicsOf(entry);
        return told.length === 0 ? [] : { seq, private: isPrivate, topics: told };
      }),
    );
    this.topics.settle((topic, publicOnly, known) =>
      store.newest(topic, Math.min(known, head.seq), publicOnly, (seq) => this.has(seq)),
    );
    return {
      head,
      commit: async () => {
        if (entries.length === 0 && states.changes.size === 0 && !write) return;
        await store.commit((track) => {
          for (const entry of entries) store.remove(entry, track);
          topics.write(this.topics, track);
          topics.states.write(states, track);
          write?.(track);
          store.writeTrims(plan, track);
          track(store.meta.put('head', head));
        });
      },
      note: () => {
        note();
        ledger.apply(plan);
        topics.removed(this.topics);
        topics.states.book.apply(states);
      },
    };
  }
}
