import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, connect as connectTls } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { canWriteDirectly, write } from '../src/direct-write.ts';
import { makeCertificate } from './certificate.ts';

/** The two ends of a connection. */
interface Pair {
  readonly server: Socket;
  readonly client: Socket;
}

const PLACES = {
  TCP: () => 0,
  'a Unix domain socket': () => join(tmpdir(), `tidings-${randomBytes(8).toString('hex')}`),
};

async function open(where: number | string = 0, server: Server = createServer()): Promise<Pair> {
  server.listen(typeof where === 'string' ? where : { port: where, host: '127.0.0.1' });
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client =
    typeof where === 'string' ? connect(where) : connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await accepted;
  socket.on('error', () => {});
  client.on('error', () => {});
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { server: socket, client };
}

/** Reads until so many bytes have come. */
async function read(client: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  client.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
  });
  while (received < length) await once(client, 'data');
  return Buffer.concat(chunks);
}

describe.each(Object.entries(PLACES))('a write to %s', (_name, place) => {
  test('goes past the stream where nothing waits', async () => {
    const { server, client } = await open(place());
    expect(canWriteDirectly(server)).toBe(true);
    write(server, Buffer.from('directly'), true);
    expect([server.writableLength, server.bytesWritten]).toEqual([0, 0]);
    expect(String(await read(client, 8))).toBe('directly');
  });

  test('comes whole and in order beside writes to its stream, to a reader that stops and goes on', async () => {
    const { server, client } = await open(place());
    const bytes = randomBytes(30_000_000);
    const received = read(client, bytes.length);
    let at = 0;
    for (let turn = 0; at < bytes.length; turn += 1) {
      const end = Math.min(at + 1 + ((turn * 104_729) % 200_000), bytes.length);
      if (turn % 7 === 0) server.write(bytes.subarray(at, end));
      else write(server, bytes.subarray(at, end), true);
      at = end;
      if (turn % 20 === 5) client.pause();
      if (turn % 20 === 15) {
        client.resume();
        if (server.writableNeedDrain) await once(server, 'drain');
      }
    }
    client.resume();
    expect((await received).equals(bytes)).toBe(true);
    expect(server.bytesWritten).toBeLessThan(bytes.length);
  });
});

describe('is left to the stream', () => {
  test('where the socket has a time after which it counts as idle', async () => {
    const { server, client } = await open();
    server.setTimeout(600_000);
    write(server, Buffer.from('by the stream'), true);
    expect(server.bytesWritten).toBe(13);
    expect(String(await read(client, 13))).toBe('by the stream');
  });

  test('where there is no file descriptor, as on Windows', async () => {
    const { server, client } = await open();
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    Object.defineProperty((server as unknown as { _handle: object })._handle, 'fd', { value: -1 });
    expect(canWriteDirectly(server)).toBe(false);
    write(server, Buffer.from('by the stream'), true);
    expect(server.bytesWritten).toBe(13);
    expect(String(await read(client, 13))).toBe('by the stream');
  });

  test('where the socket is one of TLS, or of a class of its own', async () => {
    const { key, cert } = makeCertificate();
    const tls = createTlsServer({ key, cert });
    tls.listen(0, '127.0.0.1');
    await once(tls, 'listening');
    const client = connectTls({
      port: (tls.address() as AddressInfo).port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    const [secure] = (await once(tls, 'secureConnection')) as [Socket];
    onTestFinished(() => {
      client.destroy();
      secure.destroy();
      tls.close();
    });
    expect(canWriteDirectly(secure)).toBe(false);

    class Other extends Socket {}
    const { server } = await open();
    Object.setPrototypeOf(server, Other.prototype);
    expect(canWriteDirectly(server)).toBe(false);
  });
});

test('what is written to a socket that was destroyed goes to no other, which has its number by then', async () => {
  const gone = await open();
  const numberOf = (socket: Socket): unknown =>
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    (socket as unknown as { _handle?: { fd: number } })._handle?.fd;
  const numbers = new Set([numberOf(gone.server), numberOf(gone.client)]);
  gone.server.destroy();
  gone.client.destroy();
  await Promise.all([once(gone.server, 'close'), once(gone.client, 'close')]);
  const others: Pair[] = [];
  do others.push(await open());
  while (!others.some(({ server, client }) => numbers.has(numberOf(server)) || numbers.has(numberOf(client))));
  write(gone.server, Buffer.from('not for you'), true);
  for (const { server, client } of others) {
    write(server, Buffer.from('for you'), true);
    expect(String(await read(client, 7))).toBe('for you');
    client.write('for you too');
    expect(String(await read(server, 11))).toBe('for you too');
  }
});

test('that the other side has gone is told by the stream', async () => {
  const { server, client } = await open();
  client.resetAndDestroy();
  const closed = new Promise((resolve) => {
    server.once('close', resolve);
  });
  while (!server.destroyed) {
    write(server, Buffer.from('to nobody'), true);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await closed).toBe(true);
});
