import { once } from 'node:events';
import type { LmdbLog, LmdbLogOptions } from '@tidings/lmdb';
import { latestNameOf, type LogRetention, type NewEvent } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { EVERYTHING, headOf, openLog, range, seqs, spawnLog } from './rig.ts';

const LATEST: LogRetention = { perTopic: [{ topics: ['now', 'too'], keep: 'latest' }] };

const keyed = (latestKey: string, data = ''): NewEvent => ({ topics: ['now'], fields: { data }, latestKey });

/** A log that removes what has been replaced only when it is told to. */
function openStill(options: Partial<LmdbLogOptions>): Promise<LmdbLog> {
  return openLog({ retention: LATEST, clock: new ManualClock(1e12), ...options });
}

/** The rows of the tables that have something to do with keys, of a log that is closed. */
async function tables(path: string): Promise<Record<string, number>> {
  const root = open({ path, maxDbs: 32 });
  const names = ['events', 'by-topic', 'latest', 'keyed', 'pending', 'forgetting'];
  const counts = names.map((name) => [name, [...root.openDB({ name, encoding: 'binary' }).getKeys()].length]);
  const { bytes } = root.openDB({ name: 'meta', encoding: 'json' }).get('head') as { bytes: number };
  await root.close();
  return { ...Object.fromEntries(counts), bytes };
}

test('an event that has been replaced is in no page from then on, though it is removed later', async () => {
  const path = folder({});
  const log = await openStill({ path });
  await log.append([keyed('a'), keyed('b'), keyed('a')]);
  expect(await seqs(log)).toEqual([2, 3]);
  await log.append([keyed('b')]);
  expect(await seqs(log)).toEqual([3, 4]);
  expect((await log.locateLast(EVERYTHING, 2)).after).toBe(2);
  await log.close();
  expect(await tables(path)).toMatchObject({ events: 4, pending: 4, latest: 0 });
  const again = await openStill({ path });
  expect(await seqs(again)).toEqual([3, 4]);
  await again.trim();
  expect(await seqs(again)).toEqual([3, 4]);
  await again.close();
  expect(await tables(path)).toMatchObject({ events: 2, 'by-topic': 2, pending: 0, latest: 2, keyed: 1 });
});

test('what has been replaced is removed by itself a second later', async () => {
  const path = folder({});
  const clock = new ManualClock(1e12);
  const log = await openStill({ path, clock });
  await log.append(range(1, 2000).map((n) => keyed(`k${n % 10}`)));
  clock.advance(1000);
  // What is on disk, whatever of it is told.
  while (log.totals().events > 10) await new Promise((resolve) => setImmediate(resolve));
  await log.close();
  expect(await tables(path)).toMatchObject({ events: 10, pending: 0, latest: 10 });
});

test('publishers without a pause keep no more than some thousands of events that have been replaced', async () => {
  const log = await openStill({});
  let most = 0;
  for (let round = 0; round < 50; round += 1) {
    await log.append(range(1, 500).map((n) => keyed(`k${n % 5}`)));
    most = Math.max(most, log.totals().events);
  }
  expect(most).toBeLessThan(9500);
  expect(await seqs(log)).toEqual(range(24_996, 25_000));
});

test('a value is not trimmed in place of those that newer ones have replaced', async () => {
  const log = await openStill({ retention: { ...LATEST, maxEvents: 20 } });
  for (const n of range(1, 10)) await log.append([keyed(`k${n}`)]);
  for (let n = 0; n < 200; n += 1) await log.append([keyed('often')]);
  expect(await seqs(log)).toEqual([...range(1, 10), 210]);
  const { trimmedThrough } = await log.read({ selection: EVERYTHING, after: 0, through: 210, maxBytes: 1 });
  expect(trimmedThrough).toBe(0);
});

