import { once } from 'node:events';
import { LmdbLog } from '@tidings/lmdb';
import type { NewEvent } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { open } from 'lmdb';
import { describe, expect, test, vi } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { LmdbStore } from '../dist/tables/store.js';
import { event, EVERYTHING, follow, headOf, openLog, range, seqs, spawnLog } from './rig.ts';

/** What the log counts as the cost of all that it keeps. */
function bytesOf(path: string): unknown {
  const root = open({ path, maxDbs: 32, readOnly: true });
  try {
    return root.openDB<unknown, string>({ name: 'meta', encoding: 'json' }).get('head');
  } finally {
    void root.close();
  }
}

const closing = (topic: string): NewEvent => ({ ...event(topic, 'the end'), final: true });

describe('a deletion', () => {
  test('that was broken off by SIGKILL hides all events of the topic when the folder is opened, and removes the rest of them', async () => {
    const path = folder({});
    const count = 20_000;
    const filling = await LmdbLog.open({ path });
    for (const part of [0, 1, 2, 3]) {
      await filling.append(range(1, count / 4).map((n) => event(n % 10 === 0 ? 'b' : 'a', `${part}`)));
    }
    await filling.close();
    const { child } = await spawnLog(path);
    const gone = once(child, 'exit');
    child.send('a');
    expect(await gone).toEqual([null, 'SIGKILL']);

    const log = await openLog({ path });
    const head = await headOf(log);
    expect(head).toBe(count + 1);
    expect(await seqs(log, { topics: ['a'] })).toEqual([]);
    expect((await log.topics.status('a')).state).toBe('unknown');
    expect((await seqs(log)).length).toBe(count / 10);
    const page = await log.read({ selection: { topics: ['a'] }, after: count, through: head, maxBytes: 1 });
    expect([page.trimmedThrough, page.deletedThrough]).toEqual([head, head]);
    // The next deletion waits for this one to be finished.
    await log.append([event('a')]);
    await log.topics.delete('b');
    expect(await seqs(log)).toEqual([head + 1]);
    await log.close();
    const table = open({ path, maxDbs: 32, readOnly: true }).openDB({ name: 'by-topic', encoding: 'binary' });
    expect(table.getCount()).toBe(1);
  });

  test('that is stored is answered, though its events cannot be removed yet: the next trim removes them, and nobody sees them meanwhile', async () => {
    const told: string[] = [];
    const log = await openLog({ onError: (error) => told.push(String(error)) });
    await log.append([...range(1, 3000).map(() => event('a')), event('b')]);
    const { commit } = LmdbStore.prototype;
    let commits = 0;
    const spy = vi.spyOn(LmdbStore.prototype, 'commit').mockImplementation(function fail(this: LmdbStore, ...args) {
      commits += 1;
      return commits > 2 ? Promise.reject(new Error('the disk fails')) : commit.apply(this, args);
    });
    try {
      expect(await log.topics.delete('a')).toEqual({ existed: true });
      expect(told).toEqual([expect.stringContaining('the disk fails')]);
      // Another one has to wait for the disk.
      await expect(log.topics.delete('b')).rejects.toMatchObject({ code: 'ERR_NOT_STORED' });
    } finally {
      spy.mockRestore();
    }
    expect(await seqs(log)).toEqual([3001]);
    await log.append([event('a')]);
    await log.trim();
    expect(await seqs(log)).toEqual([3001, 3003]);
    expect((await log.topics.status('a')).events).toBe(1);
  });

  test('lets others publish between its steps', async () => {
    const log = await openLog();
    for (const _ of range(1, 4)) await log.append(range(1, 10_000).map(() => event('a')));
    let isDeleting = true;
    const deleted = log.topics.delete('a').finally(() => (isDeleting = false));
    let published = 0;
    while (isDeleting) {
      await log.append([event('b')]);
      published += 1;
    }
    await deleted;
    // Each of its forty steps lets one go first, at least.
    expect(published).toBeGreaterThan(20);
    expect((await seqs(log, { topics: ['b'] })).length).toBe(published);
  });
});

describe('what is remembered of topics', () => {
  test('is counted in bytes, and all of it is given back', async () => {
    const path = folder({});
    const clock = new ManualClock(1_700_000_000_000);
    const log = await LmdbLog.open({ path, clock, retention: {} });
    await log.topics.create('a', { ttlMs: 1000 });
    await log.topics.create('b');
    const { token } = await log.topics.lease('c', 1000);
    await log.topics.lease('d', 1000);
    await log.append([event('e'), closing('e')]);
    await log.append([event('c')], { leases: [token] });
    expect(bytesOf(path)).toMatchObject({ events: 3 });
    clock.advance(1500);
    expect((await log.topics.status('a')).state).toBe('unknown');
    for (const topic of ['b', 'c', 'd', 'e']) expect(await log.topics.delete(topic)).toEqual({ existed: true });
    expect(bytesOf(path)).toMatchObject({ events: 0, bytes: 0 });
    await log.close();
  });

  test('has bounds: created topics, leases, and a quarter of the bytes that retention allows', async () => {
    const log = await openLog({ maxCreatedTopics: 2, maxLeases: 1 });
    await log.topics.create('a');
    await log.topics.create('b');
    await expect(log.topics.create('c')).rejects.toMatchObject({
      code: 'ERR_TOO_MANY_TOPICS',
      message: 'Cannot create the topic "c": 2 topics have been created, the most there may be',
    });
    await log.topics.create('b', { ttlMs: 1 });
    await log.topics.lease('c', 1000);
    await expect(log.topics.lease('d', 1000)).rejects.toMatchObject({
      code: 'ERR_TOO_MANY_TOPICS',
      message: 'Cannot lease the topic "d": 1 topics are leased, the most there may be',
    });
    await log.topics.delete('a');
    await log.topics.create('e');

    const small = await openLog({ retention: { maxBytes: 100_000 } });
    const outcomes = await Promise.allSettled(range(1, 100).map((n) => small.topics.create(`topic ${n}`)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(50);
    expect(refused.length).toBeLessThan(100);
  });

  test('of very many topics that fall due together is settled in few commits when the folder is opened', async () => {
    const path = folder({});
    const clock = new ManualClock(1_700_000_000_000);
    const log = await LmdbLog.open({ path, clock });
    await Promise.all(range(1, 2500).map((n) => log.topics.lease(`lease ${n}`, 1000)));
    await log.close();
    clock.advance(2000);
    const commit = vi.spyOn(LmdbStore.prototype, 'commit');
    const again = await openLog({ path, clock });
    expect(commit.mock.calls.length).toBeLessThan(10);
    commit.mockRestore();
    expect((await seqs(again)).length).toBe(2500);
    const batches: number[] = [];
    follow(again, (batch) => batches.push(batch.length));
    await expect(again.append([event('lease 1')])).rejects.toMatchObject({ code: 'ERR_TOPIC_CLOSED' });
    expect(batches).toEqual([]);
    expect(
      (await again.read({ selection: EVERYTHING, after: 0, through: 2500, maxBytes: 2 ** 30 })).entries.every(
        ({ final }) => final,
      ),
    ).toBe(true);
  });
});
