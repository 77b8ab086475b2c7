import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmdbLog, type LmdbError } from '@tidings/lmdb';
import { expect, onTestFinished, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { needed } from '../../../test/missing.ts';
import { checkDataFile } from '../src/folder/data-file.ts';
import { event, openLog, spawnLog } from './rig.ts';

const TOPICS = ['t0', 't1', 't2', 't3', 't4'];

/** So large that an event has a page of its own, which is free when it goes. */
const BODY = 'x'.repeat(1500);

const mount = (path: string): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tidings-test', path]).status === 0;
const tried = mkdtempSync(join(tmpdir(), 'tidings-mount-'));
const obstacle = mount(tried) && spawnSync('umount', [tried]).status === 0 ? undefined : 'nothing can be mounted';
rmSync(tried, { recursive: true });

/** A disk of 8 MiB for this test. */
function smallDisk(): string {
  const disk = folder({});
  mount(disk);
  onTestFinished(() => void spawnSync('umount', ['--lazy', disk]));
  return disk;
}

/** Appends events to the topics in turn until there is no room for one more, or there are enough. Returns how many there were. */
async function fill(log: LmdbLog, enough = Infinity): Promise<number> {
  for (let count = 0; ; count += 1) {
    if (count === enough) return count;
    try {
      await log.append([event(TOPICS[count % TOPICS.length]!, BODY)]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_NOT_STORED', cause: { code: 'ENOSPC' } });
      return count;
    }
  }
}

/** A folder on a small disk that a log has filled. */
async function filled(): Promise<{ disk: string; path: string; count: number }> {
  const disk = smallDisk();
  const path = join(disk, 'data');
  const log = await LmdbLog.open({ path });
  const count = await fill(log);
  expect(count).toBeGreaterThan(1000);
  await log.close();
  return { disk, path, count };
}

async function openCollecting(path: string, maxEvents = Infinity): Promise<{ log: LmdbLog; errors: LmdbError[] }> {
  const errors: LmdbError[] = [];
  const bounds = maxEvents === Infinity ? {} : { perTopic: [{ topics: ['t3'], maxEvents }] };
  return { log: await openLog({ path, retention: bounds, onError: (error) => errors.push(error) }), errors };
}

async function eventsOf(log: LmdbLog, topic: string): Promise<number> {
  return (await log.topics.status(topic)).events;
}

test('a topic is deleted on a disk that the log has filled, and its room is used again, time after time', async ({
  skip,
}) => {
  needed(obstacle, skip);
  const { path, count } = await filled();
  const { log, errors } = await openCollecting(path);
  for (const topic of TOPICS) {
    expect(await log.topics.delete(topic)).toEqual({ existed: true });
    expect(await eventsOf(log, topic)).toBe(0);
    // Nearly all of its room: what a page has beside an event is lost now and then.
    expect(await fill(log)).toBeGreaterThan(count / 10);
  }
  const file = statSync(join(path, 'data.mdb')).size;
  for (const topic of TOPICS) await log.topics.delete(topic);
  expect(await fill(log)).toBeGreaterThan(count / 2);
  expect(statSync(join(path, 'data.mdb')).size - file).toBeLessThan(256 * 1024);
  expect(errors).toEqual([]);
  await log.close();
  await checkDataFile(join(path, 'data.mdb'));
});

test('a full disk is opened, and what retention no longer keeps is removed on it', async ({ skip }) => {
  needed(obstacle, skip);
  const { path } = await filled();
  const { log, errors } = await openCollecting(path, 10);
  await log.trim();
  expect(await eventsOf(log, 't3')).toBe(10);
  expect(await fill(log, 100)).toBe(100);
  expect(errors).toEqual([]);
});

test('room that a commit has left behind in the file counts, though nothing else is free', async ({ skip }) => {
  needed(obstacle, skip);
  const { disk, path } = await filled();
  const { bavail, bsize } = statfsSync(disk);
  appendFileSync(join(path, 'data.mdb'), Buffer.alloc(bavail * bsize));
  expect(statfsSync(disk).bavail).toBe(0);
  const { log, errors } = await openCollecting(path);
  await log.topics.delete('t1');
  expect(await eventsOf(log, 't1')).toBe(0);
  expect(await fill(log, 100)).toBe(100);
  expect(errors).toEqual([]);
});

test('a deletion on a full disk that is broken off by SIGKILL goes on when the log is opened again', async ({
  skip,
}) => {
  needed(obstacle, skip);
  const { path } = await filled();
  const { child } = await spawnLog(path);
  const exited = once(child, 'exit');
  // The topic has every fifth event, from the third one on.
  child.send({ deletes: 't2', killAt: 503 });
  expect(await exited).toEqual([null, 'SIGKILL']);
  const { log, errors } = await openCollecting(path);
  await log.topics.delete('t3');
  expect([await eventsOf(log, 't2'), await eventsOf(log, 't3')]).toEqual([0, 0]);
  expect(await fill(log, 100)).toBe(100);
  expect(errors).toEqual([]);
});

test('a disk without room for opening the log is refused as full, and not when there is room again', async ({
  skip,
}) => {
  needed(obstacle, skip);
  const { disk, path, count } = await filled();
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(bavail * bsize));
  // In a process of its own: LMDB would end it.
  expect((await spawnLog(path)).first).toBe('ERR_DATA_FOLDER');
  await expect(LmdbLog.open({ path })).rejects.toThrow(/is full: 0 bytes are free.*Make room/);
  rmSync(join(disk, 'ballast'));
  const { log } = await openCollecting(path);
  expect(log.totals().events).toBe(count);
  await log.topics.delete('t0');
  await log.append([event('t0', BODY)]);
});
