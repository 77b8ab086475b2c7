import { exceeds, FORGOTTEN_MS, KEY_LIFETIME_MS, type Kept, type Retention } from '@tidings/server/log';
import { costOfTopic, topicsOf } from '../records.ts';
import { atMost } from '../store/connection.ts';
import { remove } from './removal.ts';
import { MAX_REMOVED, type Old, trimTopics } from './surplus.ts';
import type { Transaction } from './transaction.ts';

// Keys and topics that are looked at in one step.
const MAX_LOOKED = 1000;

/** Removes what is too much for the topics that may have more than is to be kept, and for the whole log, as far as one step goes. The events have been written. */
export async function trimExcess(tx: Transaction): Promise<void> {
  await trimTopics(tx, tx.grown);
  await trimWhole(tx, false);
  const { keys, keyBytes } = tx.state;
  if (keys > tx.parts.bounds.maxKeys || keyBytes > tx.parts.bounds.maxKeyBytes) await expireKeys(tx);
}

/**
 * Finds topics that have too much although they have got no event, because they are to keep less than before. They are behind a topic, in the order of names. Returns the last one that was looked at,
 * or undefined if there are no more.
 */
export async function findFull(tx: Transaction, after: string): Promise<string | undefined> {
  const { perTopic = [] } = tx.parts.retention;
  if (perTopic.length === 0) return undefined;
  const rows = await tx.ask<{ topic: string }>(
    `select topic from @topics where topic > $1 order by topic ${atMost(MAX_LOOKED)}`,
    [after],
  );
  await lookAt(
    tx,
    rows.map(({ topic }) => topic),
  );
  return rows.length < MAX_LOOKED ? undefined : rows.at(-1)?.topic;
}

/** Looks at topics that may have too much. */
export async function lookAt(tx: Transaction, topics: readonly string[]): Promise<void> {
  await tx.load(topics);
  for (const topic of topics) tx.grown.add(topic);
}

/** Removes what is too old of all topics and of the whole log, and keys that are too old, as far as one step goes. */
export async function trimAged(tx: Transaction, after: { readonly at: number; readonly topic: string }): Promise<void> {
  await trimForgotten(tx);
  await trimWhole(tx, true);
  await expireKeys(tx);
  const { perTopic = [] } = tx.parts.retention;
  const least = Math.min(...perTopic.map(({ maxAgeMs = Infinity }) => maxAgeMs));
  if (least === Infinity) return;
  for (let { at, topic } = after; ;) {
    const rows = await tx.ask<{ topic: string; oldest: number }>(
      `select topic, oldest from @topics where oldest < $1 and (oldest, topic) > ($2, $3) order by oldest, topic ${atMost(MAX_LOOKED)}`,
      [tx.now - least, at, topic],
    );
    await tx.load(rows.map((row) => row.topic));
    const bounded = rows.filter((row) => tx.parts.topicBounds.of(row.topic)?.maxAgeMs !== undefined);
    await trimTopics(
      tx,
      bounded.map((row) => row.topic),
    );
    if (tx.hasMore) return;
    const last = rows.at(-1);
    if (!last || rows.length < MAX_LOOKED) return;
    at = last.oldest;
    ({ topic } = last);
  }
}

async function trimWhole(tx: Transaction, byAge: boolean): Promise<void> {
  const { maxEvents, maxBytes, maxAgeMs } = tx.parts.retention;
  const retention = byAge ? { maxEvents, maxBytes, maxAgeMs } : { maxEvents, maxBytes };
  let oldest = tx.now;
  if (byAge) {
    const [first] = await tx.ask<{ at: number }>('select at from @events order by seq limit 1');
    if (!first) return;
    oldest = first.at;
  }
  if (!exceeds({ events: tx.state.events, bytes: tx.bytes, oldest }, retention, tx.now)) return;
  const rows = await tx.ask<Old>(`select seq, topics, cost, at from @events order by seq ${atMost(MAX_REMOVED)}`);
  await tx.load(rows.flatMap((row) => topicsOf(row)));
  const counts = new Map<string, number>();
  let { events: left } = tx.state;
  let { bytes } = tx;
  await removeWhile(tx, rows, retention, (row) => {
    const kept = { events: left, bytes, oldest: row.at };
    left -= 1;
    bytes -= row.cost;
    for (const topic of topicsOf(row)) {
      const count = (counts.get(topic) ?? tx.factsOf(topic).events) - 1;
      counts.set(topic, count);
      if (count === 0) bytes -= costOfTopic(topic);
    }
    return kept;
  });
}

/** Removes the first of some events for as long as what is kept exceeds the bounds. @param keptWith what is kept with an event, before it is removed */
async function removeWhile(
  tx: Transaction,
  rows: readonly Old[],
  bounds: Retention,
  keptWith: (row: Old) => Kept,
): Promise<void> {
  const end = rows.findIndex((row) => !exceeds(keptWith(row), bounds, tx.now));
  const gone = end === -1 ? rows : rows.slice(0, end);
  await remove(
    tx,
    gone.map(({ seq }) => seq),
    { isTold: true },
  );
  if (end === -1 && rows.length === MAX_REMOVED) tx.hasMore = true;
}

/** Events that forget a key go after a day, from topics that keep the latest. */
async function trimForgotten(tx: Transaction): Promise<void> {
  for (let after = 0; ;) {
    const rows = await tx.ask<{ seq: number; topics: string }>(
      `select seq, topics from @events where forgets and seq > $1 and at < $2 order by seq ${atMost(MAX_LOOKED)}`,
      [after, tx.now - FORGOTTEN_MS],
    );
    await tx.load(rows.flatMap((row) => topicsOf(row)));
    const gone = rows.filter((row) => topicsOf(row).every((topic) => tx.keepsLatest(topic)));
    await remove(
      tx,
      gone.map(({ seq }) => seq),
      { isTold: true },
    );
    const last = rows.at(-1);
    if (!last || rows.length < MAX_LOOKED) return;
    after = last.seq;
  }
}

/** Forgets the keys of appends that are too old, or too many. Those of this transaction are not written yet, and stay until the next. */
async function expireKeys(tx: Transaction): Promise<void> {
  const { maxKeys, maxKeyBytes } = tx.parts.bounds;
  const { state } = tx;
  if (state.keys === 0) return;
  const rows = await tx.ask<{ key: Buffer; cost: number; at: number }>(
    `select key, cost, at from @keys order by at, seq limit ${state.keys > maxKeys || state.keyBytes > maxKeyBytes ? MAX_LOOKED : 1}`,
  );
  const gone: Buffer[] = [];
  for (const { key, cost, at } of rows) {
    if (state.keys <= maxKeys && state.keyBytes <= maxKeyBytes && tx.now - at <= KEY_LIFETIME_MS) break;
    if (tx.newKeys.has(key.toString('hex'))) continue;
    gone.push(key);
    state.keys -= 1;
    state.keyBytes -= cost;
    state.bytes -= cost;
  }
  if (gone.length === 0) return;
  await tx.ask('delete from @keys where key = any($1::bytea[])', [gone]);
  tx.isChanged = true;
  if (gone.length === rows.length) tx.hasMore = true;
}
