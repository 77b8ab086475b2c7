import { rowOf, topicRowOf } from '../records.ts';
import { channelOf } from '../store/connection.ts';
import { MAX_DELETIONS, writePlan } from '../store/ledger-copy.ts';
import { replaceOlder } from './latest.ts';
import type { Transaction } from './transaction.ts';

/** Writes the events of a transaction that are not written yet. Those that they replace are removed. */
export async function flush(tx: Transaction): Promise<void> {
  const pending = tx.pending.splice(0);
  if (pending.length === 0) return;
  let start = 1;
  const rows = pending.map(({ entry, event, cost }) => {
    const row = { ...rowOf(entry, event, tx.now, cost), start };
    start += entry.frame.length;
    return row;
  });
  const frames = Buffer.concat(pending.map(({ entry }) => entry.frame));
  const pairs = pending.flatMap(({ entry: { seq, topics } }) => topics.map((topic) => ({ topic, seq })));
  await tx.ask(
    `with indexed as (insert into @event_topics (topic, seq)
        select topic, seq from json_to_recordset($3::json) as r(topic text, seq bigint))
      insert into @events (seq, id, topics, private, type, name, latest_key, forgets, final, time, at, cost, size, frame)
      select seq, id, topics, private, type, name, latest_key, forgets, final, time, at, cost, size, substring($2::bytea from start for size)
      from json_to_recordset($1::json) as r(seq bigint, id text, topics text, private boolean, type text, name text, latest_key text,
        forgets boolean, final boolean, time bigint, at double precision, cost bigint, size integer, start integer)`,
    [JSON.stringify(rows), frames, JSON.stringify(pairs)],
  );
  await replaceOlder(
    tx,
    pending.map(({ entry }) => entry),
  );
}

/** Writes all changes of a transaction. Returns whether there were any: else it need not be committed. */
export async function finish(tx: Transaction, force: boolean = false): Promise<boolean> {
  await flush(tx);
  await writeDeletions(tx);
  await writeTopics(tx);
  await writeStates(tx);
  await writeKeys(tx);
  if (tx.removed.length > 0) {
    tx.trims += 1;
    const plan = tx.parts.ledger.ledger.plan(tx.removed);
    tx.plan = { at: tx.trims, plan };
    tx.state.floor = plan.floor;
    await writePlan(tx.ask, tx.trims, plan);
    tx.isChanged = true;
  }
  if (!tx.isChanged && !force) return false;
  const { clock, schema, node } = tx.parts;
  Object.assign(tx.state, { time: tx.now, clock: clock.time() });
  await tx.ask(
    'update @head set seq = $1, epoch = $2, trims = $3, state = $4 returning pg_notify($5, $6) is null as told',
    [tx.seq, tx.epoch, tx.trims, JSON.stringify(tx.state), channelOf(schema), node],
  );
  return true;
}

async function writeDeletions(tx: Transaction): Promise<void> {
  for (const { seq, topics, private: isPrivate, time } of tx.deletions) {
    await tx.ask('insert into @deletions (seq, topic, private, time) values ($1, $2, $3, $4)', [
      seq,
      topics[0],
      isPrivate,
      time,
    ]);
    if (seq % 100 === 0) {
      await tx.ask(
        `delete from @deletions where seq <= (select seq from @deletions order by seq desc offset ${MAX_DELETIONS} limit 1)`,
      );
    }
  }
}

async function writeTopics(tx: Transaction): Promise<void> {
  const gone: string[] = [];
  const rows: unknown[] = [];
  for (const topic of tx.changedTopics) {
    const summary = tx.summaries.get(topic);
    if (summary) rows.push(topicRowOf(summary));
    else gone.push(topic);
  }
  if (gone.length > 0) {
    await tx.ask('delete from @topics where topic in (select json_array_elements_text($1::json))', [
      JSON.stringify(gone),
    ]);
  }
  if (rows.length === 0) return;
  await tx.ask(
    `insert into @topics (topic, events, bytes, last, last_seq, hidden_events, hidden_bytes, public_last, public_seq, oldest)
      select topic, events, bytes, last, last_seq, hidden_events, hidden_bytes, public_last, public_seq, oldest
      from json_to_recordset($1::json) as r(topic text, events bigint, bytes bigint, last bigint, last_seq bigint,
        hidden_events bigint, hidden_bytes bigint, public_last bigint, public_seq bigint, oldest double precision)
      on conflict (topic) do update set events = excluded.events, bytes = excluded.bytes, last = excluded.last,
        last_seq = excluded.last_seq, hidden_events = excluded.hidden_events, hidden_bytes = excluded.hidden_bytes,
        public_last = excluded.public_last, public_seq = excluded.public_seq, oldest = excluded.oldest`,
    [JSON.stringify(rows)],
  );
}

async function writeStates(tx: Transaction): Promise<void> {
  const { draft, state } = tx;
  if (draft.changes.size === 0) return;
  const gone: string[] = [];
  const rows: unknown[] = [];
  for (const [topic, record] of draft.changes) {
    state.states += Number(record !== undefined) - Number(tx.records.has(topic));
    if (!record) {
      gone.push(topic);
      continue;
    }
    const { lease, options, since } = record;
    const forgotten = options?.ttlMs === undefined ? null : since + options.ttlMs;
    const due = lease ? lease.until : forgotten;
    rows.push({ topic, due, leased: lease !== undefined, record: JSON.stringify(record) });
  }
  if (gone.length > 0) {
    await tx.ask('delete from @states where topic in (select json_array_elements_text($1::json))', [
      JSON.stringify(gone),
    ]);
  }
  if (rows.length > 0) {
    await tx.ask(
      `insert into @states (topic, due, leased, record)
        select topic, due, leased, record from json_to_recordset($1::json) as r(topic text, due double precision, leased boolean, record text)
        on conflict (topic) do update set due = excluded.due, leased = excluded.leased, record = excluded.record`,
      [JSON.stringify(rows)],
    );
  }
  const [first] = await tx.ask<{ due: number | null }>(
    'select due from @states where due is not null order by due limit 1',
  );
  state.bytes += draft.addedBytes;
  Object.assign(state, {
    created: draft.created,
    leases: draft.leases,
    stateBytes: draft.bytes,
    due: first?.due ?? null,
  });
  tx.isChanged = true;
}

async function writeKeys(tx: Transaction): Promise<void> {
  const all = [...tx.newKeys.values()];
  if (all.length === 0) return;
  const rows = all.map(({ key, known: { at, cost, ...record } }) => {
    return { key: key.toString('hex'), seq: record.seq, at, cost, record: JSON.stringify(record) };
  });
  await tx.ask(
    `insert into @keys (key, seq, at, cost, record)
      select decode(key, 'hex'), seq, at, cost, record
      from json_to_recordset($1::json) as r(key text, seq bigint, at double precision, cost integer, record text)
      on conflict (key) do update set seq = excluded.seq, at = excluded.at, cost = excluded.cost, record = excluded.record`,
    [JSON.stringify(rows)],
  );
}
