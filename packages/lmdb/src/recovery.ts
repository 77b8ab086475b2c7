import { LogTime, type Clock, type LogTimeRecord } from '@tidings/server/log';
import { costOf } from './keys.ts';
import type { HeadRecord, LmdbStore } from './store.ts';
import { TopicChanges } from './topic-changes.ts';

// Rows that are changed in one transaction.
const MAX_ROWS = 10_000;

/**
 * Repairs a folder after its process was killed while it stored a large batch: none of those events counts. Counts everything anew if an earlier
 * version counted in another way.
 */
export async function recover(store: LmdbStore): Promise<void> {
  const { head } = store;
  await removeStaged(store, head);
  if (head.keys === undefined) await recount(store, head);
}

/** Removes the events after the head. */
async function removeStaged(store: LmdbStore, { seq: head }: HeadRecord): Promise<void> {
  let isDamaged = false;
  for (;;) {
    const seqs = [...store.events.getKeys({ start: head + 1, limit: MAX_ROWS })];
    if (seqs.length === 0) break;
    const entries = seqs.flatMap((seq) => store.lend(seq) ?? []);
    const damaged = seqs.filter((seq) => store.damaged.delete(seq));
    isDamaged ||= damaged.length > 0;
    await store.commit((track) => {
      for (const entry of entries) store.remove(entry, track);
      for (const seq of damaged) track(store.events.remove(seq));
    });
  }
  // Only the indexes have the topics and ids of damaged events.
  for (const index of isDamaged ? [store.byTopic, store.byId] : []) {
    const rows: [string, number][] = [];
    for (const row of index.getKeys()) if (row[1] > head) rows.push(row);
    await store.commit((track) => {
      for (const row of rows) track(index.remove(row));
    });
  }
  if (store.meta.get('staged') !== undefined) await store.commit((track) => track(store.meta.remove('staged')));
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
