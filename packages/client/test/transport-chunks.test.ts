import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import * as net from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { EventSource, subscribe } from '@tidings/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { runtimes } from '../../../test/runtimes.ts';
import { makeCertificate } from '../../server/test/certificate.ts';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';
import { ScriptedServer } from './scripted-server.ts';

const HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
const LAST = '0\r\n\r\n';

function chunk(data: string, extension = ''): string {
  return `${Buffer.byteLength(data).toString(16)}${extension}\r\n${data}\r\n`;
}

interface Answer {
  readonly name: string;
  readonly text: string;
  readonly events: string;
  readonly ends: 'ERR_STREAM_ENDED' | 'ERR_NETWORK';
}

const [A, B, C] = ['a', 'b', 'c'].map((data) => chunk(`data: ${data}\n\n`)) as [string, string, string];

const answers: readonly Answer[] = [
  { name: 'a chunk for each event', text: HEAD + A + B + C + LAST, events: 'a b c', ends: 'ERR_STREAM_ENDED' },
  {
    name: 'an event in several chunks',
    text: HEAD + chunk('da') + chunk('ta') + chunk(': é') + chunk('\n') + chunk('\n') + LAST,
    events: 'é',
    ends: 'ERR_STREAM_ENDED',
  },
  {
    name: 'sizes in capitals and with zeros',
    text: `${HEAD}0000A\r\ndata: abc\n\r\n001\r\n\n\r\n${B}${LAST}`,
    events: 'abc b',
    ends: 'ERR_STREAM_ENDED',
  },
  {
    name: 'an extension between plain chunks',
    text: HEAD + A + chunk('data: b\n\n', ';name=value') + C + LAST,
    events: 'a b c',
    ends: 'ERR_STREAM_ENDED',
  },
  { name: 'trailers', text: `${HEAD}${A}0\r\nX-Trailer: 1\r\n\r\n`, events: 'a', ends: 'ERR_STREAM_ENDED' },
  { name: 'no chunk', text: HEAD + LAST, events: '', ends: 'ERR_STREAM_ENDED' },
  {
    name: 'an interim response',
    text: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${HEAD}${A}${LAST}`,
    events: 'a',
    ends: 'ERR_STREAM_ENDED',
  },
  { name: 'an end within a chunk', text: `${HEAD}${A}9\r\ndata`, events: 'a', ends: 'ERR_NETWORK' },
  { name: 'an end behind a chunk', text: HEAD + A, events: 'a', ends: 'ERR_NETWORK' },
  { name: 'a size that is no number', text: `${HEAD}${A}x\r\ndata: b\n\n\r\n`, events: 'a', ends: 'ERR_NETWORK' },
  { name: 'no size', text: `${HEAD}${A}\r\ndata: b\n\n\r\n`, events: 'a', ends: 'ERR_NETWORK' },
  {
    name: 'a chunk longer than its size',
    text: `${HEAD}${A}9\r\ndata: b\n\nx\r\n`,
    events: 'a b',
    ends: 'ERR_NETWORK',
  },
];

/** Writes each piece in a turn of its own. */
async function writeAll(socket: net.Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    if (!socket.destroyed) socket.write(piece);
    await nextTurn();
  }
  socket.end();
}

/** A server that answers the path /NUMBER/HOW with one of the answers, in one write or byte by byte. */
function listenWithAnswers(): net.Server {
  return net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (request) => {
      const [, number, how] = request.toString('latin1').split(' ')[1]!.split('/');
      const bytes = Buffer.from(answers[Number(number)]!.text);
      void writeAll(socket, how === 'whole' ? [bytes] : Array.from(bytes, (byte) => Buffer.of(byte)));
    });
  });
}

/** Prints for each answer, whole and byte by byte, its events and how it ended. */
const PROGRAM = `
  import { subscribe } from '@tidings/client';
  const [origin, count] = args;
  for (let number = 0; number < count; number++) {
    for (const how of ['whole', 'in-bytes']) {
      const seen = [];
      let ends;
      const onState = ({ error }) => (ends = error?.code ?? ends);
      try {
        for await (const { data } of subscribe(origin + '/' + number + '/' + how, { onState, retry: { maxAttempts: 1 } })) {
          seen.push(data);
        }
      } catch (error) {
        ends = error.code;
      }
      console.log(JSON.stringify([number, how, seen.join(' '), ends ?? 'ERR_STREAM_ENDED']));
    }
  }`;

describe.each(runtimes)('a stream in chunks on $title', (runtime) => {
  let installed: InstalledClient;
  const found = new Map<string, unknown>();
  // What others make of a body that is malformed is theirs.
  const checked = runtime.kind === 'node' ? answers : answers.filter(({ ends }) => ends === 'ERR_STREAM_ENDED');

  beforeAll(async () => {
    if (runtime.missing) return;
    installed = new InstalledClient();
    const server = listenWithAnswers();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const args = [url, `${answers.length}`];
    const { lines } = await runProgram(runtime, installed, PROGRAM, { args });
    for (const line of lines) {
      const [number, how, ...result] = JSON.parse(line) as [number, string, string, string];
      found.set(`${number} ${how}`, result);
    }
    server.close();
  });

  afterAll(() => installed?.[Symbol.dispose]());

  test.skipIf(runtime.missing).each(checked)('with $name is read, whole and byte by byte', (answer) => {
    const number = answers.indexOf(answer);
    expect(found.get(`${number} whole`)).toEqual([answer.events, answer.ends]);
    expect(found.get(`${number} in-bytes`)).toEqual([answer.events, answer.ends]);
  });
});

async function take(url: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const { data } of subscribe(url)) {
    seen.push(data);
    if (seen.length === count) break;
  }
  return seen;
}

async function portOf(server: net.Server | http.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

const EVENTS = 500;
const numbers = Array.from({ length: EVENTS }, (_, number) => `${number}`);
const blocks = numbers.map((number) => `data: ${number}\n\n`);

/** Writes many events at once, each as a chunk of its own. */
function answerAtOnce(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const block of blocks) response.write(block);
}

/** Prints in how many pieces a response came, and its events. */
const COUNTED = `
  import http from 'node:http';
  import { subscribe } from '@tidings/client';
  const { push } = http.IncomingMessage.prototype;
  let pieces = 0;
  http.IncomingMessage.prototype.push = function (...parameters) {
    pieces += 1;
    return push.apply(this, parameters);
  };
  const seen = [];
  for await (const { data } of subscribe(args[0])) {
    if (seen.push(data) === Number(args[1])) break;
  }
  console.log(JSON.stringify({ pieces, seen }));`;

describe.each(runtimes.filter(({ kind }) => kind === 'node'))('chunks that arrive together on $title', (runtime) => {
  test.skipIf(runtime.missing)('reach the stream of node:http in few pieces', async () => {
    using installed = new InstalledClient();
    await using server = await ScriptedServer.listen([[HEAD + blocks.map((block) => chunk(block)).join('')]]);
    const { lines } = await runProgram(runtime, installed, COUNTED, { args: [server.origin, `${EVENTS}`] });
    const { pieces, seen } = JSON.parse(lines[0]!) as { pieces: number; seen: string[] };
    expect(seen).toEqual(numbers);
    expect(pieces).toBeGreaterThan(0);
    expect(pieces).toBeLessThan(EVENTS / 10);
  });
});

describe('chunks', () => {
  test('are read over TLS, too', { skip: isMissing('openssl') }, async () => {
    const { key, cert } = makeCertificate();
    const server = https.createServer({ key, cert }, answerAtOnce);
    const port = await portOf(server);
    const { options } = https.globalAgent;
    const push = vi.spyOn(http.IncomingMessage.prototype, 'push');
    try {
      options.ca = cert;
      options.checkServerIdentity = () => undefined;
      expect(await take(`https://127.0.0.1:${port}/`, EVENTS)).toEqual(numbers);
      expect(push.mock.calls.length).toBeGreaterThan(0);
      expect(push.mock.calls.length).toBeLessThan(EVENTS / 10);
    } finally {
      push.mockRestore();
      delete options.ca;
      delete options.checkServerIdentity;
      server.close();
      server.closeAllConnections();
    }
  });

  test('in gzip are read event by event', async () => {
    let send: (text: string) => void = () => {};
    const server = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      const encoder = zlib.createGzip();
      encoder.pipe(response);
      send = (text) => {
        encoder.write(text);
        encoder.flush();
      };
      send('data: 0\n\n');
    });
    const port = await portOf(server);
    const seen: string[] = [];
    for await (const { data } of subscribe(`http://127.0.0.1:${port}/`)) {
      seen.push(data);
      if (data === '5') break;
      send(`data: ${Number(data) + 1}\n\n`); // sent only after the one before has arrived
    }
    expect(seen).toEqual(['0', '1', '2', '3', '4', '5']);
    server.close();
    server.closeAllConnections();
  });

  test('that end leave their socket to the next request', async () => {
    let connections = 0;
    let requests = 0;
    const server = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`retry: 100\ndata: ${++requests}\n\n`);
    });
    server.on('connection', () => void connections++);
    const port = await portOf(server);
    expect(await take(`http://127.0.0.1:${port}/`, 3)).toEqual(['1', '2', '3']);
    expect(connections).toBe(1);
    server.close();
    server.closeAllConnections();
  });

  test('are no longer awaited once the source is closed within one', async () => {
    await using server = await ScriptedServer.listen([[`${HEAD}${A}ffff\r\ndata`]]);
    const source = new EventSource(server.origin);
    await once(source, 'message');
    source.close();
    await server.deserted();
    expect(server.requests).toHaveLength(1);
  });

  test('of a server that is ahead stay in the sockets until they are wanted, and none is lost', async () => {
    const COUNT = 4_096;
    const BYTES = 8_192;
    // What the kernel keeps of a loopback connection in both directions, and Node's own buffers.
    const AHEAD_AT_MOST = 12 * 1024 * 1024;
    let sent = 0;
    const pour = async (response: http.ServerResponse): Promise<void> => {
      const closed = once(response, 'close');
      for (let number = 0; number < COUNT && !response.destroyed; number++) {
        sent = number * BYTES - response.writableLength;
        const block = `id: ${number}\ndata: ${'x'.repeat(BYTES)}\n\n`;
        // Several at a time, so that the server is faster than its listener.
        if (!response.write(block) && number % 16 === 0) await Promise.race([once(response, 'drain'), closed]);
      }
    };
    const server = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      void pour(response);
    });
    const port = await portOf(server);
    let taken = 0;
    let furthest = 0;
    for await (const { lastEventId } of subscribe(`http://127.0.0.1:${port}/`, { maxQueuedEvents: 10 })) {
      expect(lastEventId).toBe(`${taken}`);
      furthest = Math.max(furthest, sent - ++taken * BYTES);
      if (taken === COUNT) break;
      await nextTurn();
    }
    expect(furthest).toBeLessThan(AHEAD_AT_MOST);
    server.close();
    server.closeAllConnections();
  });
});

