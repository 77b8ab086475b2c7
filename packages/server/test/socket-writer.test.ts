import { Channel, type EventStreamHandle } from '@tidings/server';
import { SharedChunk, type Sink } from '@tidings/server/live';
import {
  createServer as createStreamServer,
  eventStream,
  respond,
  startResponse,
  type NodeOptions,
} from '@tidings/server/node';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  get,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { handleOf, writeDirectly } from '../src/sink/socket-sink.ts';
import { makeCertificate } from './certificate.ts';
import { until } from './test-server.ts';

const SERVERS: Readonly<Record<string, (listener: RequestListener) => Server>> = {
  'node:http': createHttpServer,
  '@tidings/server/node': createStreamServer,
};

const PLACES: Readonly<Record<string, () => object>> = {
  TCP: () => ({ port: 0, host: '127.0.0.1' }),
  'a Unix domain socket': () => ({ path: join(tmpdir(), `tidings-${randomBytes(8).toString('hex')}`) }),
};

const CASES = Object.keys(SERVERS).flatMap((server) => Object.keys(PLACES).map((place) => ({ server, place })));

/** A stream that has begun: what writes to it, its server's socket, and what its listener has. */
interface Stream {
  readonly sink: Sink;
  readonly socket: Socket;
  readonly received: IncomingMessage;
}

async function open(
  { server: kind, place }: (typeof CASES)[number],
  options: NodeOptions = {},
  make = SERVERS[kind]!,
): Promise<Stream> {
  let sink: Sink | undefined;
  let socket: Socket | undefined;
  const server = make((_request, response) => {
    sink = startResponse(response, 200, { 'Content-Type': 'text/event-stream' }, options);
  });
  server.on('connection', (accepted: Socket) => {
    socket = accepted;
  });
  server.listen(PLACES[place]!());
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  const request = get(
    typeof address === 'string' ? { socketPath: address } : { port: address.port, host: '127.0.0.1' },
  );
  const [received] = (await once(request, 'response')) as [IncomingMessage];
  onTestFinished(() => {
    request.destroy();
    server.close();
  });
  // The stream server takes the socket in a later turn of the loop.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  return { sink: sink!, socket: socket!, received };
}

describe.each(CASES)('on $server, $place', (where) => {
  test('what is written goes past the stream while nothing waits', async () => {
    const { sink, socket, received } = await open(where);
    // The first may still go by the stream.
    sink.write(SharedChunk.fromText('1'));
    const { bytesWritten } = socket;
    for (let n = 2; n <= 9; n += 1) sink.write(SharedChunk.fromText(String(n)));
    expect(socket.bytesWritten).toBe(bytesWritten);
    sink.end();
    let text = '';
    for await (const chunk of received.setEncoding('latin1')) text += chunk;
    expect(text).toBe('123456789');
  });

  test('everything goes through the stream where that is asked for', async () => {
    const { sink, socket, received } = await open(where, { directWrites: false });
    sink.write(SharedChunk.fromText('1'));
    for (let n = 2; n <= 9; n += 1) {
      await until(() => socket.writableLength === 0);
      const { bytesWritten } = socket;
      sink.write(SharedChunk.fromText(String(n)));
      expect(socket.bytesWritten).toBeGreaterThan(bytesWritten);
    }
    sink.end();
    let text = '';
    for await (const chunk of received.setEncoding('latin1')) text += chunk;
    expect(text).toBe('123456789');
  });

  test('everything comes, once and in order, to a listener that stops and goes on', async () => {
    const { sink, socket, received } = await open(where);
    const bytes = randomBytes(40_000_000);
    const parts: Buffer[] = [];
    received.on('data', (part: Buffer) => parts.push(part));
    let drained = (): void => {};
    sink.onDrain = () => drained();
    let at = 0;
    let waited = 0;
    for (let turn = 0; at < bytes.length; turn += 1) {
      const end = Math.min(at + 1 + ((turn * 104_729) % 200_000), bytes.length);
      sink.write(new SharedChunk(bytes.subarray(at, end)));
      at = end;
      if (turn % 40 === 5) received.pause();
      if (sink.backlog > 0) waited += 1;
      if (turn % 40 === 35) {
        received.resume();
        if (sink.needsDrain) {
          await new Promise<void>((resolve) => {
            drained = resolve;
          });
        }
      }
    }
    received.resume();
    sink.end();
    await once(received, 'end');
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(waited).toBeGreaterThan(0);
    expect(socket.bytesWritten).toBeLessThan(bytes.length);
  });

  test('that the listener has gone is told, whoever finds it out', async () => {
    const { sink, received } = await open(where);
    let closed = false;
    sink.onClose = () => {
      closed = true;
    };
    received.destroy();
    await until(() => {
      sink.write(SharedChunk.fromText('to nobody'));
      return closed;
    });
    expect(sink.needsDrain).toBe(false);
  });
});

