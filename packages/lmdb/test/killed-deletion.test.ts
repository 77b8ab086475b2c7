import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { LmdbLog } from '@tidings/lmdb';
import type { NewEvent } from '@tidings/server/log';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { event, openLog, range, seqs, spawnLog } from './rig.ts';

const KILLS = 8;
const LARGE = 30_000;
const ALL = LARGE + LARGE / 10;

/** Most events are of `large`, some of `other`, and some of both. */
function eventOf(seq: number): NewEvent {
  if (seq % 11 === 0) return event('other');
  return seq % 100 === 1 ? { topics: ['large', 'other'], fields: { data: '' } } : event('large');
}

const topicsOf = (seq: number): readonly string[] => eventOf(seq).topics;
const of = (topic: string): number[] => range(1, ALL).filter((seq) => topicsOf(seq).includes(topic));
const left = range(1, ALL).filter((seq) => !topicsOf(seq).includes('large'));

/** How many rows the tables of a log have that is closed. */
async function rows(path: string): Promise<{ events: number; topics: number }> {
  const root = open({ path, maxDbs: 32, readOnly: true });
  const count = (name: string): number => root.openDB({ name, encoding: 'binary' }).getCount();
  const counts = { events: count('events'), topics: count('by-topic') };
  await root.close();
  return counts;
}

test(`a deletion of ${LARGE} events that is broken off by SIGKILL, anywhere, leaves the topic whole or gone`, async () => {
  const filled = folder({});
  const filling = await LmdbLog.open({ path: filled });
  for (let from = 1; from <= ALL; from += 3000) await filling.append(range(from, from + 2999).map(eventOf));
  await filling.append([event('last')]);
  await filling.close();

  const outcomes = { whole: 0, gone: 0 };
  for (let kill = 0; kill < KILLS; kill += 1) {
    const path = folder({});
    cpSync(filled, path, { recursive: true });
    const large = of('large');
    const { child } = await spawnLog(path);
    const exited = once(child, 'exit');
    const killAt = kill === 0 ? 0 : large[Math.round((large.length - 1) * ((kill - 1) / (KILLS - 2)))];
    child.send({ deletes: 'large', killAt });
    expect(await exited).toEqual([null, 'SIGKILL']);

    // It goes on with the deletion, and is closed in the middle of that.
    const errors: Error[] = [];
    const interrupted = await LmdbLog.open({ path, onError: (error) => errors.push(error) });
    await interrupted.close();
    expect(errors).toEqual([]);
    const log = await openLog({ path });
    const { state, events } = await log.topics.status('large');
    const isWhole = state === 'open';
    outcomes[isWhole ? 'whole' : 'gone'] += 1;
    expect([state, events], `killed at ${killAt}`).toEqual(isWhole ? ['open', large.length] : ['unknown', 0]);
    expect(await seqs(log, { topics: ['large'] }), `killed at ${killAt}`).toEqual(isWhole ? large : []);
    // Events of both topics go with the deletion, which goes on.
    const others = await seqs(log, { topics: ['other'] });
    const isOther = new Set(others);
    expect(others, `killed at ${killAt}`).toEqual(of('other').filter((seq) => isOther.has(seq)));
    expect(
      left.filter((seq) => !isOther.has(seq)),
      `killed at ${killAt}`,
    ).toEqual([]);
    if (isWhole) expect(others).toEqual(of('other'));
    const listed = async (): Promise<(string | number)[][]> =>
      (await log.directory.list({ order: 'name', limit: 9 })).topics.map((each) => [each.topic, each.events]);
    expect((await listed()).filter(([topic]) => topic === 'large')).toEqual(isWhole ? [['large', large.length]] : []);

    // One deletion waits for the one before it.
    if (isWhole) await log.topics.delete('large');
    await log.topics.delete('last');
    expect(await listed(), `killed at ${killAt}`).toEqual([['other', left.length]]);
    expect((await log.topics.status('other')).events).toBe(left.length);
    expect(await seqs(log), `killed at ${killAt}`).toEqual(left);
    await log.close();
    expect(await rows(path), `killed at ${killAt}`).toEqual({ events: left.length, topics: left.length });
  }
  expect(outcomes.gone).toBeGreaterThan(0);
  expect(outcomes.gone + outcomes.whole).toBe(KILLS);
}, 240_000);
