import {
  KEY_LIFETIME_MS,
  placeEvent,
  type AppendReceipt,
  type LogEntry,
  type PreparedEvent,
} from '@tidings/server/log';
import { commit } from './batch.ts';
import type { HeadRecord, LmdbStore, TopicRecord } from './store.ts';
import { encodeRecord } from './record.ts';

/** A batch that waits to be stored. */
export interface Group {
  readonly events: readonly PreparedEvent[];
  readonly key: string | undefined;
}

export interface Appended {
  readonly head: HeadRecord;
  /** In the order of the log. */
  readonly entries: readonly LogEntry[];
  /** One for each batch. */
  readonly receipts: readonly AppendReceipt[];
}

const NOTHING = Buffer.alloc(0);

/** Stores batches. The only place that writes events. */
export class LmdbWriter {
  readonly #store: LmdbStore;

  constructor(store: LmdbStore) {
    this.#store = store;
  }

  /** Stores several batches in one commit, behind the head; all of them or, where it rejects, none. */
  async append(batches: readonly Group[], head: HeadRecord, now: number): Promise<Appended> {
    const store = this.#store;
    const entries: LogEntry[] = [];
    const receipts: AppendReceipt[] = [];
    const named = new Set<number>();
    const keys = new Map<string, AppendReceipt>();
    let { seq, bytes } = head;
    for (const { events, key } of batches) {
      const repeated = key === undefined ? undefined : (keys.get(key) ?? this.#receiptOf(key, now));
      if (repeated) {
        receipts.push(repeated);
        continue;
      }
      let receipt: AppendReceipt = { seq, id: '' };
      for (const event of events) {
        seq += 1;
        const entry = placeEvent(event, store.epoch, seq, now);
        if (event.id !== undefined) named.add(seq);
        entries.push(entry);
        bytes += entry.frame.length;
        receipt = { seq, id: entry.id };
      }
      receipts.push(receipt);
      if (key !== undefined) keys.set(key, receipt);
    }
    const next = { seq, events: head.events + entries.length, bytes };
    if (entries.length === 0) return { head, entries, receipts };

    await commit(store, (track) => {
      for (const entry of entries) {
        track(store.events.put(entry.seq, encodeRecord(entry, named.has(entry.seq))));
        for (const topic of entry.topics) track(store.byTopic.put([topic, entry.seq], NOTHING));
        if (named.has(entry.seq)) track(store.byId.put([entry.id, entry.seq], NOTHING));
      }
      for (const [topic, record] of this.#topicsWith(entries)) track(store.topics.put(topic, record));
      for (const [key, receipt] of keys) {
        track(store.keys.put(key, { ...receipt, time: now }));
        track(store.keysByTime.put([now, key], NOTHING));
      }
      track(store.meta.put('head', next));
    });
    return { head: next, entries, receipts };
  }

  #topicsWith(entries: readonly LogEntry[]): Map<string, TopicRecord> {
    const changed = new Map<string, TopicRecord>();
    for (const entry of entries) {
      for (const topic of entry.topics) {
        const before = changed.get(topic) ?? this.#store.topics.get(topic);
        changed.set(topic, {
          events: (before?.events ?? 0) + 1,
          bytes: (before?.bytes ?? 0) + entry.frame.length,
          last: entry.time,
        });
      }
    }
    return changed;
  }

  #receiptOf(key: string, now: number): AppendReceipt | undefined {
    const known = this.#store.keys.get(key);
    return known && now - known.time <= KEY_LIFETIME_MS ? { seq: known.seq, id: known.id } : undefined;
  }
}
