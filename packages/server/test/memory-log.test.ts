import { ServerError } from '@tidings/server';
import { KEY_LIFETIME_MS, MemoryLog, type LogRetention, type NewEvent } from '@tidings/server/log';
import { eventLogContract } from '@tidings/server/log/testing';
import { describe, expect, test } from 'vitest';

const EVENT: NewEvent = { topics: ['a'], fields: { data: 'x' } };
const ALL = { topics: ['a'], private: true };

describe('MemoryLog as an EventLog', () => {
  for (const { name, durable, run } of eventLogContract) {
    test.skipIf(durable)(name, () =>
      run((options) => {
        const log = new MemoryLog(options);
        return Promise.resolve({ log, dispose: () => log.close() });
      }),
    );
  }
});

describe('MemoryLog', () => {
  test('begins a new epoch each time, or the one it is given', () => {
    expect(new MemoryLog({ epoch: 'abc9' }).head()).toEqual({ epoch: 'abc9', seq: 0 });
    const epochs = new Set(Array.from({ length: 100 }, () => new MemoryLog().head().epoch));
    expect(epochs.size).toBeGreaterThan(90);
  });

  test('applies its retention with each append', async () => {
    const log = new MemoryLog({ retention: { maxEvents: 2 } });
    for (let n = 0; n < 5; n += 1) await log.append([EVENT]);
    const { entries, trimmedThrough } = await log.read({ selection: ALL, after: 0, through: 5, maxBytes: 1e6 });
    expect(entries.map((entry) => entry.seq)).toEqual([4, 5]);
    expect(trimmedThrough).toBe(3);
  });

  test('has stored a batch and told the tails when append returns its promise', () => {
    const log = new MemoryLog();
    const told: number[] = [];
    log.tail((batch) => told.push(batch.length));
    void log.append([EVENT, EVENT]);
    expect([log.head().seq, told]).toEqual([2, [2]]);
  });

  test('forgets the oldest keys where there are too many', async () => {
    const log = new MemoryLog({ retention: { maxEvents: 0 }, now: () => 0 });
    for (let n = 0; n <= 100_000; n += 1) await log.append([EVENT], { key: String(n) });
    expect((await log.append([EVENT], { key: '1' })).seq).toBe(2);
    expect((await log.append([EVENT], { key: '0' })).seq).toBe(100_002);
    expect(KEY_LIFETIME_MS).toBe(86_400_000);
  });

  const bad: LogRetention[] = [
    { maxEvents: -1 },
    { maxBytes: 1.5 },
    { maxAgeMs: Number.NaN },
    { maxAgeMs: Number.POSITIVE_INFINITY },
    { perTopic: [{ matches: () => true, maxEvents: -1 }] },
  ];
  test.each(bad)('refuses the retention %o', (retention) => {
    expect(() => new MemoryLog({ retention })).toThrow(ServerError);
    expect(() => new MemoryLog({ retention })).toThrow(
      /The option retention\.\w+ is .+, but must be an integer from 0/,
    );
  });
});

describe('MemoryLog as time passes', () => {
  test('gives nothing that has become too old, though nothing is appended', async () => {
    let now = 0;
    const log = new MemoryLog({ retention: { maxAgeMs: 100 }, now: () => now });
    await log.append([{ topics: ['a'], fields: { data: '1', id: 'one' } }]);
    now = 50;
    await log.append([EVENT]);
    now = 101;
    expect(await log.find('one')).toBeUndefined();
    expect(await log.beforeLast(ALL, 5)).toBe(1);
    const page = await log.read({ selection: ALL, after: 0, through: 2, maxBytes: 1e6 });
    expect([page.entries.map(({ seq }) => seq), page.trimmedThrough]).toEqual([[2], 1]);
    now = 151;
    expect([...log.topics()]).toEqual([]);
  });

  test('keeps the newest of each key where it is to, and no gap is told for the others', async () => {
    const log = new MemoryLog({ latestByKey: true, retention: { maxEvents: 2 } });
    const put = (data: string, latestKey: string, id?: string): Promise<unknown> =>
      log.append([{ topics: ['a'], latestKey, fields: id === undefined ? { data } : { data, id } }]);
    await put('1', 'x', 'one');
    await put('2', 'y');
    await put('3', 'x');
    const through = async (): Promise<[number[], number]> => {
      const page = await log.read({ selection: ALL, after: 0, through: log.head().seq, maxBytes: 1e6 });
      return [page.entries.map(({ seq }) => seq), page.trimmedThrough];
    };
    expect(await through()).toEqual([[2, 3], 0]);
    expect(await log.find('one')).toBeUndefined();
    await put('4', 'z');
    // The bound still holds, and what it takes away is told.
    expect(await through()).toEqual([[3, 4], 2]);
    await put('5', 'y');
    await put('6', 'y');
    expect(await through()).toEqual([[4, 6], 3]);
  });
});