test('the rows of keys are counted, and go with their events', async () => {
  const path = folder({});
  const log = await openStill({ path });
  await log.append(range(1, 1500).map((n) => ({ ...keyed(`k${n}`), forget: n % 2 === 0 })));
  await log.append(range(1, 1500).map((n) => ({ topics: ['too'], fields: { data: '', event: `t${n}` } })));
  await log.trim();
  await log.close();
  const { bytes, ...rows } = await tables(path);
  expect(rows).toEqual({ events: 3000, 'by-topic': 3000, latest: 3000, keyed: 2, pending: 0, forgetting: 750 });
  const other = folder({});
  const without = await openStill({ path: other, retention: {} });
  await without.append(range(1, 1500).map((n) => keyed(`k${n}`)));
  await without.close();
  expect(bytes).toBeGreaterThan(2 * (await tables(other))['bytes']! + 3000 * 30);
  const again = await openStill({ path, retention: { ...LATEST, maxEvents: 0 } });
  await again.trim();
  await again.close();
  const nothing = { events: 0, 'by-topic': 0, latest: 0, keyed: 0, pending: 0, forgetting: 0, bytes: 0 };
  expect(await tables(path)).toEqual(nothing);
});

test('a topic that is to keep the latest from now on does, and one that is to keep all does, too', async () => {
  const path = folder({});
  const all = await openStill({ path, retention: {} });
  await all.append(range(1, 1500).map((n) => keyed(`k${n % 7}`)));
  await all.append([{ ...keyed('k1'), topics: ['now', 'other'] }]);
  await all.close();
  const latest = await openStill({ path });
  await latest.append([keyed('k2'), keyed('new')]);
  await latest.trim();
  const kept = await seqs(latest);
  expect(kept).toEqual([1494, 1495, 1496, 1497, 1498, 1501, 1502, 1503]);
  await latest.close();
  expect(await tables(path)).toMatchObject({ latest: 8, keyed: 1, pending: 0 });
  const again = await openStill({ path, retention: {} });
  await again.append([keyed('k2'), keyed('k2')]);
  await again.trim();
  expect(await seqs(again)).toEqual([...kept, 1504, 1505]);
  await again.close();
  expect(await tables(path)).toMatchObject({ latest: 0, keyed: 0, pending: 0 });
  const back = await openStill({ path });
  await back.trim();
  expect(await seqs(back)).toEqual([...kept.filter((seq) => seq !== 1502), 1505]);
});

test('the newest of each key is kept where the process was killed at any moment', async () => {
  const path = folder({});
  let published = 0;
  const newest = new Map<string, number>();
  for (let round = 0; round < 4; round += 1) {
    const { child, first } = await spawnLog(path, [], LATEST);
    expect(first).toBe('open');
    const gone = once(child, 'exit');
    // Each is answered with its receipt. Some of the last ones may be stored without an answer.
    const answered = 300 + 500 * round;
    for (let n = 0; n < answered + 400; n += 1) child.send(keyed(`k${(published + n) % 50}`, 'x'.repeat(100)));
    let answers = 0;
    child.on('message', () => {
      answers += 1;
      if (answers === answered) child.kill('SIGKILL');
    });
    await gone;
    const log = await openStill({ path });
    const through = await headOf(log);
    for (let seq = published + 1; seq <= through; seq += 1) newest.set(`k${(seq - 1) % 50}`, seq);
    published = through;
    const expected = [...newest.values()].toSorted((one, other) => one - other);
    expect(await seqs(log)).toEqual(expected);
    await log.trim();
    expect(await seqs(log)).toEqual(expected);
    const { entries, trimmedThrough } = await log.read({ selection: EVERYTHING, after: 0, through, maxBytes: 1e9 });
    expect(trimmedThrough).toBe(0);
    expect(new Set(entries.map(latestNameOf)).size).toBe(50);
    await log.close();
    expect(await tables(path)).toMatchObject({ events: 50, 'by-topic': 50, latest: 50, pending: 0 });
  }
});
