import { chmodSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, temporaryFolder } from './test-hub.ts';

test('while the store of a hub is away publishes are refused, listeners stay, and /healthz says so; then everything goes on', async () => {
  const folder = temporaryFolder();
  chmodSync(folder, 0o700);
  const path = join(folder, 'log.sock');
  const kept = new MemoryLog();
  let host = new LogHost(kept);
  await host.listen(path);
  onTestFinished(() => host.close());
  const log = await RemoteLog.open({ path });
  const hub = new Hub({ log, logger: pino({ level: 'silent' }) });
  const server = createServer(hub).listen(0, '127.0.0.1');
  onTestFinished(async () => {
    await hub.close({ awayMs: 0, windowMs: 0 });
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const publish = (data: string): ReturnType<typeof ask> => ask(port, 'POST', '/topics/a', { body: data });
  const listener = await Listener.open(port, '/topics/a');
  const first = await publish('1');
  expect(first.status).toBe(200);
  await listener.take(1);

  const lost = turn(log, 'lost');
  host.close();
  await lost;
  const refused = await publish('2');
  expect([refused.status, refused.headers['retry-after'], JSON.parse(refused.text).type]).toEqual([
    503,
    '1',
    '/PROTOCOL.md#store-away',
  ]);
  const health = await ask(port, 'GET', '/healthz');
  expect([health.status, JSON.parse(health.text)]).toMatchObject([
    503,
    { status: 'failing', reason: 'The store of the log is out of reach', listeners: 1 },
  ]);
  // An EventSource would give up at a 503.
  const comes = await ask(port, 'GET', `/topics/a?last_event_id=${first.text}`, {
    headers: { accept: 'text/event-stream' },
  });
  expect([comes.status, comes.text]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)]);
  expect((await ask(port, 'GET', '/topics/a', { headers: { accept: 'application/json' } })).status).toBe(503);

  await kept.append([{ topics: ['a'], fields: { data: 'by another, meanwhile' } }]);
  const back = turn(log, 'start');
  host = new LogHost(kept);
  await host.listen(path);
  await back;
  expect((await publish('3')).status).toBe(200);
  expect(await listener.take(3)).toEqual(['1', 'by another, meanwhile', '3']);
  expect((await ask(port, 'GET', '/healthz')).status).toBe(200);
});

/** Resolves when a log is lost, or follows again that is lost. */
function turn(log: RemoteLog, which: 'lost' | 'start'): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      queueMicrotask(() => following.stop());
      resolve();
    };
    const following = log.follow({
      onStart: () => (which === 'start' ? end() : undefined),
      onBatch: () => {},
      onLost: () => (which === 'lost' ? end() : undefined),
    });
  });
}
