import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { LmdbLog } from '@tidings/lmdb';
import type { NewEvent } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { open } from 'lmdb';
import { describe, expect, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { event, follow, headOf, openLog, range, seqs, spawnLog } from './rig.ts';

describe('what waits', () => {
  test('what the events that wait for a slow disk cost in memory is bounded', async () => {
    const log = await openLog({ maxWaitingBytes: 40 * 1024 * 1024, maxEventBytes: 17 * 1024 * 1024 });
    const data = 'x'.repeat(16 * 1024 * 1024);
    const outcomes = await Promise.allSettled(range(1, 6).map(() => log.append([event('a', data)])));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_TOO_MUCH_WAITS' });
    expect(await headOf(log)).toBe(6 - refused.length);
    // There is room again.
    await log.append([event('a', data)]);
  });

  test('small events that wait are charged what they cost, not what they hold', async () => {
    const log = await openLog({ maxWaitingBytes: 1_000_000 });
    const batch = range(1, 1000).map(() => event('a'));
    const outcomes = await Promise.allSettled(range(1, 10).map(() => log.append(batch)));
    // Their data is empty, and still not all of them may wait.
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(5);
  });
});

describe('a large batch', () => {
  const many = (count: number, topic = 'a'): NewEvent[] =>
    range(1, count).map((n) => ({
      topics: [topic],
      fields: {
        data: String(n),
        ...(n % 100 === 0 ? { id: `id ${n}` } : {}),
        ...(n % 3 === 0 ? { event: 'x' } : {}),
      },
    }));

  test('has at most as many events as are allowed', async () => {
    const log = await openLog({ maxBatchEvents: 2000 });
    await expect(log.append(many(2001))).rejects.toMatchObject({ code: 'ERR_BATCH_TOO_LARGE' });
    expect((await log.append(many(2000))).seq).toBe(2000);
  });

  test('is stored in steps between which others have their turn, and nobody sees a part of it', async () => {
    const log = await openLog();
    await log.append([event('a')]);
    const batches: number[] = [];
    follow(log, (batch) => batches.push(batch.length));
    let [turns, appending] = [0, true];
    const appended = log.append(many(10_000), { key: 'k' }).finally(() => (appending = false));
    const behind = log.append([event('b')]);
    void (async () => {
      while (appending) {
        turns += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    while (appending) {
      // Events and places are those of the call, topics may be newer.
      const last = batches.reduce((sum, length) => sum + length, 1);
      expect(await seqs(log)).toEqual(range(1, last));
      const misplaced = batches.length === 0 ? 'unknown' : undefined;
      expect((await log.locate('id 100')).misplaced).toBe(misplaced);
      const counts = batches.length === 0 ? [1, 10_001] : [10_001];
      const { topics } = await log.directory.list({ order: 'name', limit: 2 });
      expect(counts).toContain(topics[0]?.events);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(turns).toBeGreaterThan(10);
    expect((await appended).seq).toBe(10_001);
    expect((await behind).seq).toBe(10_002);
    expect(batches).toEqual([10_000, 1]);
    expect(await log.append(many(10_000), { key: 'k' })).toMatchObject({ seq: 10_001, repeated: true });
  });

  test('is not there at all where its process was killed before the last step', async () => {
    const path = folder({});
    const { child } = await spawnLog(path);
    child.send(event('a'));
    await once(child, 'message');
    const gone = once(child, 'exit');
    child.send(many(10_000, 'b'));
    expect(await gone).toEqual([null, 'SIGKILL']);
    expect((await rows(path))[0]).toBeGreaterThan(1);
    const log = await openLog({ path });
    expect([await headOf(log), await seqs(log)]).toEqual([1, [1]]);
    expect(await log.directory.list({ order: 'name', limit: 5 })).toMatchObject({ total: 1 });
    expect((await log.append([event('c', 'other')])).seq).toBe(2);
    expect(await seqs(log, { topics: ['b'] })).toEqual([]);
    expect((await log.locate('id 100')).misplaced).toBe('unknown');
    await log.close();
    expect(await rows(path)).toEqual([2, 2, 0, 0]);
  });

  test('is no reason to take a folder for damaged; any other event after the newest one is', async () => {
    const path = folder({});
    const log = await openLog({ path });
    await log.append(range(1, 3).map(() => event('a')));
    await log.close();
    const change = async (meta: Record<string, unknown>): Promise<void> => {
      const root = open({ path, maxDbs: 32 });
      const table = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
      const head = table.get('head') as object;
      await table.put('head', { ...head, ...meta });
      await table.put('staged', { after: 1, through: 2 });
      await root.close();
    };
    await change({ seq: 1 });
    await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_DAMAGED' });
    await change({ seq: 2 });
    await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_DAMAGED' });
    await change({ seq: 3 });
    expect(await headOf(await openLog({ path }))).toBe(3);
  });

  /** How many rows the tables of events have. */
  async function rows(path: string): Promise<number[]> {
    const root = open({ path, maxDbs: 32 });
    const count = (name: string): number => [...root.openDB({ name, encoding: 'binary' }).getKeys()].length;
    const counts = ['events', 'by-topic', 'by-id', 'by-type'].map(count);
    await root.close();
    return counts;
  }
});

describe('what is kept', () => {
  test('is never more than its bounds and a quarter, at any rate of publishing', async () => {
    for (const retention of [{ maxBytes: 400_000 }, { maxEvents: 2000 }]) {
      const log = await openLog({ retention });
      let publishing = true;
      const highest = { events: 0, bytes: 0 };
      const publishers = range(1, 4).map(async (n) => {
        for (let round = 0; round < 20; round += 1) {
          await log.append(
            range(1, 300).map((i) => event(`t${n}`, String(i))),
            { key: `${n} ${round}` },
          );
        }
      });
      const watch = (async () => {
        while (publishing) {
          const { topics } = await log.directory.list({ order: 'name', limit: 10 });
          highest.events = Math.max(
            highest.events,
            topics.reduce((sum, { events }) => sum + events, 0),
          );
          highest.bytes = Math.max(
            highest.bytes,
            topics.reduce((sum, { bytes }) => sum + bytes, 0),
          );
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await Promise.all(publishers);
      publishing = false;
      await watch;
      const { maxBytes = Infinity, maxEvents = Infinity } = retention as { maxBytes?: number; maxEvents?: number };
      expect(highest.bytes).toBeLessThanOrEqual(1.25 * maxBytes);
      expect(highest.events).toBeLessThanOrEqual(1.25 * maxEvents);
      expect(highest.events).toBeGreaterThan(500);
    }
  });

  const SHAPES: Record<string, (n: number) => NewEvent> = {
    'tiny events': () => event('a'),
    'events of 1,000 bytes': (n) => event(`t${(n * 7919) % 100}`, 'x'.repeat(1000)),
    'events of 5,000 bytes': (n) => event(`t${n % 100}`, 'x'.repeat(5000)),
    'topics of long names': (n) => event(String((n * 7919) % 20_011).padStart(1000, 'n')),
    ids: (n) => ({ topics: ['a'], fields: { data: '', id: `my id ${n}` } }),
    'types of few topics': (n) => ({ topics: [`t${n % 3}`], fields: { data: '', event: `type ${n % 7}` } }),
    'many topics each': () => ({ topics: range(1, 50).map((n) => `t${n}`), fields: { data: '' } }),
  };

  test.each(Object.entries(SHAPES))('is counted as the data file grows by it: %s', async (_, make) => {
    const path = folder({});
    const log = await openLog({ path, retention: {} });
    await log.append([make(0)]);
    const before = statSync(join(path, 'data.mdb')).size;
    for (let n = 0; n < 4000; n += 500) await log.append(range(n, n + 499).map(make));
    const grown = statSync(join(path, 'data.mdb')).size - before;
    await log.close();
    const root = open({ path, maxDbs: 32 });
    const { bytes } = root.openDB({ name: 'meta', encoding: 'json' }).get('head') as { bytes: number };
    await root.close();
    expect(bytes / grown).toBeGreaterThan(0.8);
    expect(bytes / grown).toBeLessThan(2);
  });

  test('includes keys: the oldest are forgotten where they would take more than a quarter, or are too many', async () => {
    const log = await openLog({ retention: { maxBytes: 1_000_000 }, maxKeys: 100_000 });
    const append = (n: number) => log.append([event('a')], { key: `${n} ${'k'.repeat(100)}` });
    for (let n = 0; n < 5000; n += 500) await Promise.all(range(n, n + 499).map(append));
    expect((await append(4999)).repeated).toBe(true);
    expect((await append(0)).repeated).toBe(false);
    const few = await openLog({ maxKeys: 10 });
    const keyed = (n: number) => few.append([event('a')], { key: String(n) });
    await Promise.all(range(1, 25).map(keyed));
    for (const n of range(26, 30)) await keyed(n);
    expect((await keyed(21)).repeated).toBe(true);
    expect((await keyed(20)).repeated).toBe(false);
    expect((await keyed(30)).repeated).toBe(true);
  });

  test('is trimmed of many topics in time that grows with what is removed', async () => {
    const topics = range(1, 1000).map(String);
    const log = await openLog({ retention: { perTopic: [{ topics, maxEvents: 4 }] } });
    const round = () => log.append(topics.map((topic) => event(topic)));
    for (let n = 0; n < 4; n += 1) await round();
    for (let n = 0; n < 5; n += 1) await log.append(range(1, 4000).map(() => event('other')));
    for (let n = 0; n < 4; n += 1) {
      const before = process.cpuUsage();
      await round();
      await log.trim();
      const { user, system } = process.cpuUsage(before);
      const { topics: kept } = await log.directory.list({ order: 'name', limit: 2000 });
      expect(kept).toHaveLength(1001);
      expect(kept.filter(({ topic, events }) => topic !== 'other' && events !== 4)).toEqual([]);
      // Each of the thousand topics was one event over: a second is what that may take, of the processor's time so that others do not count.
      expect((user + system) / 1000).toBeLessThan(1000);
    }
  });

  test('counts nothing but the keys when every event is gone, whatever the clock was set to', async () => {
    const path = folder({});
    const clock = new ManualClock(1e12);
    const first = await LmdbLog.open({ path, clock });
    clock.set(1e11);
    await first.append([event('a')], { key: 'k' });
    clock.set(-1e11);
    await first.append([event('b'), event('a')]);
    await first.close();
    const again = await openLog({ path, clock, retention: { maxAgeMs: 1000 } });
    expect(await seqs(again)).toEqual([1, 2, 3]);
    expect(await again.append([event('a')], { key: 'k' })).toMatchObject({ seq: 1, repeated: true });
    clock.advance(1001);
    await again.trim();
    expect(await seqs(again)).toEqual([]);
    await again.close();
    const reopened = open({ path, maxDbs: 32 });
    const head = reopened.openDB({ name: 'meta', encoding: 'json' }).get('head') as Record<string, number>;
    await reopened.close();
    expect(head).toMatchObject({ seq: 3, events: 0, bytes: head['keyBytes'], keys: 1 });
    expect(head['keyBytes']).toBeGreaterThan(0);
  });
});
