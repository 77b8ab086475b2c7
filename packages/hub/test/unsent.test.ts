import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { MemoryLog } from '@tidings/server/log';
import { createServer, Hub, type HubServerOptions } from '@tidings/hub';
import { expect, onTestFinished, test } from 'vitest';

// More than systems hold for a client.
const BYTES = 16 * 1024 * 1024;

/** A hub with a large answer. `ask` gives a client that asks for it and does not read. */
async function startHub(options: HubServerOptions): Promise<{ ask: (rest?: string) => Socket; server: Server }> {
  const hub = new Hub({
    log: new MemoryLog(),
    faces: [
      () => ({
        name: 'large',
        match: () => ['GET'],
        handle: () => ({ status: 200, headers: {}, body: 'x'.repeat(BYTES) }),
      }),
    ],
  });
  const server = createServer(hub, options).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await hub.close({ awayMs: 0, windowMs: 0 });
  });
  const ask = (rest = ''): Socket => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
    onTestFinished(() => void socket.destroy());
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${rest}\r\n`);
    return socket;
  };
  return { ask, server };
}

/** Reads the answer to its end, or until the connection is closed. Gives how many bytes came. */
async function read(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes > BYTES) resolve();
    });
  });
  return bytes;
}

test.each([
  ['a request', ''],
  ['a request that is never whole', 'Content-Length: 5\r\n'],
])('an answer to %s that nobody reads has a bounded time', async (_what, rest) => {
  const { ask, server } = await startHub({ maxAnswerMs: 200 });
  const client = ask(rest);
  await once(client, 'readable');
  const connections = (): Promise<number> =>
    new Promise((resolve) => void server.getConnections((_error, count) => resolve(count)));
  await expect.poll(connections, { timeout: 20_000 }).toBe(0);
  expect(await read(client)).toBeLessThan(BYTES);
});

test('all answers that nobody reads hold a bounded number of bytes together: the oldest gives way', async () => {
  const { ask } = await startHub({ maxUnsentBytes: 3 * BYTES });
  const first = ask();
  await once(first, 'readable');
  const second = ask();
  await once(second, 'readable');
  expect(await read(first)).toBeLessThan(BYTES);
  expect(await read(second)).toBeGreaterThan(BYTES);
});
