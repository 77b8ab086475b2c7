import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { frame, FRAMES, requestBlock, SecureHub } from './secure-hub.ts';
import { ask, serve } from './test-hub.ts';

// Others than that of whoever has to get through.
const ATTACKER = '127.0.0.2';
const OPTIONS = { maxHeadMs: 1000, lingerMs: 200, maxConnectionsPerAddress: 5000 };
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HALF_HELLO = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
const HALF_HEAD = 'GET /topics/a HTTP/1.1\r\nHost: localhost\r\nX-Half: ';

// The system refuses more than 511 that wait to be accepted, and tries again after a second.
const AT_ONCE = 250;

/** Opens connections that send what they send. Fulfils when the hub has accepted all, with a promise of how many have been closed when all are. */
async function attack(hub: Hub, count: number, make: () => Socket): Promise<{ readonly closed: Promise<number> }> {
  const { counts } = hub;
  const closed: Promise<unknown>[] = [];
  while (closed.length < count) {
    const before = counts.accepted;
    const opened = Array.from({ length: Math.min(AT_ONCE, count - closed.length) }, async () => {
      const socket = make();
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {}).resume();
      const isClosed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
      closed.push(isClosed);
      await Promise.race([once(socket, 'connect'), isClosed]);
    });
    await Promise.all(opened);
    while (counts.accepted < before + opened.length) await turnOfTheLoop();
  }
  return { closed: Promise.all(closed).then((each) => each.length) };
}

const bare = (port: number, sent: string | Uint8Array) => (): Socket => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: ATTACKER });
  if (sent.length > 0) socket.write(sent);
  return socket;
};

test('two thousand connections without a whole head end after their time, and others get through meanwhile', async () => {
  const hub = new Hub({ log: new MemoryLog() });
  const server = createServer(hub, OPTIONS);
  const port = await serve(hub, server);
  const listener = await Listener.open(port, '/topics/a');
  const { open } = hub.counts;
  let most = 0;
  server.on('connection', () => (most = Math.max(most, open.http1)));
  const attacks = [await attack(hub, 1000, bare(port, '')), await attack(hub, 1000, bare(port, HALF_HEAD))];
  // The first ones may have ended by now.
  expect(most).toBeGreaterThan(500);
  expect((await ask(port, 'POST', '/topics/a', { body: 'through' })).status).toBe(200);
  await listener.take(1);
  expect(listener.events.at(-1)?.data).toBe('through');
  expect(await Promise.all(attacks.map(({ closed }) => closed))).toEqual([1000, 1000]);
  await expect.poll(() => open.http1).toBe(1);
});

test('a thousand connections that stop in the middle of TLS or HTTP/2 do the same, and handshakes are bounded', async () => {
  const hub = await SecureHub.start({ ...OPTIONS, maxHandshakes: 200 });
  const { open, refusedConnections } = hub.hub.counts;
  let most = 0;
  hub.server.on('connection', () => (most = Math.max(most, open.handshake)));
  const listener = await (await hub.connect()).listen('/topics/a');
  const secure = (sent: string | Uint8Array) => (): Socket => {
    const socket = connectTls({
      port: hub.port,
      host: '127.0.0.1',
      localAddress: ATTACKER,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    } as never);
    socket.once('secureConnect', () => void socket.write(sent));
    return socket;
  };
  const block = requestBlock('GET', '/topics/a');
  const half = frame(FRAMES.headers, 4, 1, block).subarray(0, 12);
  const attacks = [
    await attack(hub.hub, 300, bare(hub.port, '')),
    await attack(hub.hub, 500, bare(hub.port, HALF_HELLO)),
    await attack(hub.hub, 100, secure(PREFACE.slice(0, 12))),
    await attack(hub.hub, 100, secure(Buffer.concat([Buffer.from(PREFACE), frame(FRAMES.settings, 0, 0), half]))),
  ];
  await expect.poll(() => refusedConnections.handshakes).toBeGreaterThan(0);
  const client = await hub.connect();
  expect((await client.ask('POST', '/topics/a', {}, 'through')).status).toBe(200);
  await listener.until('data: through');
  expect(await Promise.all(attacks.map(({ closed }) => closed))).toEqual([300, 500, 100, 100]);
  expect(most).toBeLessThanOrEqual(200);
  await expect.poll(() => [open.handshake, open.http1, open.http2]).toEqual([0, 0, 2]);
});
