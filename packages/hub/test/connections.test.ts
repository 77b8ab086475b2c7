import { once } from 'node:events';
import { connect, isIP, type Socket, SocketAddress } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createServer, Hub, MemoryLog, type HubOptions, type HubServerOptions } from '@tidings/hub';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { randomNumbers } from '../../../test/seed.ts';
import { networkOf } from '../src/http/network.ts';
import { ask, serve } from './test-hub.ts';
import { SecureHub } from './secure-hub.ts';

/** A connection of an address of this machine, once it is open or refused. */
async function open(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  await new Promise<void>((resolve) => void socket.once('connect', resolve).once('close', () => resolve()));
  return socket;
}

/** Asks on a connection. Gives the status, or undefined if the connection was closed without an answer. */
async function statusOn(socket: Socket): Promise<number | undefined> {
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-key-of-the-hub\r\n\r\n');
  const answer = await new Promise<string>((resolve) => {
    if (socket.destroyed) resolve('');
    socket.once('data', (chunk) => resolve(String(chunk))).once('close', () => resolve(''));
  });
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
  return status === undefined ? undefined : Number(status);
}

async function start(
  options: HubServerOptions,
  hubOptions: Partial<HubOptions> = {},
): Promise<{ hub: Hub; port: number }> {
  const hub = new Hub({ log: new MemoryLog(), key: 'a-key-of-the-hub', ...hubOptions });
  return { hub, port: await serve(hub, createServer(hub, options)) };
}

test('an address gets as many connections as it may, and keeps no other one out', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const { hub, port } = await start({ maxConnectionsPerAddress: 3 }, { logger });
  const sockets: Socket[] = [];
  for (let n = 0; n < 5; n += 1) sockets.push(await open(port, '127.0.0.2'));
  const statuses = [];
  for (const socket of sockets) statuses.push(await statusOn(socket));
  expect(statuses).toEqual([200, 200, 200, undefined, undefined]);
  expect(await statusOn(await open(port, '127.0.0.3'))).toBe(200);
  const headers = { authorization: 'Bearer a-key-of-the-hub' };
  expect((await ask(port, 'POST', '/topics/a', { headers, body: 'x' })).status).toBe(200);
  sockets[0]!.destroy();
  await expect.poll(async () => await statusOn(await open(port, '127.0.0.2'))).toBe(200);
  expect(hub.counts.refusedConnections.address).toBeGreaterThanOrEqual(2);
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ address: '127.0.0.2', connections: 3, msg: expect.stringContaining('trustedProxies') }),
  ]);
});

test('trusted proxies get as many connections as they like, and their clients are counted as listeners', async () => {
  const { hub, port } = await start(
    { maxConnectionsPerAddress: 1 },
    { trustedProxies: ['127.0.0.2'], limits: { maxListenersPerAddress: 1 } },
  );
  const listen = async (address: string): Promise<number> => {
    const socket = await open(port, '127.0.0.2');
    socket.write(
      `GET /topics/a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${address}\r\nAuthorization: Bearer a-key-of-the-hub\r\n\r\n`,
    );
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return Number(String(chunk).slice(9, 12));
  };
  // Two addresses of one /64, and one of another.
  const statuses = [];
  for (const address of ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '192.0.2.1'])
    statuses.push(await listen(address));
  expect(statuses).toEqual([200, 429, 200, 200]);
  expect(hub.counts.refusedConnections.address).toBe(0);
});

test('a connection too many is closed before anything of TLS is done for it', async () => {
  const hub = await SecureHub.start({ maxConnectionsPerAddress: 1 }, { logger: pino({ level: 'silent' }) });
  await hub.connect();
  const second = connectTls({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false });
  second.on('error', () => {});
  await new Promise((resolve) => void second.once('close', resolve));
  const { counts } = hub.hub;
  expect([counts.refusedConnections.address, counts.open.handshake, counts.accepted]).toEqual([1, 0, 2]);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::', '2001:db8:0:1::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['2001:DB8::1', '2001:db8:0:0::/64'],
  ['2001:0db8:0000:0000::2', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:0:0:192.0.2.1', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::1:0:0', '2001:db8:0:1::/64'],
  ['::', '0:0:0:0::/64'],
  ['1::', '1:0:0:0::/64'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['0000::ffff:C000:0201%eth0', '192.0.2.1'],
  ['::ffff:0:192.0.2.1', '0:0:0:0::/64'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test.each([
  '',
  'unix',
  ':',
  ':::',
  '1:2',
  '1::2::3',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  '::g',
  '::12345',
  '::1.2.3',
  '::1.2.3.256',
  '::1.2.3.4:1',
  '1.2.3.4::',
])('the network of %j, which is no address, is the text itself', (text) => {
  expect([isIP(text), networkOf(text)]).toEqual([0, text]);
});

test('the network of an address is the same in each form in which it can be written', () => {
  const random = randomNumbers();
  const group = (): number => (random() < 0.5 ? 0 : random() < 0.3 ? 0xffff : Math.floor(random() * 65_536));
  for (let round = 0; round < 500; round += 1) {
    const groups = Array.from({ length: 8 }, group);
    const plain = groups.map((each) => each.toString(16));
    const long = plain.map((each) => each.padStart(4, '0')).join(':');
    const [high = 0, low = 0] = groups.slice(6);
    const v4 = [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
    // As the library of Node writes it.
    const { hostname } = new URL(`http://[${long}]/`);
    const { address: short } = new SocketAddress({ address: long, family: 'ipv6' });
    const forms = [long, long.toUpperCase(), hostname.slice(1, -1), short, `${plain.slice(0, 6).join(':')}:${v4}`];
    const networks = new Set(forms.map(networkOf));
    expect(networks.size === 1 ? [] : forms).toEqual([]);
  }
});
