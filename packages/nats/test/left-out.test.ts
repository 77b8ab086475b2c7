import { EARLIEST, type LogEntry } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Way } from './nats-server.ts';
import { contents, dataOf, event, Follower, manage, newName, openLog, serverOfFile } from './rig.ts';
import { isMissing } from '../../../test/missing.ts';

const WITHOUT = isMissing('nats-server');

const file = serverOfFile(WITHOUT);

const KIB_200 = 'x'.repeat(200 * 1024);

// The server sends so much to one that takes nothing, and no more: a part of it is under way.
const MANY = 25;

// On a machine that is too slow for it the node is delivered everything anew each time.
const MAX_ROUNDS = 5;

describe.skipIf(WITHOUT)('messages that the server has and does not deliver', () => {
  test.each([
    ['few', 1],
    ['many', 100],
  ])('are carried out in their place, if they are %s', async (_, small) => {
    const name = newName();
    const way = await Way.to(file.server.port);
    onTestFinished(() => way.close());
    const one = await openLog({ servers: file.server.url, name });
    const other = await openLog({ servers: way.url, name });
    const follower = new Follower(other);
    const { streams } = await manage(file.server.url);
    await one.append([event('a', 'first')]);
    await follower.until(() => follower.got.length > 0);
    const isOld = file.connection.info?.version.startsWith('2.9.') === true;
    let rounds = 0;
    let seq = 0;
    // On a slow machine the node may think that the store is away, and be delivered everything anew. A newer server leaves out nothing.
    do {
      rounds += 1;
      way.hold();
      const appends = Array.from({ length: MANY }, (_each, count) => one.append([event('a', `${count} ${KIB_200}`)]));
      await Promise.all(appends);
      // Messages that no log wrote count, too.
      for (let count = 0; count < small; count += 1) file.connection.publish(`${name}.log`, 'of another');
      await file.connection.flush();
      // No message has that subject. nats-server 2.9 takes all that has not been delivered for removed.
      await streams.purge(name, { filter: `${name}.none` });
      ({ seq } = await one.append([event('a', 'last')]));
      way.goOn();
      await follower.until(() => follower.reached >= seq);
    } while (isOld && rounds < MAX_ROUNDS && !way.asked.includes(`$JS.API.STREAM.MSG.GET.${name}`));
    expect(follower.steps.filter((step) => step.startsWith('gap'))).toEqual([]);
    const inShort = (entries: readonly LogEntry[]): string[] =>
      entries.map((entry) => `${entry.id} ${dataOf(entry).slice(0, 9)}`);
    const expected = inShort((await contents(one)).entries);
    expect(expected).toHaveLength(1 + rounds * (MANY + 1));
    expect(inShort(follower.got)).toEqual(expected);
    expect(inShort((await contents(other)).entries)).toEqual(expected);
  });
});

test.skipIf(WITHOUT)(
  'nodes have the same log, however often others start, and somebody purges with a filter',
  async () => {
    const servers = file.server.url;
    const name = newName();
    const logs = [await openLog({ servers, name }), await openLog({ servers, name })];
    const followers = logs.map((log) => new Follower(log));
    for (const follower of followers) await follower.until(() => follower.steps.length > 0);
    const { streams } = await manage(servers);
    let isOver = false;
    const publish = async (publisher: number): Promise<number> => {
      for (let count = 0; ; count += 1) {
        if (isOver) return count;
        await logs[publisher % 2]!.append([event(`t${publisher}`, `${publisher}:${count}`)]);
      }
    };
    const publishers = [0, 1, 2, 3].map(publish);
    for (let count = 0; count < 60; count += 1) {
      await streams.purge(name, { filter: `${name}.none` });
      if (count % 20 === 0) await (await openLog({ servers, name })).close();
    }
    isOver = true;
    const counts = await Promise.all(publishers);
    const { head } = await logs[0]!.locate(EARLIEST);
    for (const follower of followers) await follower.until(() => follower.reached >= head);
    const expected = await contents(await openLog({ servers, name }));
    expect(expected.entries).toHaveLength(counts.reduce((sum, count) => sum + count, 0));
    for (const log of logs) expect(await contents(log)).toEqual(expected);
    for (const { got } of followers) expect(got).toEqual(expected.entries);
  },
);
