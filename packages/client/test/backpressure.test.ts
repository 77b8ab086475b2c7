import { once } from 'node:events';
import * as net from 'node:net';
import { subscribe } from '@tidings/client';
import { expect, test } from 'vitest';
import { ScriptedFetch, settle } from './scripted-fetch.ts';
import { STREAM_HEAD } from './scripted-server.ts';

const URL = 'http://tidings.test/stream';

test('the body is not read on while the queue holds its events', async () => {
  const server = new ScriptedFetch();
  await using subscription = subscribe(URL, { fetch: server.fetch, maxQueuedEvents: 3 });
  const events = subscription[Symbol.asyncIterator]();
  const request = await server.request(0);
  request.open();
  for (let number = 0; number < 10; number++) request.send(`data: ${number}\n\n`);
  await settle();
  expect(request.pulls).toBe(0);

  // The chunks wait in the body. Each event taken makes room for one chunk.
  const taken: string[] = [];
  for (let number = 0; number < 10; number++) {
    await settle();
    taken.push((await events.next()).value!.data);
    await settle();
    expect(request.pulls).toBe(number < 7 ? 0 : 1);
  }
  expect(taken).toEqual(Array.from({ length: 10 }, (_, number) => `${number}`));
});

test('the body is not read on while the queue holds its bytes', async () => {
  const server = new ScriptedFetch();
  await using subscription = subscribe(URL, { fetch: server.fetch, maxQueuedBytes: 1_000 });
  const request = await server.request(0);
  request.open();
  request.send(`data: ${'x'.repeat(600)}\n\n`);
  await settle();
  expect(request.pulls).toBe(0);
  await subscription[Symbol.asyncIterator]().next();
  await settle();
  expect(request.pulls).toBe(1);
});

test('a server cannot get ahead of a slow consumer by more than the sockets hold, and nothing is lost', async () => {
  const EVENTS = 4_096;
  const EVENT_BYTES = 8_192;
  // What the kernel keeps of a loopback connection in both directions, and Node's own buffers.
  const AHEAD_AT_MOST = 12 * 1024 * 1024;

  let connection: net.Socket | undefined;
  const server = net.createServer((socket) => {
    connection = socket;
    socket.on('error', () => {});
    socket.write(STREAM_HEAD);
    void (async () => {
      for (let number = 0; number < EVENTS && !socket.destroyed; number++) {
        const block = `id: ${number}\ndata: ${'x'.repeat(EVENT_BYTES)}\n\n`;
        if (!socket.write(block)) await new Promise<void>((resume) => socket.once('drain', () => resume()));
      }
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;

  let taken = 0;
  let furthest = 0;
  const subscription = subscribe(`http://127.0.0.1:${port}/`, { maxQueuedEvents: 10 });
  for await (const event of subscription) {
    expect(event.lastEventId).toBe(`${taken}`);
    taken++;
    const sent = connection!.bytesWritten - connection!.writableLength;
    furthest = Math.max(furthest, sent - taken * EVENT_BYTES);
    if (taken === EVENTS) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(furthest).toBeLessThan(AHEAD_AT_MOST);
  server.close();
});
