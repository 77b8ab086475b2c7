import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LmdbError, LmdbLog, type LmdbLogOptions } from '@tidings/lmdb';
import { eventLogContract } from '@tidings/server/log/testing';
import type { LogEntry, NewEvent, Selection } from '@tidings/server/log';
import { open } from 'lmdb';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnHub } from '../../hub/test/spawn-hub.ts';
import { temporaryFolder } from '../../hub/test/test-hub.ts';

describe('LmdbLog as an EventLog', () => {
  for (const { name, run } of eventLogContract) {
    test(name, () =>
      run(async (options) => {
        // Everything is kept unless the case says something else.
        const settings = { retention: {}, ...options, path: temporaryFolder() };
        let log = await LmdbLog.open(settings);
        return {
          log,
          async reopen() {
            await log.close();
            log = await LmdbLog.open(settings);
            return log;
          },
          async dispose() {
            await log.close();
            await rm(settings.path, { recursive: true });
          },
        };
      }),
    );
  }
});

const EVERYTHING: Selection = { topics: [], test: () => true, private: true };

async function openLog(options: Partial<LmdbLogOptions> = {}): Promise<LmdbLog> {
  const log = await LmdbLog.open({ path: temporaryFolder(), ...options });
  onTestFinished(() => log.close());
  return log;
}

const event = (topic: string, data = ''): NewEvent => ({ topics: [topic], fields: { data } });