/** The two ends of a connection that is no socket. It has the methods of one that every request calls. */
function connectedPair(): readonly [Duplex, Duplex] {
  const ends: Duplex[] = [0, 1].map((index) => {
    const end = new Duplex({
      read() {},
      write(bytes, _encoding, done) {
        ends[1 - index]!.push(bytes);
        done();
      },
      final(done) {
        ends[1 - index]!.push(null);
        done();
      },
    });
    return Object.assign(end, { setTimeout: () => {}, setKeepAlive: () => {} });
  });
  return [ends[0]!, ends[1]!];
}

describe('what stands in the place of node:http', () => {
  test('is asked, when a mock has replaced its request', async () => {
    const server = http.createServer(answerAtOnce);
    const original = http.request;
    const asked: string[] = [];
    http.request = ((url: URL, options: http.RequestOptions) => {
      asked.push(url.href);
      const [client, other] = connectedPair();
      server.emit('connection', other);
      return original(url, { ...options, createConnection: () => client });
    }) as typeof http.request;
    try {
      expect(await take('http://mocked.test/stream', EVENTS)).toEqual(numbers);
    } finally {
      http.request = original;
    }
    expect(asked).toEqual(['http://mocked.test/stream']);
  });

  test('reads along, when it listens to the socket', async () => {
    const server = http.createServer(answerAtOnce);
    const port = await portOf(server);
    const agent = http.globalAgent;
    const { createConnection } = agent;
    let read = '';
    agent.createConnection = (...parameters) => {
      const socket = createConnection.apply(agent, parameters) as net.Socket;
      return socket.on('data', (bytes) => void (read += `${bytes}`));
    };
    try {
      expect(await take(`http://127.0.0.1:${port}/`, EVENTS)).toEqual(numbers);
    } finally {
      agent.createConnection = createConnection;
    }
    expect(read).toContain(`\r\n${chunk(blocks[0]!)}${chunk(blocks[1]!)}`);
    server.close();
    server.closeAllConnections();
  });
});
