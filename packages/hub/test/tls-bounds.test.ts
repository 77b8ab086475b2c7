import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Exchange } from '@tidings/hub';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  answerOf,
  CERTIFICATE,
  frame,
  FRAMES,
  Http2Client,
  type Http2Listener,
  RawClient,
  requestBlock,
  SecureHub,
} from './secure-hub.ts';
import { spawnHub } from './spawn-hub.ts';
import { temporaryFolder } from './test-hub.ts';

const MIB = 1024 * 1024;
// A thousand of them: the system takes many answers, although the client does not read.
const PINGS = Buffer.concat(Array.from({ length: 1000 }, () => frame(FRAMES.ping, 0, 0, Buffer.alloc(8))));
const END_HEADERS = 4;
const END_STREAM = 1;

const connections = (hub: SecureHub): Promise<number> =>
  new Promise((resolve) => void hub.server.getConnections((_error, count) => resolve(count)));

describe('streams of one connection', () => {
  test('are bounded in number: more wait until one has ended', async () => {
    const hub = await SecureHub.start({ maxStreams: 3 });
    const client = await hub.connect();
    expect(client.session.remoteSettings).toMatchObject({ maxConcurrentStreams: 3, maxHeaderListSize: 102_400 });
    const listeners: Http2Listener[] = [];
    for (const topic of ['a', 'a', 'b']) listeners.push(await client.listen(`/topics/${topic}`));
    let isAnswered = false;
    const waiting = client.ask('GET', '/healthz').then((answer) => {
      isAnswered = true;
      return answer;
    });
    for (const topic of ['a', 'b']) await hub.publish(topic, 'x');
    for (const listener of listeners) await listener.until('data: x\n\n');
    expect(isAnswered).toBe(false);
    await hub.hub.publish('b', { data: 'last' }, { final: true });
    await listeners[2]!.until('data: last');
    listeners[2]!.stream.resume();
    expect((await waiting).status).toBe(200);
  });

  test('that are too many close it, if the client does not keep to what it was told', async () => {
    const hub = await SecureHub.start({ maxStreams: 3 });
    const raw = await RawClient.connect(hub);
    await raw.next(FRAMES.settings);
    raw.send(FRAMES.settings, 1, 0);
    await raw.settle();
    for (const stream of [1, 3, 5, 7]) {
      raw.send(FRAMES.headers, END_HEADERS | END_STREAM, stream, requestBlock('GET', '/topics/a'));
    }
    expect((await raw.next(FRAMES.goaway))?.readUInt32BE(13)).toBe(constants.NGHTTP2_PROTOCOL_ERROR);
    await raw.closed;
    await expect.poll(() => hub.hub.stats().listeners).toBe(0);
  });

  test('that nobody reads do not keep others out, as many as there may be, and get everything when they are read', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    const asleep: Http2Listener[] = [];
    for (let n = 0; n < 248; n += 1) asleep.push(await client.listen('/topics/a'));
    const awake = await client.listen('/topics/a');
    const events = Array.from({ length: 30 }, (_, n) => `${n} ${'x'.repeat(50_000)}`);
    for (const data of events) await hub.publish('a', data);
    await awake.until(`data: ${events.at(-1)}\n\n`);
    expect((await client.ask('POST', '/topics/a', {}, 'end')).status).toBe(200);
    const text = await asleep[0]!.until('data: end\n\n');
    expect([...text.matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n))).toEqual(events.map((_, n) => n));
  });
});

