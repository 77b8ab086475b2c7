import { type EventLog, type NewEvent } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import pg from 'pg';
import { expect, test, vi } from 'vitest';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { allOf, event, LONG, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

const COUNT = 400;

const ofEach = (data: string): NewEvent[] => Array.from({ length: COUNT }, (_, index) => event(`t/${index}`, data));

/** How many statements are sent meanwhile. */
async function statementsOf(what: () => Promise<unknown>): Promise<number> {
  const query = vi.spyOn(pg.Client.prototype, 'query');
  try {
    await what();
    return query.mock.calls.length;
  } finally {
    query.mockRestore();
  }
}

test.skipIf(withoutPostgres).each([
  ['count', { maxEvents: 2 }],
  ['bytes', { maxBytes: 1000 }],
])('what is too much of many topics by %s is removed with few statements', async (_, bounds) => {
  const perTopic = [{ topics: 'all' as const, ...bounds }];
  const log = await openLog(file.server, file.server.schema(), { retention: { perTopic }, pollMs: 60_000 });
  const long = 'x'.repeat(300);
  await log.append(ofEach(`1${long}`));
  await log.append(ofEach(`2${long}`));
  expect(await statementsOf(() => log.append(ofEach(`3${long}`)))).toBeLessThan(60);
  const numbers = (await allOf(log)).map((data) => data[0]);
  expect(numbers).not.toContain('1');
  expect(numbers.filter((number) => number === '3')).toHaveLength(COUNT);
});

test.skipIf(withoutPostgres)('what is too old of many topics is removed with few statements', async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const retention = { perTopic: [{ topics: 'all' as const, maxAgeMs: 1000 }] };
  const log = await openLog(file.server, file.server.schema(), { retention, clock, pollMs: 60_000 });
  await log.append(ofEach('old'));
  clock.advance(2000);
  await log.append([event('t/0', 'new')]);
  expect(await statementsOf(() => log.trim())).toBeLessThan(60);
  expect(await allOf(log)).toEqual(['new']);
});

test.skipIf(withoutPostgres)('many topics whose time is over are forgotten with few statements', async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const log = await openLog(file.server, file.server.schema(), { clock, pollMs: 60_000 });
  for (const { topics } of ofEach('')) await log.topics.create(topics[0]!, { ttlMs: 1000 });
  await log.append([...ofEach('old'), ...ofEach('old')]);
  clock.advance(2000);
  expect(await statementsOf(() => log.append([event('other', 'new')]))).toBeLessThan(60);
  expect(await allOf(log)).toEqual(['new']);
});

test.skipIf(withoutPostgres)('an event that leaves one topic counts for its other topics no more', async () => {
  const perTopic = [
    { topics: ['a'], maxEvents: 1 },
    { topics: ['b'], maxEvents: 2 },
  ];
  const log = await openLog(file.server, file.server.schema(), { retention: { perTopic } });
  await log.append([event('b', 'first'), { topics: ['a', 'b'], fields: { data: 'of both' } }]);
  await log.append([event('a', 'second'), event('b', 'third')]);
  expect(await allOf(log)).toEqual(['first', 'second', 'third']);
});

/** A log of which a topic has far more than it is to keep from now on. */
async function withLess(trimEveryMs: number): Promise<EventLog> {
  const schema = file.server.schema();
  const before = await openLog(file.server, schema);
  await before.append(Array.from({ length: 5000 }, (_, index) => event('a', `${index}`)));
  await before.close();
  return await openLog(file.server, schema, {
    retention: { perTopic: [{ topics: ['a'], maxEvents: 3 }] },
    trimEveryMs,
  });
}

test.skipIf(withoutPostgres)(
  'a topic that has far too much is trimmed to the end, also if it gets nothing',
  LONG,
  async () => {
    const log = await withLess(3_600_000);
    await log.append([event('a', 'new')]);
    await expect.poll(() => allOf(log), LONG).toEqual(['4998', '4999', 'new']);
  },
);

test.skipIf(withoutPostgres)('bounds that were others before hold for topics that get nothing', LONG, async () => {
  const log = await withLess(10);
  await expect.poll(() => allOf(log), LONG).toEqual(['4997', '4998', '4999']);
});
