import { noteEmptied, withoutEvent } from '@tidings/server/log';
import { costOfTopic, topicsOf, type Summary } from '../records.ts';
import type { Transaction } from './transaction.ts';

/** How events are removed. */
export interface RemovalHow {
  /** Whether listeners are told that they are missing. What a newer event of its key has replaced is not missing. */
  readonly isTold: boolean;
  /** The topic that is deleted with them, for which its deletion tells it. */
  readonly deleted?: string;
}

/** Removes events, as part of a transaction whose own events have been written. Those that are no longer there are left out. */
export async function remove(tx: Transaction, seqs: readonly number[], { isTold, deleted }: RemovalHow): Promise<void> {
  if (seqs.length === 0) return;
  const rows = await tx.ask<{ seq: number; topics: string; private: boolean; cost: number }>(
    'delete from @events where seq = any($1::bigint[]) returning seq, topics, private, cost',
    [seqs],
  );
  if (rows.length === 0) return;
  const events = rows.map((row) => ({ ...row, topics: topicsOf(row) })).toSorted((one, other) => one.seq - other.seq);
  const pairs = JSON.stringify(events.flatMap(({ seq, topics }) => topics.map((topic) => ({ topic, seq }))));
  await tx.ask(
    `delete from @event_topics x using json_to_recordset($1::json) as r(topic text, seq bigint) where x.topic = r.topic and x.seq = r.seq`,
    [pairs],
  );
  await tx.ask(
    `delete from @latest x using json_to_recordset($1::json) as r(topic text, seq bigint) where x.topic = r.topic and x.seq = r.seq`,
    [pairs],
  );
  await tx.load(events.flatMap(({ topics }) => topics));
  const stale = new Set<string>();
  for (const { seq, topics, private: isPrivate, cost } of events) {
    tx.state.events -= 1;
    tx.state.bytes -= cost;
    for (const topic of topics) {
      const before = tx.summaries.get(topic);
      if (!before) continue;
      if (before.events > 1) {
        tx.setSummary(topic, { ...withoutEvent(before, { seq, time: 0, private: isPrivate }, cost), oldest: 0 });
        stale.add(topic);
        continue;
      }
      tx.setSummary(topic, undefined);
      tx.state.bytes -= costOfTopic(topic);
      stale.delete(topic);
      if (topic !== deleted) noteEmptied(tx.draft, topic, isPrivate);
    }
    const told = deleted === undefined ? topics : topics.filter((topic) => topic !== deleted);
    if (!isTold || told.length === 0) continue;
    tx.removed.push({ seq, topics: told, private: isPrivate });
    if (deleted !== undefined && isPrivate) tx.removed.push({ seq, topics, private: true, leaves: deleted });
  }
  await findTimes(tx, stale);
}

interface TimesRow {
  readonly topic: string;
  readonly seq: number;
  readonly time: number;
  readonly public_seq: number | null;
  readonly public_time: number | null;
  readonly oldest: number;
}

/** Finds the oldest and the newest events of topics anew. */
async function findTimes(tx: Transaction, topics: ReadonlySet<string>): Promise<void> {
  if (topics.size === 0) return;
  const asked = [...topics].map((topic) => ({ topic, hidden: tx.summaries.get(topic)?.hidden !== undefined }));
  const rows = await tx.ask<TimesRow>(
    `select n.topic, l.seq, l.time, p.seq as public_seq, p.time as public_time, o.at as oldest
      from json_to_recordset($1::json) as n(topic text, hidden boolean)
      cross join lateral (select e.seq, e.time from @event_topics x join @events e using (seq)
        where x.topic = n.topic order by x.seq desc limit 1) l
      cross join lateral (select e.at from @event_topics x join @events e using (seq)
        where x.topic = n.topic order by x.seq limit 1) o
      left join lateral (select e.seq, e.time from @event_topics x join @events e using (seq)
        where n.hidden and x.topic = n.topic and not e.private order by x.seq desc limit 1) p on true`,
    [JSON.stringify(asked)],
  );
  for (const { topic, seq, time, public_seq: publicSeq, public_time: publicTime, oldest } of rows) {
    const before = tx.summaries.get(topic);
    if (!before) continue;
    const { hidden, ...rest } = before;
    const summary: Summary = { ...rest, last: time, lastSeq: seq, oldest };
    const known = hidden && { ...hidden, publicLast: publicTime ?? 0, publicSeq: publicSeq ?? 0 };
    tx.setSummary(topic, known ? { ...summary, hidden: known } : summary);
  }
}