describe('an answer that nobody reads', () => {
  const BYTES = 4 * MIB;
  const face = () => ({
    name: 'large',
    match: () => ['GET'],
    handle: ({ url }: Exchange) => ({
      status: 200,
      headers: {},
      body: url.pathname === '/small' ? 'x' : 'x'.repeat(BYTES),
    }),
  });
  const start = (options: object): Promise<SecureHub> => SecureHub.start(options, { faces: [face] });

  test('has a bounded time, and its connection goes on', async () => {
    const hub = await start({ maxAnswerMs: 200 });
    const client = await hub.connect();
    const stream = client.request('GET', '/').end();
    await once(stream, 'response');
    // It closes when the client has read what came before.
    await expect.poll(() => stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect((await client.ask('GET', '/small')).text).toBe('x');
  });

  test('counts with all others: the oldest gives way', async () => {
    const hub = await start({ maxUnsentBytes: 3 * BYTES });
    const client = await hub.connect();
    const first = client.request('GET', '/').end();
    await once(first, 'response');
    const second = client.request('GET', '/').end();
    const answered = answerOf(second);
    await expect.poll(() => first.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect((await answered).text.length).toBe(BYTES);
  });

  test('does not keep others of its connection out', async () => {
    const hub = await start({});
    const client = await hub.connect();
    for (let n = 0; n < 10; n += 1) await once(client.request('GET', '/').end(), 'response');
    expect((await client.ask('GET', '/')).text.length).toBe(BYTES);
  });
});

describe('a connection', () => {
  test.each(['nothing', 'half a handshake'])('that has sent %s is closed after a while', async (sent) => {
    const hub = await SecureHub.start({ maxHeadMs: 200 });
    const socket = connect(hub.port, '127.0.0.1').on('error', () => {});
    if (sent !== 'nothing') socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0]));
    await new Promise((resolve) => void socket.resume().once('close', resolve));
    await expect.poll(() => connections(hub)).toBe(0);
  });

  test('without a first request is told to close after a while, whatever else it sends', async () => {
    const hub = await SecureHub.start({ maxHeadMs: 200 });
    const raw = await RawClient.connect(hub);
    const pings = setInterval(() => raw.send(FRAMES.ping, 0, 0, Buffer.alloc(8)), 20);
    onTestFinished(() => clearInterval(pings));
    expect((await raw.next(FRAMES.goaway))?.readUInt32BE(13)).toBe(constants.NGHTTP2_NO_ERROR);
    await raw.closed;
  });

  test('that has been idle for a while is told to close, and one with a stream is not', async () => {
    const hub = await SecureHub.start({ idleConnectionMs: 200 });
    const listening = await hub.connect();
    const listener = await listening.listen('/topics/a');
    const idle = await hub.connect();
    expect((await idle.ask('GET', '/healthz')).status).toBe(200);
    await idle.closed;
    await hub.publish('a', 'x');
    await listener.until('data: x');
    listener.stream.close();
    await listening.closed;
  });

  test('is closed where the client does not close its side', async () => {
    const hub = await SecureHub.start({ maxHeadMs: 200, lingerMs: 1 });
    const socket = await hub.tls({ ALPNProtocols: ['h2'], allowHalfOpen: true } as never);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    await expect.poll(() => connections(hub), { timeout: 10_000 }).toBe(0);
  });

  test('that ends in the middle of everything leaves nothing behind', async () => {
    const hub = await SecureHub.start();
    const client = await hub.connect();
    for (let n = 0; n < 20; n += 1) await client.listen('/topics/a');
    for (let n = 0; n < 20; n += 1) client.request('POST', '/topics/a').write('half');
    client.session.destroy();
    await expect.poll(() => connections(hub)).toBe(0);
    await expect.poll(() => hub.hub.stats().listeners).toBe(0);
  });

  test('that sends pings and does not read is read no longer, and is closed when it has had no request for a while', async () => {
    const hub = await SecureHub.start({ maxHeadMs: 1000, lingerMs: 1 });
    const listener = await (await hub.connect()).listen('/topics/a');
    const raw = await RawClient.connect(hub);
    raw.socket.pause();
    let isClosed = false;
    void raw.closed.then(() => (isClosed = true));
    let sent = 0;
    while (!isClosed && !raw.socket.destroyed) {
      await new Promise((resolve) => setImmediate(resolve));
      raw.socket.write(PINGS);
      sent += PINGS.length;
      if (raw.socket.writableNeedDrain) await Promise.race([once(raw.socket, 'drain').catch(() => {}), raw.closed]);
    }
    // What the buffers of the system take.
    expect(sent).toBeLessThan(64 * MIB);
    await hub.publish('a', 'x');
    await listener.until('data: x');
  });

  test.each([
    [
      'resets its streams at once',
      (raw: RawClient, n: number) => {
        raw.send(FRAMES.headers, END_HEADERS | END_STREAM, 2 * n + 1, requestBlock('GET', '/topics/a'));
        raw.send(FRAMES.reset, 0, 2 * n + 1, Buffer.from([0, 0, 0, 8]));
      },
    ],
    ['sends settings', (raw: RawClient) => raw.send(FRAMES.settings, 0, 0)],
    [
      'never ends a head',
      (raw: RawClient, n: number) => {
        if (n === 0) raw.send(FRAMES.headers, 0, 1, requestBlock('GET', '/topics/a'));
        // A field of 100 bytes without indexing, again and again.
        raw.send(
          FRAMES.continuation,
          0,
          1,
          Buffer.concat([Buffer.from([0x00, 0x01, 0x78, 0x64]), Buffer.alloc(100, 'x')]),
        );
      },
    ],
    ['sends what is no frame', (raw: RawClient) => void raw.socket.write('x'.repeat(1000))],
  ])('that %s over and over is closed, and others go on', async (_what, send) => {
    const hub = await SecureHub.start();
    const others = await hub.connect();
    const listener = await others.listen('/topics/a');
    const raw = await RawClient.connect(hub);
    // A client that does not read.
    raw.socket.pause();
    let isClosed = false;
    void raw.closed.then(() => (isClosed = true));
    for (let n = 0; n < 200_000 && !isClosed; n += 1) {
      send(raw, n);
      if (n % 200 === 199) {
        await new Promise((resolve) => setImmediate(resolve));
        if (raw.socket.writableNeedDrain) await Promise.race([once(raw.socket, 'drain').catch(() => {}), raw.closed]);
      }
    }
    raw.socket.resume();
    await raw.closed;
    await hub.publish('a', 'x');
    await listener.until('data: x');
    await expect.poll(() => hub.hub.stats().listeners).toBe(1);
  });
});

