import { isReplaceable, latestNameOf, type LogEntry } from '@tidings/server/log';
import { topicsOf } from '../records.ts';
import { atMost } from '../store/connection.ts';
import { remove } from './removal.ts';
import type { Transaction } from './transaction.ts';

// Older events that are looked at, and removed, at once.
const MAX_AT_ONCE = 2000;

/** Removes what newer events of their keys have replaced, in the topics that keep the latest. The events have been written. */
export async function replaceOlder(tx: Transaction, entries: readonly LogEntry[]): Promise<void> {
  const newest = new Map<string, { readonly topic: string; readonly name: string; readonly seq: number }>();
  const older = new Set<number>();
  for (const entry of entries) {
    for (const topic of entry.topics) {
      if (!tx.keepsLatest(topic)) continue;
      const name = latestNameOf(entry);
      const place = `${topic}\n${name}`;
      const before = newest.get(place);
      if (before) older.add(before.seq);
      newest.set(place, { topic, name, seq: entry.seq });
    }
  }
  if (newest.size === 0) return;
  const pairs = JSON.stringify([...newest.values()]);
  const known = await tx.ask<{ seq: number }>(
    `select l.seq from @latest l join json_to_recordset($1::json) as r(topic text, name text) on l.topic = r.topic and l.name = r.name`,
    [pairs],
  );
  await tx.ask(
    `insert into @latest (topic, name, seq) select topic, name, seq from json_to_recordset($1::json) as r(topic text, name text, seq bigint)
      on conflict (topic, name) do update set seq = excluded.seq`,
    [pairs],
  );
  for (const { seq } of known) older.add(seq);
  await removeReplaced(tx, [...older]);
}

/** A topic keeps the latest from now on, or all: its events become what they would be if it had always done so. */
export async function changeKeep(tx: Transaction, topic: string, keepsLatest: boolean): Promise<void> {
  if (!keepsLatest) {
    await tx.ask('delete from @latest where topic = $1', [topic]);
    return;
  }
  await tx.ask(
    `insert into @latest (topic, name, seq)
      select distinct on (e.name) $1::text, e.name, e.seq from @event_topics x join @events e using (seq)
      where x.topic = $1 order by e.name, e.seq desc
      on conflict (topic, name) do update set seq = excluded.seq`,
    [topic],
  );
  for (let after = 0; ;) {
    const rows = await tx.ask<{ seq: number }>(
      `select x.seq from @event_topics x join @events e using (seq) join @latest l on l.topic = x.topic and l.name = e.name
        where x.topic = $1 and x.seq > $2 and x.seq < l.seq order by x.seq ${atMost(MAX_AT_ONCE)}`,
      [topic, after],
    );
    await removeReplaced(
      tx,
      rows.map(({ seq }) => seq),
    );
    const last = rows.at(-1);
    if (!last || rows.length < MAX_AT_ONCE) return;
    after = last.seq;
  }
}

/** Removes those of some events of which all topics keep the latest and have a newer one. */
async function removeReplaced(tx: Transaction, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  const rows = await tx.ask<{ seq: number; topics: string; private: boolean; newer: number }>(
    `select e.seq, e.topics, e.private,
        (select count(*) from @event_topics x join @latest l on l.topic = x.topic and l.name = e.name and l.seq > e.seq where x.seq = e.seq
          and x.topic in (select json_array_elements_text(e.topics::json))) as newer
      from @events e where e.seq = any($1::bigint[])`,
    [seqs],
  );
  const events = rows.map((row) => ({ ...row, topics: topicsOf(row) }));
  await tx.load(events.flatMap(({ topics }) => topics));
  const gone = events.filter((event) => {
    const { topics, newer } = event;
    return isReplaceable(event) && newer === topics.length && topics.every((topic) => tx.keepsLatest(topic));
  });
  await remove(
    tx,
    gone.map(({ seq }) => seq),
    { isTold: false },
  );
}
