import { rm } from 'node:fs/promises';
import { LmdbLog } from '@tidings/lmdb';
import { eventLogCases, ManualClock } from '@tidings/server/log/testing';
import { formatCursor, type LogEntry, type NewEvent } from '@tidings/server/log';
import { describe, expect, test, vi } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { LmdbStore } from '../dist/tables/store.js';
import { event, EVERYTHING, follow, headOf, openLog, positionOf, range, seqs } from './rig.ts';

describe('LmdbLog as an EventLog', () => {
  const cases = eventLogCases([
    'local',
    'time',
    'trim',
    'directory',
    'totals',
    'states',
    'values',
    'exact',
    'durable',
    'epochs',
  ]);
  for (const { name, run } of cases) {
    test(name, () =>
      run(async (options) => {
        // Everything is kept unless the case says something else.
        const settings = { retention: {}, ...options, path: folder({}) };
        let log = await LmdbLog.open(settings);
        const reopen = async (): Promise<LmdbLog> => {
          await log.close();
          log = await LmdbLog.open(settings);
          return log;
        };
        return {
          log,
          reopen,
          // Every opening begins one.
          beginEpoch: reopen,
          async dispose() {
            await log.close();
            await rm(settings.path, { recursive: true });
          },
        };
      }),
    );
  }
});

describe('appending', () => {
  test('appends that overlap share commits, in the order of the calls', async () => {
    const log = await openLog();
    const commits: number[][] = [];
    follow(log, (batch) => commits.push(batch.map(({ seq }) => seq)));
    const order: number[] = [];
    await Promise.all(
      range(1, 1000).map(async (n) => {
        const { seq } = await log.append([event('a', String(n))]);
        expect(seq).toBe(n);
        order.push(n);
      }),
    );
    expect(order).toEqual(range(1, 1000));
    expect(commits.flat()).toEqual(range(1, 1000));
    expect(commits.length).toBeLessThan(20);
  });

  test('a commit holds about 4 MiB at most, and more than fits into one is stored all the same', async () => {
    const log = await openLog();
    const sizes: number[] = [];
    follow(log, (batch) => sizes.push(batch.length));
    await Promise.all(range(1, 20).map(() => log.append([event('a', 'x'.repeat(1024 * 1024))])));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
    expect(await seqs(log)).toEqual(range(1, 20));
  });

  test('an event has at most 255 topics', async () => {
    const log = await openLog();
    const topics = range(1, 256).map(String);
    await log.append([{ topics: topics.slice(1), fields: { data: '' } }]);
    await expect(log.append([{ topics, fields: { data: '' } }])).rejects.toMatchObject({ code: 'ERR_INVALID_EVENT' });
  });

  test('entries that were read stay as they were, whatever is written, trimmed and read later', async () => {
    const log = await openLog({ retention: { maxEvents: 10 } });
    await log.append(range(1, 10).map((n) => event('a', String(n).repeat(500))));
    const { entries } = await log.read({ selection: EVERYTHING, after: 0, through: 10, maxBytes: 2 ** 30 });
    const text = (all: readonly LogEntry[]): string[] => all.map(({ frame }) => Buffer.from(frame).toString());
    const before = text(entries);
    for (let n = 0; n < 50; n += 1) {
      await log.append(range(1, 10).map(() => event('b', 'y'.repeat(5000))));
      await seqs(log);
    }
    await log.trim();
    expect(text(entries)).toEqual(before);
  });
});

