import { exceeds } from '@tidings/server/log';
import { topicsOf } from '../records.ts';
import { remove } from './removal.ts';
import type { Transaction } from './transaction.ts';

/** Events that one transaction removes, beside as many as it has appended: a publisher never waits longer for it. */
export const MAX_REMOVED = 1000;

// Events of each topic that are looked at first, where it is not known how many are to be removed. Each further look has four times as many.
const FIRST_LOOK = 8;

// Topics that are looked at in one step.
const MAX_LOOKED = 1000;

// Events of topics that are looked at in one step, and those of one topic more.
const MAX_ROWS = 10_000;

/** An event that may be removed. */
export interface Old {
  readonly seq: number;
  readonly topics: string;
  readonly cost: number;
  readonly at: number;
}

interface Wanted {
  readonly topic: string;
  readonly most: number;
}

/** Removes what is too much of some topics, which have been loaded. Topics of which too much is left are told. */
export async function trimTopics(tx: Transaction, topics: Iterable<string>): Promise<void> {
  const isFull = (topic: string): boolean => wantedOf(tx, topic, FIRST_LOOK) > 0;
  let full = [...topics].filter(isFull);
  for (let look = FIRST_LOOK; full.length > 0; look *= 4) {
    const left = MAX_REMOVED + tx.entries.length - tx.trimmed;
    if (left <= 0) break;
    const wanted: Wanted[] = [];
    for (let rows = 0; wanted.length < full.length && wanted.length < MAX_LOOKED && rows < MAX_ROWS;) {
      const topic = full[wanted.length] ?? '';
      const most = wantedOf(tx, topic, look);
      wanted.push({ topic, most });
      rows += most;
    }
    const gone = await surplusOf(tx, wanted, left);
    await remove(tx, [...gone.keys()], { isTold: true });
    tx.trimmed += gone.size;
    const lessened = new Set([...gone.values()].flat());
    // A topic that has lost nothing has nothing to lose, whatever is remembered of it.
    const mayLose = (topic: string): boolean => gone.size >= left || lessened.has(topic);
    const looked = full.slice(0, wanted.length).filter((topic) => mayLose(topic) && isFull(topic));
    full = [...looked, ...full.slice(wanted.length)];
  }
  for (const topic of full) tx.full.add(topic);
  if (full.length > 0) tx.hasMore = true;
}

/** How many of the oldest events of a topic are looked at, because it has too much. */
function wantedOf(tx: Transaction, topic: string, look: number): number {
  const bounds = tx.parts.topicBounds.of(topic);
  const summary = tx.summaries.get(topic);
  if (!bounds || !summary || !exceeds(summary, bounds, tx.now)) return 0;
  const { maxEvents = Infinity, ...others } = bounds;
  const surplus = Math.max(summary.events - maxEvents, 0);
  return Math.min(exceeds(summary, others, tx.now) ? Math.max(surplus, look) : surplus, MAX_REMOVED);
}

/** The events that are too much of some topics, with their topics: at most so many. */
async function surplusOf(
  tx: Transaction,
  wanted: readonly Wanted[],
  left: number,
): Promise<Map<number, readonly string[]>> {
  const rows = await tx.ask<Old & { topic: string }>(
    `select n.topic, e.seq, e.topics, e.cost, e.at from json_to_recordset($1::json) as n(topic text, most integer)
      cross join lateral (select seq from @event_topics where topic = n.topic order by seq limit n.most) x join @events e using (seq)
      order by e.seq`,
    [JSON.stringify(wanted)],
  );
  const oldest = new Map<string, Old[]>(wanted.map(({ topic }) => [topic, []]));
  for (const { topic, ...row } of rows) oldest.get(topic)?.push(row);
  const kept = new Map<string, { events: number; bytes: number }>();
  for (const topic of oldest.keys()) kept.set(topic, { events: 0, bytes: 0, ...tx.summaries.get(topic) });
  const gone = new Map<number, readonly string[]>();
  for (const [topic, olds] of oldest) {
    const bounds = tx.parts.topicBounds.of(topic) ?? {};
    for (const row of olds) {
      if (gone.has(row.seq)) continue;
      if (gone.size >= left) return gone;
      if (!exceeds({ events: 0, bytes: 0, ...kept.get(topic), oldest: row.at }, bounds, tx.now)) break;
      const topicsOfRow = topicsOf(row);
      gone.set(row.seq, topicsOfRow);
      for (const each of topicsOfRow) {
        const counts = kept.get(each);
        if (!counts) continue;
        counts.events -= 1;
        counts.bytes -= row.cost;
      }
    }
  }
  return gone;
}
