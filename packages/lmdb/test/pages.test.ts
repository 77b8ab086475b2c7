import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { LmdbLog, LmdbPages } from '@tidings/lmdb';
import { LogHost } from '@tidings/server/log/remote';
import type { LogEntry, LogRetention, ReadRequest, Selection } from '@tidings/server/log';
import { expect, onTestFinished, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { SEED, randomNumbers } from '../../../test/seed.ts';
import { event, EVERYTHING, headOf } from './rig.ts';

/** A log in this process, and another process that reads its folder. */
async function open(retention: LogRetention = {}): Promise<{ log: LmdbLog; host: LogHost; other: ChildProcess }> {
  const path = folder({});
  const log = await LmdbLog.open({ path, retention, trimEveryMs: 2 ** 31 - 1 });
  const host = new LogHost(log);
  const script = fileURLToPath(new URL('pages-process.ts', import.meta.url));
  const other = spawn(process.execPath, [script, path], { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'] });
  host.serve(other.stdio[3] as Duplex);
  onTestFinished(async () => {
    other.kill('SIGKILL');
    host.close();
    await log.close();
  });
  await once(other, 'message');
  return { log, host, other };
}

async function ask<T>(other: ChildProcess, question: number | ReadRequest): Promise<T> {
  const answer = once(other, 'message');
  other.send(question);
  return (await answer)[0] as T;
}

function plain({ seq, id, topics, time, private: isPrivate, frame }: LogEntry): unknown {
  return {
    seq,
    id,
    topics: [...topics],
    time,
    private: isPrivate,
    frame: createHash('sha1').update(frame).digest('hex'),
  };
}

test('another process reads pages of the data folder by itself, and they are those of the log', async () => {
  const { log, other } = await open();
  const check = async (selection: Selection, isOwn: boolean, maxBytes = 2 ** 20, after = 0): Promise<void> => {
    const request = { selection, after, through: await headOf(log), maxBytes };
    const entries: unknown[] = [];
    let trimmedThrough = 0;
    for (let from = after; from < request.through || from === after;) {
      const page = await log.read({ ...request, after: from });
      entries.push(...page.entries.map(plain));
      ({ through: from, trimmedThrough } = page);
      if (from === request.through) break;
    }
    expect(await ask(other, request)).toEqual({ entries, trimmedThrough, isOwn });
  };
  await check(EVERYTHING, true);
  // What was committed a moment ago is there.
  for (let count = 0; count < 5; count += 1) {
    await log.append([event('a', `a${count}`), { topics: ['b', 'a'], fields: { data: 'both', id: `id ${count}` } }]);
    await check(EVERYTHING, true);
  }
  await log.append([{ topics: ['a'], fields: { data: 'secret' }, private: true }]);
  await log.append(Array.from({ length: 50 }, (_, count) => event('c', String(count))));
  for (const selection of [{ topics: ['a'] }, { topics: ['b'] }, { topics: ['none'] }, { topics: ['c'] }]) {
    await check(selection, true);
    await check({ ...selection, private: ['a'] }, true);
    await check({ ...selection, private: 'all' }, true, 100);
  }
  await check(EVERYTHING, true, 300, 7);
  // These the process of the log reads.
  await check({ topics: ['a', 'b'] }, false);
  await check({ topics: ['a'], types: ['message'] }, false);
  await check({ topics: [{ pattern: '*', base: 'https://hub.test/topics/' }] }, false);
  await log.append([{ topics: ['b'], fields: { data: 'the end' }, final: true }]);
  await check({ topics: ['b'] }, true);
  await log.topics.delete('a');
  await check(EVERYTHING, true);
  await check({ topics: ['a'] }, true);
  // The file has grown to several times what it was when it was opened.
  for (let count = 0; count < 24; count += 1) await log.append([event('large', 'x'.repeat(1024 * 1024))]);
  await check({ topics: ['large'] }, true, 2 ** 20, 60);
});

test(`nothing is missing from such a page that is not told, whatever is removed meanwhile`, async () => {
  const { log, other } = await open({ maxEvents: 300 });
  const random = randomNumbers(SEED);
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      await log.append(Array.from({ length: 1 + Math.floor(random() * 60) }, () => event('a', 'x'.repeat(200))));
      if (random() < 0.3) await log.trim();
    }
  })();
  const found = await ask<{ untold: number[]; own: number; refused: number }>(other, 60);
  isOver = true;
  await writing;
  expect(found.untold).toEqual([]);
  expect(found.own).toBeGreaterThan(0);
});

test('a process that is killed while it reads keeps nothing from being removed', async () => {
  const { log, other } = await open({ maxEvents: 10 });
  await log.append(Array.from({ length: 20 }, (_, count) => event('a', String(count))));
  await ask(other, 1);
  const ended = once(other, 'exit');
  other.kill('SIGKILL');
  await ended;
  await log.trim();
  const { entries } = await log.read({ selection: EVERYTHING, after: 0, through: 20, maxBytes: 2 ** 20 });
  expect(entries).toHaveLength(10);
});

test('a folder that is none cannot be read', () => {
  const path = folder({});
  expect(() => LmdbPages.open({ path: `${path}/none` })).toThrow(
    expect.objectContaining({ code: 'ERR_DATA_FOLDER', message: expect.stringContaining('cannot be read by another') }),
  );
});