async function seqs(log: LmdbLog, selection: Selection = EVERYTHING): Promise<number[]> {
  const page = await log.read({ selection, after: 0, through: log.head().seq, maxBytes: 2 ** 30 });
  return page.entries.map(({ seq }) => seq);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe('appending', () => {
  test('appends that overlap share commits, in the order of the calls', async () => {
    const log = await openLog();
    const commits: number[][] = [];
    log.tail((batch) => commits.push(batch.map(({ seq }) => seq)));
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
    log.tail((batch) => sizes.push(batch.length));
    await Promise.all(range(1, 20).map(() => log.append([event('a', 'x'.repeat(1024 * 1024))])));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
    expect(await seqs(log)).toEqual(range(1, 20));
  });

  test('events that wait for a disk that is too slow are bounded by 256 MiB', async () => {
    const log = await openLog();
    const data = 'x'.repeat(16 * 1024 * 1024);
    const outcomes = await Promise.allSettled(range(1, 18).map(() => log.append([event('a', data)])));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_NOT_STORED' });
    expect(log.head().seq).toBe(18 - refused.length);
  }, 60_000);

  test('an event has at most 255 topics', async () => {
    const log = await openLog();
    const topics = range(1, 256).map(String);
    await log.append([{ topics: topics.slice(1), fields: {} }]);
    await expect(log.append([{ topics, fields: {} }])).rejects.toMatchObject({ code: 'ERR_INVALID_EVENT' });
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

describe('retention in the background', () => {
  test('by count and by bytes is applied behind the appends', async () => {
    for (const retention of [{ maxEvents: 50 }, { maxBytes: 50 * 40 }]) {
      const log = await openLog({ retention });
      for (let n = 0; n < 300; n += 1) await log.append([event('a', 'x'.repeat(10))]);
      await expect.poll(async () => (await seqs(log)).length).toBeLessThanOrEqual(60);
      expect((await seqs(log)).at(-1)).toBe(300);
    }
  });

  test('by age and by topic is applied from time to time', async () => {
    let time = 0;
    const perTopic = [{ matches: (topic: string) => topic === 'b', maxEvents: 1 }];
    const log = await openLog({ now: () => time, trimEveryMs: 10, retention: { maxAgeMs: 1000, perTopic } });
    await log.append([event('a'), event('b'), event('b')]);
    await expect.poll(() => seqs(log)).toEqual([1, 3]);
    time = 500;
    await log.append([event('a')]);
    time = 1001;
    await expect.poll(() => seqs(log)).toEqual([4]);
    time = 1501;
    await expect.poll(() => seqs(log)).toEqual([]);
    expect(log.head().seq).toBe(4);
    expect([...log.topics()]).toEqual([]);
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
      for (let after = 0; after < log.head().seq; pages += 1) {
        const through = log.head().seq;
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

describe('the data folder', () => {
  test('is made where it is missing', async () => {
    const log = await openLog({ path: join(temporaryFolder(), 'a', 'b') });
    expect((await log.append([event('a')])).seq).toBe(1);
  });

  test('has an epoch of its own', async () => {
    const [one, other] = [await openLog(), await openLog()];
    expect(one.head().epoch).not.toBe(other.head().epoch);
  });

  test('that another log of this process has open is in use, however it is named', async () => {
    const path = temporaryFolder();
    const log = await openLog({ path });
    for (const name of [path, `${path}/../${path.split('/').at(-1)}/`]) {
      await expect(LmdbLog.open({ path: name })).rejects.toMatchObject({ name: 'LmdbError', code: 'ERR_DATA_IN_USE' });
    }
    await log.append([event('a')]);
    await log.close();
    expect((await openLog({ path })).head().seq).toBe(1);
  });

  test('that this process has open is in use for another one', async () => {
    const path = temporaryFolder();
    const log = await openLog({ path });
    expect((await spawnHub(path)).said).toBe('ERR_DATA_IN_USE');
    await log.append([event('a')]);
    await seqs(log);
    await log.trim();
    expect((await spawnHub(path)).said).toBe('ERR_DATA_IN_USE');
    expect((await log.append([event('a')])).seq).toBe(2);
    await log.close();
    expect((await spawnHub(path)).said).toBe('open');
  });

  test('that another process has open is in use until that one is gone, be it by SIGKILL', async () => {
    const path = temporaryFolder();
    const hub = await spawnHub(path);
    expect(hub.said).toBe('open');
    await fetch(`http://127.0.0.1:${hub.port}/topics/a`, { method: 'POST', body: 'x' });
    await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_IN_USE' });
    await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_IN_USE' });
    await hub.kill();
    const log = await openLog({ path });
    expect(log.head().seq).toBe(1);
    expect((await log.append([event('a')])).seq).toBe(2);
  });

  const UNUSABLE: readonly [what: string, make: (folder: string) => string][] = [
    [
      'is a file',
      (folder) => {
        writeFileSync(join(folder, 'file'), '');
        return join(folder, 'file');
      },
    ],
    [
      'lies below a file',
      (folder) => {
        writeFileSync(join(folder, 'file'), '');
        return join(folder, 'file', 'data');
      },
    ],
    ['cannot be made', () => '/sys/tidings'],
    ['cannot be written', () => '/proc/self'],
    [
      'has a folder where the data should be',
      (folder) => {
        mkdirSync(join(folder, 'data.mdb'));
        return folder;
      },
    ],
    [
      'has something else where the data should be',
      (folder) => {
        writeFileSync(join(folder, 'data.mdb'), 'x'.repeat(100_000));
        return folder;
      },
    ],
    [
      'has data that were cut off when they were first written',
      (folder) => {
        writeFileSync(join(folder, 'data.mdb'), Buffer.alloc(100));
        return folder;
      },
    ],
  ];

  test.each(UNUSABLE)('that %s cannot be used', async (_, make) => {
    const path = make(temporaryFolder());
    const opening = LmdbLog.open({ path });
    await expect(opening).rejects.toThrow(LmdbError);
    await expect(opening).rejects.toMatchObject({ code: 'ERR_DATA_FOLDER', message: expect.stringContaining(path) });
  });

  test('of another format is refused, and left as it is', async () => {
    const path = temporaryFolder();
    await (await LmdbLog.open({ path })).close();
    const format = async (write?: number): Promise<unknown> => {
      const root = open({ path, maxDbs: 16 });
      const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
      if (write !== undefined) await meta.put('format', write);
      const found = meta.get('format');
      await root.close();
      return found;
    };
    await format(2);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_FORMAT' });
    }
    expect(await format()).toBe(2);
  });

  test('with an empty file, as a full disk may leave it, is a new one', async () => {
    const path = temporaryFolder();
    writeFileSync(join(path, 'data.mdb'), '');
    expect((await (await openLog({ path })).append([event('a')])).seq).toBe(1);
  });

  test('must be named', async () => {
    for (const path of ['', undefined, 7]) {
      await expect(LmdbLog.open({ path } as LmdbLogOptions)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
  });
});
