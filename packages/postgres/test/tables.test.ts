import { type NewEvent } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { expect, test } from 'vitest';
import { randomNumbers } from '../../../test/seed.ts';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { allOf, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

const TOPICS = ['a', 'b', 'now/1', 'now/2', 'small', 'ü'];

/** What the head and the tables say must be the same, whichever was changed by which node. Each statement gives what differs. */
const RULES: Readonly<Record<string, string>> = {
  'the head counts the events': `select h.state::json ->> 'events' as said, (select count(*) from @events) as found from @head h
    where (h.state::json ->> 'events')::bigint <> (select count(*) from @events)`,
  'the head counts what all costs': `with found as (select
      (select coalesce(sum(cost), 0) from @events) + (select coalesce(sum(cost), 0) from @keys)
      + (select coalesce(sum(250 + 2 * char_length(topic)), 0) from @topics)
      + (select coalesce(sum(250 + 2 * char_length(topic)), 0) from @states) as bytes)
    select h.state::json ->> 'bytes' as said, found.bytes from @head h, found where (h.state::json ->> 'bytes')::numeric <> found.bytes`,
  'the head counts keys and states': `select h.state from @head h where (h.state::json ->> 'keys')::bigint <> (select count(*) from @keys)
    or (h.state::json ->> 'states')::bigint <> (select count(*) from @states)
    or (h.state::json ->> 'leases')::bigint <> (select count(*) from @states where leased)
    or (h.state::json ->> 'created')::bigint <> (select count(*) from @states where record::json ->> 'options' is not null)
    or (h.state::json ->> 'due')::float8 is distinct from (select min(due) from @states)`,
  'the index of topics has the events': `select * from (select t.topic, e.seq from @events e, json_array_elements_text(e.topics::json) t(topic)) one
    full join @event_topics x on x.topic = one.topic collate "C" and x.seq = one.seq where one.seq is null or x.seq is null`,
  'the topics are summed up': `with found as (select x.topic, count(*) as events, sum(e.cost) as bytes, max(e.seq) as last_seq,
      count(*) filter (where e.private) as hidden, coalesce(max(e.seq) filter (where not e.private), 0) as public_seq, min(e.at) as oldest
      from @event_topics x join @events e using (seq) group by x.topic)
    select * from found full join @topics t using (topic)
    where t.events is distinct from found.events or t.bytes is distinct from found.bytes or t.last_seq is distinct from found.last_seq
      or t.hidden_events is distinct from found.hidden or t.public_seq is distinct from found.public_seq or t.oldest is distinct from found.oldest
      or t.last is distinct from (select time from @events where seq = found.last_seq)`,
  'the newest of each key is kept': `select l.* from @latest l left join @events e on e.seq = l.seq and e.name = l.name where e.seq is null`,
};

test.skipIf(withoutPostgres)('the tables agree with each other after all that two nodes may do', async () => {
  const random = randomNumbers();
  const below = (count: number): number => Math.floor(random() * count);
  const pick = (): string => TOPICS[below(TOPICS.length)]!;
  const schema = file.server.schema();
  const clock = new ManualClock(1_700_000_000_000);
  const retention = {
    maxBytes: 60_000,
    maxAgeMs: 60_000,
    perTopic: [
      { topics: [{ pattern: 'now/*', base: 'https://x.example/' }], keep: 'latest' as const },
      { topics: ['small'], maxEvents: 3 },
      { topics: ['b'], maxAgeMs: 5000 },
    ],
  };
  const open = (): ReturnType<typeof openLog> =>
    openLog(file.server, schema, { retention, clock, maxKeys: 10, pollMs: 60_000 });
  const logs = [await open(), await open()];
  const event = (): NewEvent => ({
    topics: random() < 0.75 ? [pick()] : [pick(), pick()],
    fields: {
      data: 'x'.repeat(below(400)),
      ...(random() < 0.2 ? { event: 't' } : {}),
      ...(random() < 0.2 ? { id: `i${below(5)}` } : {}),
    },
    private: random() < 0.3,
    final: random() < 0.01,
    ...(random() < 0.5 ? { latestKey: `k${below(3)}`, forget: random() < 0.2 } : {}),
  });
  const step = async (): Promise<unknown> => {
    const log = logs[below(2)]!;
    const { topics } = log;
    const choice = random();
    if (choice < 0.62) {
      const events = Array.from({ length: 1 + below(4) }, event);
      return await log.append(events, random() < 0.3 ? { key: `k${below(30)}`, digest: 'same' } : {});
    }
    if (choice < 0.7) return clock.advance(below(3000));
    if (choice < 0.76) return await log.trim();
    if (choice < 0.82) return await topics.delete(pick());
    if (choice < 0.9)
      return await topics.create(pick(), {
        keep: random() < 0.5 ? 'all' : 'latest',
        ...(random() < 0.3 ? { ttlMs: 4000 } : {}),
      });
    if (choice < 0.95) return await topics.lease(pick(), 1 + below(4000));
    return await log.values.set(`v${below(5)}`, 'x', { expiresAt: clock.time() + 5000 });
  };
  const refusals = new Set<string>();
  for (let round = 0; round < 8; round += 1) {
    const steps = Array.from({ length: 25 }, () =>
      step().catch((error: unknown) => void refusals.add((error as { code: string }).code)),
    );
    await Promise.all(steps);
    for (const [rule, statement] of Object.entries(RULES)) {
      const wrong = await file.server.ask(statement.replaceAll('@', `${schema}.`));
      expect(wrong, `${rule}, in round ${round}`).toEqual([]);
    }
    expect(await allOf(logs[0]!)).toEqual(await allOf(logs[1]!));
  }
  expect(
    [...refusals].filter(
      (code) => !['ERR_TOPIC_CLOSED', 'ERR_LEASE_LOST', 'ERR_LEASED', 'ERR_KEY_REUSED'].includes(code),
    ),
  ).toEqual([]);
});