test('a socket that counts as idle after some time is written to by its stream, which puts that off', async () => {
  const { sink, socket } = await open({ server: 'node:http', place: 'TCP' });
  sink.write(SharedChunk.fromText('1'));
  socket.setTimeout(600_000);
  const { bytesWritten } = socket;
  sink.write(SharedChunk.fromText('2'));
  expect(socket.bytesWritten).toBeGreaterThan(bytesWritten);
});

test('a stream server whose option says so writes everything through the streams of its sockets', async () => {
  const make = (listener: RequestListener): Server => createStreamServer(listener, { directWrites: false });
  const { sink, socket } = await open({ server: '@tidings/server/node', place: 'TCP' }, {}, make);
  for (let n = 1; n <= 3; n += 1) {
    await until(() => socket.writableLength === 0);
    const { bytesWritten } = socket;
    sink.write(SharedChunk.fromText(String(n)));
    expect(socket.bytesWritten).toBeGreaterThan(bytesWritten);
  }
});

test('eventStream and respond pass the option on, and refuse a value that is no boolean', async () => {
  const channel = new Channel();
  const sockets: Socket[] = [];
  const server = createHttpServer((request, response) => {
    if (request.url === '/channel') return void respond(channel, request, response, { directWrites: false });
    void eventStream(request, response, (stream) => void handles.push(stream), { directWrites: false });
  }).listen(0, '127.0.0.1');
  const handles: EventStreamHandle[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const path of ['/channel', '/stream']) {
    const request = get({ port, host: '127.0.0.1', path, agent: false });
    onTestFinished(() => void request.destroy());
    const [received] = (await once(request, 'response')) as [IncomingMessage];
    received.resume();
  }
  onTestFinished(() => void server.close());
  await until(() => sockets.every((socket) => socket.writableLength === 0) && channel.listeners === 1);
  const before = sockets.map(({ bytesWritten }) => bytesWritten);
  await Promise.all([channel.publish({ data: '1' }), handles[0]!.send({ data: '1' })]);
  await until(() => sockets.every(({ bytesWritten }, index) => bytesWritten > before[index]!));

  const bad = { directWrites: 'no' as unknown as boolean };
  const refused = { code: 'ERR_INVALID_OPTION', message: expect.stringContaining('directWrites is "no"') as string };
  const pair = [{ headers: {} } as never, { writeHead() {} } as never] as const;
  await expect(respond(channel, ...pair, bad)).rejects.toMatchObject(refused);
  await expect(eventStream(...pair, () => {}, bad)).rejects.toMatchObject(refused);
  expect(() => createStreamServer(() => {}, bad)).toThrow(expect.objectContaining(refused));
});

describe('there is no handle', () => {
  async function connection(): Promise<Socket> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    onTestFinished(() => {
      client.destroy();
      socket.destroy();
      server.close();
    });
    expect(handleOf(socket)).toBeDefined();
    return socket;
  }

  test('where there is no file descriptor, as on Windows', async () => {
    const socket = await connection();
    Object.defineProperty(handleOf(socket)!, 'fd', { value: -1 });
    expect(handleOf(socket)).toBeUndefined();
  });

  test('of a socket of TLS', async () => {
    const { key, cert } = makeCertificate();
    const server = createTlsServer({ key, cert }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    const [socket] = (await once(server, 'secureConnection')) as [Socket];
    onTestFinished(() => {
      client.destroy();
      socket.destroy();
      server.close();
    });
    expect(handleOf(socket)).toBeUndefined();
  });

  test('of a socket of a class of its own', async () => {
    class Other extends Socket {}
    const socket = await connection();
    Object.setPrototypeOf(socket, Other.prototype);
    expect(handleOf(socket)).toBeUndefined();
  });

  test('of a socket that was destroyed', async () => {
    const socket = await connection();
    socket.destroy();
    expect(handleOf(socket)).toBeUndefined();
  });
});

test('what is written to a handle whose socket was destroyed goes to no other, which has its number by then', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pair = async (): Promise<Socket[]> => {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    onTestFinished(() => void client.destroy());
    return [client, socket];
  };
  onTestFinished(() => void server.close());
  const gone = await pair();
  const handles = gone.map((socket) => handleOf(socket)!);
  const numbers = new Set(handles.map(({ fd }) => fd));
  for (const socket of gone) socket.destroy();
  const others: Socket[] = [];
  do others.push(...(await pair()));
  while (!others.some((socket) => numbers.has(handleOf(socket)!.fd)));
  for (const handle of handles) expect(writeDirectly(handle, Buffer.from('not for you'))).toBe(0);
  for (const [index, socket] of others.entries()) {
    const peer = others[index % 2 === 0 ? index + 1 : index - 1]!;
    expect(writeDirectly(handleOf(socket)!, Buffer.from('for you'))).toBe(7);
    const [received] = (await once(peer, 'data')) as [Buffer];
    expect(String(received)).toBe('for you');
  }
});
