import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createServer, Hub, MemoryLog, type Face } from '@tidings/hub';
import { expect, onTestFinished, test } from 'vitest';
import { serve, startHub } from './test-hub.ts';

const head = (path: string, method = 'GET'): string => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`;
const get = (path: string): string => `${head(path)}\r\n`;

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** What comes until it holds a text, or until the connection is closed. */
async function readUntil(socket: Socket, wanted: string): Promise<string> {
  let text = '';
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes(wanted)) resolve();
    });
  });
  return text;
}

/** A face that answers each request with its path when it is told to. */
function held(): { readonly face: Face; readonly asked: string[]; release(): void } {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const face: Face = {
    name: 'held',
    match: () => ['GET'],
    handle: async ({ url }) => {
      asked.push(url.pathname);
      await new Promise<void>((resolve) => void waiting.push(resolve));
      return { status: 200, headers: {}, body: `<${url.pathname}>` };
    },
  };
  return { face, asked, release: () => waiting.shift()?.() };
}

async function serveHeld(
  maxPipelined?: number,
): Promise<ReturnType<typeof held> & { readonly port: number; readonly server: Server }> {
  const faces = held();
  const hub = new Hub({ log: new MemoryLog(), faces: [() => faces.face] });
  const server = createServer(hub, maxPipelined === undefined ? {} : { maxPipelined });
  return { ...faces, server, port: await serve(hub, server) };
}

test('pipelined requests are answered in order', async () => {
  const hub = await startHub();
  const socket = open(hub.port);
  const post = (n: number): string => `${head('/topics/a', 'POST')}Content-Length: 1\r\n\r\n${n}`;
  const expectContinue = `${head('/topics/a', 'POST')}Content-Length: 1\r\nExpect: 100-continue\r\n\r\n9`;
  const last = `${head('/nothing', 'DELETE')}Connection: close\r\n\r\n`;
  socket.write(post(1) + post(2) + get('/nothing') + expectContinue + get('/healthz') + last);
  const answer = await readUntil(socket, 'never');
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  expect(statuses).toEqual([200, 200, 404, 100, 200, 200, 404]);
  const places = [1, 2, 3].map((n) => answer.indexOf(hub.cursor(n)));
  expect(places).toEqual(places.filter((place) => place > 0).toSorted((x, y) => x - y));
});

test('a pipelined request begins when the one before it is answered', async () => {
  const { server, port, asked, release } = await serveHeld();
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const socket = open(port);
  socket.write(get('/1') + get('/2') + get('/3'));
  await expect.poll(() => asked).toEqual(['/1']);
  // A request of another connection, which came later, does not wait.
  const other = open(port);
  other.write(get('/other'));
  await expect.poll(() => asked).toEqual(['/1', '/other']);
  release();
  await readUntil(socket, '</1>');
  await expect.poll(() => asked).toEqual(['/1', '/other', '/2']);
  // What waits is dropped with its connection.
  const [served] = await connected;
  const closed = once(served, 'close');
  socket.destroy();
  await closed;
  release();
  release();
  other.write(get('/last'));
  await expect.poll(() => asked).toEqual(['/1', '/other', '/2', '/last']);
});

test('a connection on which too many requests wait is closed', async () => {
  const { port, asked, release } = await serveHeld(2);
  const patient = open(port);
  patient.write(get('/1') + get('/2') + get('/3'));
  await expect.poll(() => asked).toEqual(['/1']);
  const socket = open(port);
  socket.write(get('/a') + get('/b') + get('/c') + get('/d') + get('/e'));
  await once(socket.resume(), 'close');
  expect(asked).toEqual(['/1', '/a']);
  for (const path of ['/1', '/2', '/3']) {
    const answered = readUntil(patient, `<${path}>`);
    await expect.poll(() => asked).toContain(path);
    release();
    // The one of the closed connection.
    if (path === '/1') release();
    expect(await answered).toContain(`<${path}>`);
  }
});

test('a pipelined listener behind a stream takes no place', async () => {
  const hub = await startHub({ limits: { maxListeners: 2 } });
  const socket = open(hub.port);
  socket.write(get('/topics/a').repeat(5));
  expect(await readUntil(socket, '\r\n\r\n')).toContain('200 OK');
  const other = open(hub.port);
  other.write(get('/topics/a'));
  expect(await readUntil(other, '\r\n\r\n')).toContain('200 OK');
});

test('pipelined requests that nobody reads the answers of are not handled', async () => {
  let handled = 0;
  const body = 'x'.repeat(16 * 1024 * 1024);
  const face: Face = {
    name: 'large',
    match: () => ['GET'],
    handle: () => {
      handled += 1;
      return { status: 200, headers: {}, body };
    },
  };
  const hub = new Hub({ log: new MemoryLog(), faces: [() => face] });
  const socket = open(await serve(hub));
  const closed = once(socket, 'close');
  socket.write(get('/').repeat(1625));
  await closed;
  expect(handled).toBeLessThanOrEqual(1);
});
