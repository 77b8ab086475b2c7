import { LogTime, type Clock, type LogTimeRecord } from '@tidings/server/log';
import { costOf } from './keys.ts';
import type { KeptEntry } from './record.ts';
import type { HeadRecord, LmdbStore } from './store.ts';
import { TopicChanges } from './topic-changes.ts';

// Rows that are changed in one transaction.
const MAX_ROWS = 10_000;

/**
 * Puts right what a process left behind that was killed while it stored a large batch, of which nothing counts then, and what an earlier version
 * counted in another way.
 */
export async function recover(store: LmdbStore): Promise<void> {
  const { head } = store;
  for (;;) {
    const left: KeptEntry[] = [];
    for (const entry of store.lendRange({ start: head.seq + 1, limit: MAX_ROWS })) left.push(entry);
    if (left.length === 0) break;
    await store.commit((track) => {
      for (const entry of left) store.remove(entry, track);
    });
  }
  if (head.keys === undefined) await recount(store, head);
}

/** Opens the time of a log. What an earlier version stored is not taken for newer than that. */
export function openTime(store: LmdbStore, clock: Clock): LogTime {
  const { head } = store;
  const known = store.meta.get('time') as LogTimeRecord | undefined;
  if (known) return new LogTime(clock, known, store.lend(head.seq));
  if (head.seq === 0) return new LogTime(clock);
  const now = clock.time();
  return new LogTime(clock, { time: now, clock: now, shifts: [], ceiling: { through: head.seq, time: now } });
}

/** Counts what everything costs. */
async function recount(store: LmdbStore, { seq }: HeadRecord): Promise<void> {
  const topics = new TopicChanges(() => undefined);
  let [events, bytes, keys, keyBytes] = [0, 0, 0, 0];
  for (const entry of store.lendRange({})) {
    topics.add(entry, entry.cost);
    events += 1;
    bytes += entry.cost;
  }
  for (const { key, value } of store.keys.getRange()) {
    keys += 1;
    keyBytes += costOf(key, value);
  }
  const stale = [...store.keysByTime.getKeys()].filter(([time, key]) => store.keys.get(key)?.time !== time);
  await store.commit((track) => {
    for (const { topic, ...summary } of topics.changed.values()) track(store.topics.put(topic, summary));
    for (const row of stale) track(store.keysByTime.remove(row));
    track(store.meta.put('head', { seq, events, bytes: bytes + topics.bytes + keyBytes, keys, keyBytes }));
  });
}
