import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, Hub } from '@tidings/hub';
import { MemoryLog } from '@tidings/server/log';
import { Runs, type RunsOptions } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';

const KEY = 'the-key-of-the-watch';

async function serve(log: MemoryLog = new MemoryLog()): Promise<string> {
  const hub = new Hub({ log, key: KEY });
  const server = createServer(hub);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await hub.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a token that the hub refuses for a while does not end the watch for stops', async () => {
  const hub = await serve();
  let isRefused = true;
  const told: unknown[] = [];
  let tell = (): void => {};
  const refused = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const runs = new Runs({
    hub,
    headers: { authorization: `Bearer ${KEY}` },
    onError: (error) => {
      told.push((error as { code?: string }).code);
      tell();
    },
    // What listens has a token of its own here, which is wrong at first.
    fetch: async (url, init) => {
      const headers = new Headers(init?.headers);
      const listens = headers.get('accept') === 'text/event-stream';
      if (listens && isRefused) headers.set('authorization', 'Bearer of-nobody');
      return await fetch(url, { ...init, headers });
    },
  });
  const other = new Runs({ hub, headers: { authorization: `Bearer ${KEY}` } });
  const { over } = await runs.start('a', async ({ append, signal }) => {
    await append('made before');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  await refused;
  isRefused = false;
  expect(await other.stop('a')).toMatchObject({ state: 'stopped' });
  expect(await over).toBe('stopped');
  expect(told).toEqual(['ERR_FORBIDDEN']);
});

test('a request to stop reaches a producer elsewhere, also where there is no room for one more topic', async () => {
  const log = new MemoryLog({ maxCreatedTopics: 1 });
  const stores: readonly RunsOptions[] = [
    { log },
    { hub: await serve(log), headers: { authorization: `Bearer ${KEY}` } },
  ];
  for (const store of stores) {
    const [runs, other] = [new Runs(store), new Runs(store)];
    const { over } = await runs.start('a', async ({ append, signal }) => {
      await append('made before');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    await expect(other.start('b', () => {})).rejects.toMatchObject({ code: 'ERR_TOO_MANY_TOPICS' });
    expect(await other.stop('a')).toMatchObject({ state: 'stopped' });
    expect(await over).toBe('stopped');
    expect(await other.delete('a')).toBe(true);
  }
});
