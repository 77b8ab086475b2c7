import { once } from 'node:events';
import { constants } from 'node:http2';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { answerOf, FRAMES, RawClient, requestBlock, SecureHub } from './secure-hub.ts';

const connections = (hub: SecureHub): Promise<number> =>
  new Promise((resolve) => void hub.server.getConnections((_error, count) => resolve(count)));

test('a server that drains says so on each connection, and answers what is under way', async () => {
  const hub = await SecureHub.start();
  const [busy, idle] = [await hub.connect(), await hub.connect()];
  await idle.ask('GET', '/healthz');
  const upload = busy.request('POST', '/topics/a');
  upload.write('x');
  await busy.ask('GET', '/healthz');
  const closed = once(hub.server, 'close');
  const told = once(busy.session, 'goaway');
  hub.server.drain();
  expect((await told)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  await idle.closed;
  upload.end('y');
  expect((await answerOf(upload)).status).toBe(200);
  await busy.closed;
  await closed;
  await expect(hub.tls()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a request that comes after that is refused in a way that says that it may be sent again', async () => {
  const hub = await SecureHub.start();
  const raw = await RawClient.connect(hub);
  raw.send(FRAMES.headers, 5, 1, requestBlock('GET', '/topics/a'));
  await raw.next(FRAMES.headers);
  hub.server.drain();
  raw.send(FRAMES.headers, 5, 3, requestBlock('GET', '/topics/a'));
  // Only what is up to the first was answered.
  expect((await raw.next(FRAMES.goaway))?.readUInt32BE(9)).toBe(1);
  await hub.hub.close({ awayMs: 0, windowMs: 0 });
  await raw.closed;
});

test('listeners of a hub that closes are told when to come back, on both protocols, and the server closes', async () => {
  const hub = await SecureHub.start();
  const listener = await (await hub.connect()).listen('/topics/a');
  const options = { host: '127.0.0.1', port: hub.port, path: '/topics/a', rejectUnauthorized: false, agent: false };
  const sent = request(options).end();
  const [response] = await once(sent, 'response');
  const closed = once(hub.server, 'close');
  hub.server.drain();
  await hub.hub.close({ awayMs: 7000, windowMs: 1000 });
  expect(await listener.until('retry: 7')).toMatch(/^retry: 7\d{3}$/m);
  listener.stream.resume();
  expect(await listener.closed).toBe(constants.NGHTTP2_NO_ERROR);
  expect(await text(response)).toMatch(/^retry: 7\d{3}$/m);
  hub.server.closeIdleConnections();
  await closed;
});

test('idle connections are closed when they have to, and those with a stream are not', async () => {
  const hub = await SecureHub.start();
  const [busy, idle] = [await hub.connect(), await hub.connect()];
  const listener = await busy.listen('/topics/a');
  const kept = await hub.tls();
  kept.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(kept, 'data');
  hub.server.closeIdleConnections();
  await idle.closed;
  await new Promise((resolve) => void kept.resume().once('close', resolve));
  await hub.publish('a', 'x');
  await listener.until('data: x');
  hub.server.closeAllConnections();
  await busy.closed;
  expect(await connections(hub)).toBe(0);
});

test('one request is answered on a connection that was accepted before the server drains, and had none', async () => {
  const hub = await SecureHub.start();
  const client = await hub.connect();
  // This has yet to begin HTTP/2.
  const late = await RawClient.connect(hub);
  hub.server.drain();
  hub.server.closeIdleConnections();
  expect((await client.ask('GET', '/healthz')).status).toBe(200);
  await client.closed;
  late.send(FRAMES.headers, 5, 1, requestBlock('GET', '/healthz'));
  expect(await late.next(FRAMES.headers)).toBeDefined();
  expect((await late.next(FRAMES.goaway))?.readUInt32BE(9)).toBe(1);
  await late.closed;
});

test('a connection that has none all the same is closed', async () => {
  const hub = await SecureHub.start();
  const client = await hub.connect();
  const closed = once(hub.server, 'close');
  hub.server.drain();
  for (let n = 0; n < 2; n += 1) hub.server.closeIdleConnections();
  await client.closed;
  await closed;
  expect(await connections(hub)).toBe(0);
});

test('a server that is closed has closed what it had', async () => {
  const hub = await SecureHub.start();
  const client = await hub.connect();
  await client.ask('GET', '/healthz');
  await new Promise((resolve) => void hub.server.close(resolve));
  await client.closed;
  // And again.
  const error = await new Promise<Error | undefined>((resolve) => void hub.server.close(resolve));
  expect(error).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
});

test('listeners whose streams are reset without an error are gone, also in the moment in which something is written to them', async () => {
  const hub = await SecureHub.start();
  const client = await hub.connect();
  const reset = async (body: string, turns: number): Promise<void> => {
    // It is told of a gap, so there are several writes.
    const stream = client.request('GET', '/topics/a', { 'last-event-id': 'unknown' });
    stream.resume().write(body);
    for (let turn = 0; turn < turns; turn += 1) await turnOfTheLoop();
    const closed = once(stream, 'close');
    stream.close(constants.NGHTTP2_NO_ERROR);
    await closed;
  };
  for (let n = 0; n < 20; n += 1)
    await Promise.all(Array.from({ length: 10 }, (_, turns) => reset('x'.repeat(n * 100), turns)));
  await expect.poll(() => hub.hub.stats().listeners).toBe(0);
  expect((await client.ask('GET', '/healthz')).status).toBe(200);
});