describe.runIf(process.platform === 'linux')('file descriptors', () => {
  test('a connection with many streams takes one', async () => {
    const hub = await spawnHub(temporaryFolder(), { maxDescriptors: 64, tls: CERTIFICATE });
    const client = await Http2Client.connect(hub.port);
    for (let n = 0; n < 200; n += 1) expect((await client.listen('/topics/a')).headers[':status']).toBe(200);
    expect((await client.ask('POST', '/topics/a', {}, 'x')).status).toBe(200);
  });

  test('listeners leave some for publishers, and connections that have no more streams give way', async () => {
    const hub = await spawnHub(temporaryFolder(), { maxDescriptors: 64, tls: CERTIFICATE });
    const listeners: Http2Listener[] = [];
    let refused: Http2Listener | undefined;
    while (!refused) {
      const client = await Http2Client.connect(hub.port);
      const listener = await client.listen('/topics/a');
      if (Number(listener.headers[':status']) === 200) listeners.push(listener);
      else refused = listener;
    }
    expect(refused.headers[':status']).toBe(503);
    await expect.poll(() => hub.stderr()).toMatch(/^A listener was refused, to keep file descriptors/);
    // A connection that has one may have another.
    expect(listeners.length).toBeGreaterThan(10);
    for (const { stream } of listeners.slice(0, 5)) stream.close();
    // Those connections stay, and have no stream.
    const next = async (): Promise<unknown> =>
      (await (await Http2Client.connect(hub.port)).listen('/topics/a')).headers[':status'];
    await expect.poll(next).toBe(200);
  });

  const UNFINISHED: readonly [string, (port: number) => Socket][] = [
    ['nothing', (port) => connect(port, '127.0.0.1')],
    [
      'half a handshake',
      (port) => {
        const socket = connect(port, '127.0.0.1');
        socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0]));
        return socket;
      },
    ],
    ['no request after the handshake', (port) => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })],
    ['no request on HTTP/2', (port) => h2(port)],
    [
      'an idle connection after a request',
      (port) => {
        const session = connectHttp2(`https://127.0.0.1:${port}`, {
          rejectUnauthorized: false,
          createConnection: () => h2(port),
        });
        session.on('error', () => {});
        session
          .request({ ':path': '/healthz' })
          .on('error', () => {})
          .resume();
        return session.socket;
      },
    ],
  ];
  const h2 = (port: number): TLSSocket =>
    connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });

  test.each(UNFINISHED)('connections with %s make room for others', async (_what, open) => {
    const hub = await spawnHub(temporaryFolder(), { maxDescriptors: 64, tls: CERTIFICATE });
    const keep = await Http2Client.connect(hub.port);
    const listener = await keep.listen('/topics/a');
    const upload = (await Http2Client.connect(hub.port)).request('POST', '/topics/a', {
      'content-type': 'text/event-stream',
    });
    upload.write('data: first\n\n');
    await listener.until('data: first');
    for (let n = 0; n < 100; n += 1) {
      const socket = open(hub.port);
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
    }
    const publish = async (): Promise<unknown> => {
      const client = await Http2Client.connect(hub.port);
      return (await client.ask('POST', '/topics/b', {}, 'x')).status;
    };
    for (let n = 0; n < 3; n += 1)
      await expect.poll(() => publish().catch(() => undefined), { timeout: 10_000 }).toBe(200);
    upload.end('data: last\n\n');
    await listener.until('data: last');
  });
});