describe('reading', () => {
  const MIB = 1024 * 1024;

  test('gives events of any size as they were appended, those of a page one behind the other in the same memory', async () => {
    const log = await openLog({ maxEventBytes: 18 * MIB });
    const told: LogEntry[] = [];
    log.follow({ onStart: () => {}, onBatch: (batch) => told.push(...batch), onLost: () => {} });
    // Past what a page has room for at first, past where LMDB lends another buffer, and past where it lends its file.
    const sizes = [0, 1, 100, 40_000, 100_000, 300_000, 17 * MIB, 10, 5];
    for (const size of sizes) await log.append([event('a', 'x'.repeat(size))]);
    for (const selection of [EVERYTHING, { topics: ['a'] }]) {
      for (const maxBytes of [65_536, 30 * MIB]) {
        const read: LogEntry[] = [];
        for (let after = 0; after < sizes.length;) {
          const page = await log.read({ selection, after, through: sizes.length, maxBytes });
          let end = page.entries[0]!.frame.byteOffset;
          for (const { frame } of page.entries) {
            expect(frame.buffer).toBe(page.entries[0]!.frame.buffer);
            expect(frame.byteOffset).toBe(end);
            end += frame.length;
          }
          read.push(...page.entries);
          after = page.through;
        }
        expect(read.map(({ seq }) => seq)).toEqual(sizes.map((_, index) => index + 1));
        for (const [index, { frame, id }] of read.entries()) {
          expect(Buffer.compare(frame, told[index]!.frame)).toBe(0);
          expect(id).toBe(told[index]!.id);
        }
      }
    }
  });

  test('gives every entry its own topics, id and privacy, whatever the entry before it had', async () => {
    const log = await openLog();
    const topics = [['a'], ['a'], ['b'], ['a', 'b'], ['a'], ['ab'], ['a', 'b'], ['ü'], ['a']];
    await log.append(
      topics.map((names, index) => ({
        topics: names,
        fields: { data: '', ...(index % 3 === 1 ? { id: `own ${index}` } : {}) },
        private: index % 4 === 3,
      })),
    );
    const { epoch } = positionOf(log);
    const { entries } = await log.read({ selection: EVERYTHING, after: 0, through: topics.length, maxBytes: MIB });
    expect(entries.map((entry) => [entry.topics, entry.id, entry.private])).toEqual(
      topics.map((names, index) => [
        names,
        index % 3 === 1 ? `own ${index}` : formatCursor({ epoch, seq: index + 1 }),
        index % 4 === 3,
      ]),
    );
  });
});

describe('looking for events', () => {
  const many = (count: number, topic: string): NewEvent[] => Array.from({ length: count }, () => event(topic));

  test('ends when the log is closed', async () => {
    const log = await openLog({ clock: new ManualClock(), retention: {}, maxBatchEvents: 100_000 });
    await log.append(many(40_000, 'a'));
    const asked = log.locateLast({ topics: 'all', types: ['odd'] }, 1);
    await Promise.all([log.close(), expect(asked).rejects.toMatchObject({ code: 'ERR_CLOSED' })]);
  });
});

