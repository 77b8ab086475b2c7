import type { NatsLog } from '@tidings/nats';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { NatsServer } from './nats-server.ts';
import { contents, dataOf, event, Follower, newName, openLog } from './rig.ts';

const WITHOUT = isMissing('nats-server');

async function ownServer(options: { maxStoredBytes?: number } = {}): Promise<NatsServer> {
  const server = await NatsServer.start('', options);
  onTestFinished(() => server.end());
  return server;
}

const allOf = async (log: NatsLog): Promise<string[]> => (await contents(log)).entries.map(dataOf);

const epochOf = (id: string): string => id.split('.')[0]!;

describe.skipIf(WITHOUT)('a server that was started again', () => {
  test('with an older state of its files begins a new epoch, also if no node has known it before', async () => {
    const server = await ownServer();
    const options = { servers: server.url, name: newName() };
    const first = await openLog(options);
    const kept = await first.append([event('a', 'kept')]);
    await first.close();
    await server.kill();
    const putBack = server.keep();
    await server.start();
    const second = await openLog(options);
    const lost = await second.append([event('a', 'lost')]);
    await second.close();
    await server.kill();
    putBack();
    await server.start();
    const third = await openLog(options);
    const next = await third.append([event('a', 'next')]);
    expect([next.seq === lost.seq, next.id === lost.id]).toEqual([true, false]);
    expect((await third.locate(kept.id)).misplaced).toBeUndefined();
    expect((await third.locate(lost.id)).misplaced).toBe('foreign');
    expect(await allOf(third)).toEqual(['kept', 'next']);
  });

  test('stays in its epoch while a node knows it, also for one that comes later', async () => {
    const server = await ownServer();
    const options = { servers: server.url, name: newName() };
    const log = await openLog(options);
    const follower = new Follower(log);
    const { id } = await log.append([event('a', '1')]);
    for (let time = 1; time <= 2; time += 1) {
      await server.kill();
      await server.start();
      await follower.until(() => follower.steps.length === 1 + 2 * time);
      // Each says it by itself, so that this one finds it said.
      await log.append([event('a', 'more')]);
      const other = await openLog(options);
      expect(epochOf((await other.append([event('a', 'other')])).id)).toBe(epochOf(id));
      await other.close();
    }
    const start = `start ${epochOf(id)}`;
    expect(follower.steps).toEqual([start, 'lost', start, 'lost', start]);
    await follower.until(() => follower.reached === 5);
    expect(follower.got.map(dataOf)).toEqual(['1', 'more', 'other', 'more', 'other']);
  });

  test('begins a new epoch for all nodes if two come that have not known it before', async () => {
    const server = await ownServer();
    const options = { servers: server.url, name: newName() };
    const first = await openLog(options);
    const before = await first.append([event('a', '1')]);
    await first.close();
    await server.kill();
    await server.start();
    // Both come to a server that nobody vouches for.
    const logs = await Promise.all([openLog(options), openLog(options)]);
    const receipts = await Promise.all(logs.map((log) => log.append([event('a', '2'), event('a', '3')])));
    for (const { ids } of receipts) {
      expect(new Set(ids.map(epochOf)).size).toBe(1);
      expect(epochOf(ids[0]!)).not.toBe(epochOf(before.id));
    }
    expect(await contents(logs[0])).toEqual(await contents(logs[1]));
    for (const log of logs) {
      for (const { id } of [before, ...receipts]) expect((await log.locate(id)).misplaced).toBeUndefined();
    }
  });
});
