import { connect } from '@nats-io/transport-node';
import { NatsError } from '@tidings/nats';
import { EARLIEST } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NatsServer } from './nats-server.ts';
import { contents, dataOf, event, Follower, manage, newName, openLog } from './rig.ts';
import { isMissing } from '../../../test/missing.ts';

const WITHOUT = isMissing('nats-server');
const MIB = 1024 * 1024;

describe.skipIf(WITHOUT)('a store that is there and does not answer', () => {
  test('is told to all who append while most of its servers are gone, and what they make again counts once', async () => {
    const servers = await NatsServer.cluster();
    onTestFinished(async () => void (await Promise.all(servers.map((one) => one.end()))));
    const [first, ...others] = servers;
    const log = await openLog({ servers: first!.url, name: newName(), replicas: 3, waitMs: 500, onError: () => {} });
    await log.append([event('a', 'first')]);
    await Promise.all(others.map((one) => one.kill()));
    const append = (data: string): Promise<unknown> => log.append([event('a', data)], { key: data });
    // Those who come while another one is under way wait behind it.
    const under = append('1');
    const behind = Promise.resolve().then(() => append('2'));
    const away = { code: 'ERR_STORE_AWAY' };
    await Promise.all([expect(under).rejects.toMatchObject(away), expect(behind).rejects.toMatchObject(away)]);
    await expect(append('3')).rejects.toMatchObject(away);
    await Promise.all(others.map((one) => one.start()));
    for (const data of ['1', '2', '3']) {
      const isStored = (): Promise<boolean> =>
        append(data).then(
          () => true,
          (error: unknown) => (error as { code: string }).code !== 'ERR_STORE_AWAY',
        );
      while (!(await isStored()));
    }
    const stored = (await contents(log)).entries.map(dataOf);
    expect(stored.toSorted()).toEqual(['1', '2', '3', 'first']);
  }, 60_000);
});

describe.skipIf(WITHOUT)('a store without room', () => {
  test('refuses an append at once, and a node that starts serves what there is', async () => {
    const server = await NatsServer.start('', { maxStoredBytes: 8 * MIB });
    onTestFinished(() => server.end());
    const options = { servers: server.url, name: newName() };
    const log = await openLog(options);
    const data = 'x'.repeat(900_000);
    let stored = 0;
    const append = (): Promise<unknown> => log.append([event('a', data)]);
    await expect(
      (async () => {
        for (;;) {
          await append();
          stored += 1;
        }
      })(),
    ).rejects.toMatchObject({ code: 'ERR_NOT_STORED', message: expect.stringContaining('it has no room') });
    await expect(log.append([event('a', 'small')])).rejects.toMatchObject({ code: 'ERR_NOT_STORED' });
    const errors: unknown[] = [];
    const other = await openLog({ ...options, onError: (error) => errors.push(error) });
    expect(errors).toEqual([expect.any(NatsError)]);
    expect(errors).toMatchObject([{ code: 'ERR_STORE_LIMITS', message: expect.stringContaining('no room') }]);
    expect((await contents(other)).entries).toHaveLength(stored);
  });
});

describe.skipIf(WITHOUT)('while the log is read anew from another stream', () => {
  test('no read finds an empty log', async () => {
    const server = await NatsServer.start();
    onTestFinished(() => server.end());
    const name = newName();
    const log = await openLog({ servers: server.url, name, waitMs: 2000, onError: () => {} });
    const follower = new Follower(log);
    for (const data of ['1', '2', '3']) await log.append([event('a', data)]);
    const { head: through } = await log.locate(EARLIEST);
    await follower.until(() => follower.reached >= through);
    const connection = await connect({ servers: server.url });
    onTestFinished(() => connection.close());
    const { streams } = await manage(server.url);
    const wrong: string[] = [];
    let answered = 0;
    const read = async (): Promise<void> => {
      const selection = { topics: ['a'] };
      const page = await log.read({ selection, after: 0, through, maxBytes: 1000 }).catch(() => undefined);
      if (!page) return;
      answered += 1;
      const found = page.entries.map(dataOf).join();
      if (found !== '1,2,3') wrong.push(found);
    };
    const readers = Array.from({ length: 20 }, read);
    await streams.delete(name);
    // It has a message already, so that this node does not begin with it at once.
    await streams.add({ name, subjects: [`${name}.log`], deny_delete: true });
    connection.publish(`${name}.log`, 'of another');
    const isLost = (): boolean => follower.steps.includes('lost');
    while (!isLost()) {
      readers.push(read());
      await new Promise((resolve) => void setTimeout(resolve, 2));
    }
    readers.push(read());
    await Promise.all(readers);
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(0);
  });
});
