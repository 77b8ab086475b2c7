import { closingEvent, endLease, noteEvent, prepareBatch, type PreparedEvent } from '@tidings/server/log';
import { place } from './appending.ts';
import { flush } from './flush.ts';
import { remove } from './removal.ts';
import type { Transaction } from './transaction.ts';

// Topics that are forgotten, and events that go with them, at once.
const MAX_FORGOTTEN = 1000;

/** Closes the topics whose leases have ended, and forgets some of those whose time is over. */
export async function settle(tx: Transaction): Promise<void> {
  const { due } = tx.state;
  if (due === null || due > tx.now) return;
  // All of those that end, because nothing may be appended to such a topic. Their number is bounded.
  const rows = await tx.ask<{ topic: string; leased: boolean }>(
    `(select topic, leased from @states where due <= $1 and leased order by due, topic)
      union all (select topic, leased from @states where due <= $1 and not leased order by due, topic limit ${MAX_FORGOTTEN})`,
    [tx.now],
  );
  await tx.load(rows.map(({ topic }) => topic));
  closeEnded(
    tx,
    rows.filter(({ leased }) => leased).map(({ topic }) => topic),
  );
  const outlived = rows.filter(({ leased }) => !leased).map(({ topic }) => topic);
  if (outlived.length === 0) return;
  await flush(tx);
  await removeAllOf(tx, outlived);
  for (const topic of outlived) {
    // It goes with its last event.
    if (tx.factsOf(topic).events === 0) tx.draft.set(topic, undefined);
    else tx.hasMore = true;
  }
}

/** Removes events of topics that are forgotten, the oldest first, as far as one step goes. */
async function removeAllOf(tx: Transaction, topics: readonly string[]): Promise<void> {
  const wanted: { readonly topic: string; readonly most: number }[] = [];
  let left = MAX_FORGOTTEN;
  for (const topic of topics) {
    const most = Math.min(tx.factsOf(topic).events, left);
    if (most > 0) wanted.push({ topic, most });
    left -= most;
  }
  if (wanted.length === 0) return;
  const events = await tx.ask<{ seq: number }>(
    `select distinct x.seq from json_to_recordset($1::json) as n(topic text, most integer)
      cross join lateral (select seq from @event_topics where topic = n.topic order by seq limit n.most) x`,
    [JSON.stringify(wanted)],
  );
  await remove(
    tx,
    events.map(({ seq }) => seq),
    { isTold: true },
  );
}

function closeEnded(tx: Transaction, topics: readonly string[]): void {
  if (topics.length === 0) return;
  const { events } = prepareBatch(
    topics.map((topic) => closingEvent(topic, tx.draft.get(topic), tx.factsOf(topic))),
    {},
  );
  events.forEach((event: PreparedEvent, index) => {
    // Nobody holds it when the log itself appends.
    endLease(tx.draft, topics[index] ?? '');
    place(tx, [event], false);
    noteEvent(tx.draft, event, tx.seq, tx.now, tx.factsOf);
  });
}