describe('retention in the background', () => {
  test('old public events of a topic are removed without a look at its many private ones', async () => {
    const log = await openLog({ retention: { maxEvents: 6000 }, maxBatchEvents: 4000 });
    const many = (count: number, isPrivate: boolean): NewEvent[] =>
      range(1, count).map(() => ({ ...event('a'), private: isPrivate }));
    await log.append(many(2500, false));
    await log.append(many(3500, true));
    const spy = vi.spyOn(LmdbStore.prototype, 'lend');
    try {
      await log.append(many(2400, true));
      expect((await log.directory.list({ order: 'time', limit: 1, publicOnly: true })).topics).toMatchObject([
        { events: 100 },
      ]);
      await log.append(many(1000, true));
      expect(await log.directory.list({ order: 'time', limit: 1, publicOnly: true })).toEqual({ topics: [], total: 0 });
      expect(spy.mock.calls.length).toBeLessThan(20);
    } finally {
      spy.mockRestore();
    }
  });

  test('by count and by bytes is applied behind the appends', async () => {
    for (const retention of [{ maxEvents: 50 }, { maxBytes: 50 * 40 }]) {
      const log = await openLog({ retention });
      for (let n = 0; n < 300; n += 1) await log.append([event('a', 'x'.repeat(10))]);
      await expect.poll(async () => (await seqs(log)).length).toBeLessThanOrEqual(60);
      expect((await seqs(log)).at(-1)).toBe(300);
    }
  });

  test('by age is applied from time to time, in the whole and by topic', async () => {
    const clock = new ManualClock();
    const perTopic = [{ topics: ['b'], maxAgeMs: 300 }];
    const log = await openLog({ clock, trimEveryMs: 10, retention: { maxAgeMs: 1000, perTopic } });
    await log.append([event('a'), event('b'), event('b')]);
    clock.advance(301);
    await expect.poll(() => seqs(log)).toEqual([1]);
    clock.advance(199);
    await log.append([event('a')]);
    // The timer is set again when the events have been removed.
    const trimmed = async (after: number): Promise<number[]> => {
      clock.advance(after);
      return await seqs(log);
    };
    await expect.poll(() => trimmed(100)).toEqual([4]);
    await expect.poll(() => trimmed(100)).toEqual([]);
    expect(await headOf(log)).toBe(4);
    expect(await log.directory.list({ order: 'name', limit: 1 })).toEqual({ topics: [], total: 0 });
  });

  test('that fails is reported once, until it succeeds again', async () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const log = await openLog({
      clock,
      trimEveryMs: 10,
      retention: { maxAgeMs: 1000 },
      onError: ({ code, message }) => told.push(`${code} ${message}`),
    });
    for (const round of [1, 2]) {
      await log.append([event('a')]);
      const spy = vi.spyOn(LmdbStore.prototype, 'commit').mockRejectedValue(new Error('the disk fails'));
      try {
        clock.advance(1001);
        // The timer is set again when trimming has failed.
        const attempts = (): number => {
          clock.advance(10);
          return spy.mock.calls.length;
        };
        await expect.poll(attempts).toBeGreaterThan(3);
      } finally {
        spy.mockRestore();
      }
      expect(told.length).toBe(round);
      await log.trim();
      expect(await seqs(log)).toEqual([]);
    }
    expect(told[0]).toMatch(/^ERR_NOT_TRIMMED Cannot remove events that are no longer kept .*: the disk fails\. /);
  });

  test('by count of a topic is applied behind the appends', async () => {
    const log = await openLog({ retention: { perTopic: [{ topics: ['b'], maxEvents: 2 }] } });
    for (let n = 0; n < 5; n += 1) await log.append([event('a'), event('b')]);
    await expect.poll(() => seqs(log)).toEqual([1, 3, 5, 7, 8, 9, 10]);
  });

  test('by age of topics goes through many events in steps, and each once', async () => {
    const clock = new ManualClock();
    const log = await openLog({ clock, retention: { perTopic: [{ topics: ['b'], maxAgeMs: 1000 }] } });
    await log.append(range(1, 10_000).map((n) => event(n % 4000 === 0 ? 'b' : 'a')));
    await log.append(range(1, 2500).map(() => event('b')));
    clock.advance(1001);
    await log.append([event('b')]);
    await log.trim();
    expect((await seqs(log, { topics: ['b'] })).length).toBe(1);
    expect((await seqs(log)).length).toBe(9999);
    clock.advance(1001);
    await log.trim();
    expect(await seqs(log, { topics: ['b'] })).toEqual([]);
  });

  test('never hides a gap from who reads meanwhile', async () => {
    const log = await openLog({ retention: { maxEvents: 200 } });
    let appending = true;
    const appends = (async () => {
      for (let n = 0; n < 150; n += 1) await log.append(range(1, 50).map(() => event('a', 'x'.repeat(50))));
      appending = false;
    })();
    let gaps = 0;
    let pages = 0;
    while (appending) {
      for (let after = 0; after < (await headOf(log)); pages += 1) {
        const through = await headOf(log);
        const page = await log.read({ selection: EVERYTHING, after, through, maxBytes: 500 });
        const got = new Set(page.entries.map(({ seq }) => seq));
        const missing = range(after + 1, page.through).filter((seq) => !got.has(seq));
        expect(missing.filter((seq) => seq > page.trimmedThrough)).toEqual([]);
        if (missing.length > 0) gaps += 1;
        expect(page.through).toBeGreaterThan(after);
        after = page.through;
        // So that reading does not hold up the appends.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await appends;
    expect(pages).toBeGreaterThan(50);
    expect(gaps).toBeGreaterThan(0);
  });
});
