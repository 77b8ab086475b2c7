import { MemoryLog, type MemoryLogRecord, type ServerError } from '@tidings/server/log';
import { eventLogCases, type LogHarness, type LogHarnessOptions, ManualClock } from '@tidings/server/log/testing';
import { describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../test/seed.ts';

const START_MS = 1_700_000_000_000;

async function openCase(options: LogHarnessOptions): Promise<LogHarness> {
  let log = new MemoryLog(options);
  return {
    get log() {
      return log;
    },
    async reopen() {
      // As it comes from another process, but for the bytes of the frames.
      const record = log.record();
      const sent = JSON.parse(JSON.stringify({ ...record, entries: [] })) as typeof record;
      await log.close();
      log = new MemoryLog({ ...options, record: { ...sent, entries: record.entries } });
      expect(log.record().entries).toEqual(record.entries);
      return log;
    },
    dispose: () => log.close(),
  };
}

describe('a log in memory that goes on with what another one has kept, as an EventLog', () => {
  const capabilities = [
    'local',
    'time',
    'trim',
    'directory',
    'totals',
    'states',
    'values',
    'exact',
    'durable',
  ] as const;
  const cases = eventLogCases(capabilities).filter(({ needs }) => needs.includes('durable'));
  for (const { name, run } of cases) test(name, () => run(openCase));
});

test('a log that goes on with a record does from then on what the other does, whatever that is', async () => {
  const random = randomNumbers();
  const below = (end: number): number => Math.floor(random() * end);
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!;
  const topics = ['a', 'b', 'c', 'latest/1', 'latest/2', 'short'];
  const BASE = 'http://localhost/topics/';
  const retention = {
    maxBytes: 60_000,
    maxEvents: 60,
    maxAgeMs: 100_000,
    perTopic: [
      { topics: [{ pattern: 'latest/*', base: BASE }], keep: 'latest' as const },
      { topics: ['short'], maxAgeMs: 10_000, maxEvents: 10 },
    ],
  };
  let made = 0;
  const newToken = (): string => `token ${made}`;
  const open = (record?: MemoryLogRecord): { log: MemoryLog; clock: ManualClock } => {
    const clock = new ManualClock(START_MS);
    clock.advance(now);
    return { log: new MemoryLog({ retention, clock, newToken, maxKeys: 20, epoch: 'e', record }), clock };
  };
  let now = 0;
  const tokens: string[] = ['none'];
  /** Something that happens to a log; it gives what came of it. */
  const next = (): ((log: MemoryLog) => Promise<unknown>) => {
    const topic = one(topics);
    const other = one(topics);
    const what = below(20);
    if (what === 0) return (log) => log.topics.create(topic, options);
    if (what === 1) return (log) => log.topics.delete(topic);
    if (what === 2) return (log) => log.values.set(topic, other, expiring);
    if (what === 3) return (log) => log.values.remove(topic);
    if (what === 4) return (log) => log.topics.release(topic, token);
    if (what === 5) {
      made += 1;
      tokens.push(newToken());
      return (log) => log.topics.lease(topic, 3000);
    }
    const event = {
      topics: below(4) === 0 ? [topic, other] : [topic],
      fields: {
        data: 'x'.repeat(below(300)),
        ...(below(3) === 0 ? { event: other } : {}),
        ...(below(5) === 0 ? { id: `i${below(9)}` } : {}),
      },
      private: below(5) === 0,
      final: below(40) === 0,
      ...(below(3) === 0 ? { latestKey: one(['k', 'l']), forget: below(3) === 0 } : {}),
    };
    const appended = {
      ...(below(3) === 0 ? { key: `key ${below(30)}` } : {}),
      ...(below(4) === 0 ? { leases: [token] } : {}),
    };
    return (log) => log.append([event], appended);
  };
  let options = {};
  let expiring = {};
  let token = 'none';
  const first = open();
  const logs = [first];
  for (let step = 0; step < 1000; step += 1) {
    options = one([{}, { ttlMs: 5000 }, { keep: 'latest' }, { keep: 'all' }]);
    expiring = one([{}, { expiresAt: START_MS + now + below(20_000) }]);
    token = one(tokens);
    const ms = below(3) === 0 ? below(3000) : 0;
    now += ms;
    for (const { clock } of logs) clock.advance(ms);
    const happens = next();
    const came: unknown[] = [];
    for (const { log } of logs) {
      came.push(await happens(log).catch((error: unknown) => `${(error as ServerError).code} ${String(error)}`));
      await log.trim();
    }
    for (const each of came) expect(each).toEqual(came[0]);
    if (step % 200 === 100) logs.push(open(first.log.record()));
    if (step % 50 === 49) for (const { log } of logs) expect(shown(log.record())).toEqual(shown(first.log.record()));
  }
});

/** A record without what may differ: the order in which topics were trimmed or changed, and when it was that the time was asked for. */
function shown({ trimmed, topics, values, keys, ...rest }: MemoryLogRecord): unknown {
  const { time: _, ...others } = rest;
  return {
    ...others,
    ...trimmed,
    trimmed: new Map(trimmed.topics),
    topics: new Map(topics),
    values: new Map(values),
    keys: new Map(keys),
  };
}
