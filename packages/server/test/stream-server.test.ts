import { Channel } from '@tidings/server';
import { createServer, eventStream, respond, type StreamServerOptions as ServerOptions } from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';
import { channel as diagnosticsChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { deferred, type Deferred } from './deferred.ts';
import { halted, parseChunked, type RawClient, TestServer, until, type Handler } from './test-server.ts';

/** One response of eventStream, that says `open` and waits for a word. */
interface Stream {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly said: Deferred<void>;
  readonly outcome: Promise<void>;
}

async function listen(handler: Handler, options: ServerOptions = {}): Promise<TestServer> {
  return await TestServer.listen(handler, 'tcp', (own) => createServer(own, options));
}

/** Begins a stream; whether its socket was taken is seen on its response, which has ended for http. */
function begin(request: IncomingMessage, response: ServerResponse): Stream {
  const said = deferred();
  const outcome = eventStream(request, response, async function* (): AsyncGenerator<EventFields> {
    yield { data: 'open' };
    await said.promise;
    yield { data: 'said' };
  });
  outcome.catch(() => {});
  return { request, response, said, outcome };
}

function isTaken({ response }: Stream): boolean {
  return response.writableFinished && response.socket === null;
}

/** Asks a server for a stream, and waits until its socket was taken. */
async function open(server: TestServer, streams: Stream[], version = '1.1'): Promise<[Stream, RawClient]> {
  const client = server.connect();
  client.get('/', { version });
  await client.until('data: open\n\n');
  const stream = streams.at(-1)!;
  await until(() => isTaken(stream));
  return [stream, client];
}

async function serve(options: ServerOptions = {}): Promise<{ server: TestServer; streams: Stream[] }> {
  const streams: Stream[] = [];
  const server = await listen((request, response) => void streams.push(begin(request, response)), options);
  return { server, streams };
}

describe('a stream that http has let go of', () => {
  test('goes on, ends with its last chunk, and the connection with it, as its head has said', async () => {
    const { server, streams } = await serve();
    await using _ = server;
    const [stream, client] = await open(server, streams);
    stream.said.resolve();
    await client.closed;
    await stream.outcome;
    const { headers, body, complete, rest } = parseChunked(client.received);
    expect(headers.get('connection')).toBe('close');
    expect({ body, complete, rest }).toEqual({ body: ':\n\ndata: open\n\ndata: said\n\n', complete: true, rest: '' });
    expect(await connections(server.server)).toBe(0);
  });

  test('has nothing left on the connection that http had, which stays until the old generation is collected', async () => {
    const { server, streams } = await serve();
    await using _ = server;
    const [{ request }] = await open(server, streams);
    const { socket } = request;
    await until(() => socket.destroyed && socket.listenerCount('data') === 0);
    expect(socket.eventNames()).toEqual([]);
  });

  test('on HTTP/1.0 has no chunks', async () => {
    const { server, streams } = await serve();
    await using _ = server;
    const [stream, client] = await open(server, streams, '1.0');
    stream.said.resolve();
    await client.closed;
    const [head, body] = client.received.split(/\r\n\r\n(.*)/s);
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(body).toBe(':\n\ndata: open\n\ndata: said\n\n');
  });

  test.each(['1.1', '1.0'])('looks cut on HTTP/%s when its source throws', async (version) => {
    const { server, streams } = await serve();
    await using _ = server;
    const [stream, client] = await open(server, streams, version);
    const errors: (string | undefined)[] = [];
    client.socket.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
    stream.said.reject(new Error('the source broke'));
    await client.closed;
    await expect(stream.outcome).rejects.toThrow('the source broke');
    expect(client.received).not.toContain('\r\n0\r\n');
    expect(errors).toEqual(version === '1.0' ? ['ECONNRESET'] : []);
  });

  test.each<[string, (client: RawClient, server: TestServer) => void]>([
    ['says that it sends nothing more', ({ socket }) => void socket.end()],
    ['resets the connection', ({ socket }) => void socket.resetAndDestroy()],
    ['goes', ({ socket }) => void socket.destroy()],
    ['is cut off by the server', (_, { server }) => server.closeAllConnections()],
  ])('is over when its listener %s', async (_name, leave) => {
    const { server, streams } = await serve();
    await using _ = server;
    const [stream, client] = await open(server, streams);
    leave(client, server);
    await stream.outcome;
    await client.closed;
    await until(() => client.socket.closed);
    expect(client.received).not.toContain('said');
  });

  test('is over when its listener has closed one half of the connection, and reads on', async () => {
    const { server, streams } = await serve();
    await using _ = server;
    const { port } = new URL(server.url);
    const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
    await until(() => streams.length === 1 && isTaken(streams[0]!));
    socket.end();
    await streams[0]!.outcome;
    const [hadError] = await once(socket.resume(), 'close');
    expect(hadError).toBe(false);
  });

  test('is a listener of its channel until it goes', async () => {
    const channel = new Channel({ keepAliveMs: 0 });
    const responses: ServerResponse[] = [];
    await using server = await listen((request, response) => {
      responses.push(response);
      void respond(channel, request, response);
    });
    const client = server.connect();
    client.get();
    await until(() => responses[0]?.writableFinished === true);
    await channel.publish({ data: 'one' });
    await client.until('data: one\n\n');
    expect(channel.listeners).toBe(1);
    client.socket.destroy();
    await until(() => channel.listeners === 0);
  });

  test('does not read what comes behind its request, and takes only so much of it', async () => {
    const { server, streams } = await serve();
    await using _ = server;
    const [stream, client] = await open(server, streams);
    client.get('/second');
    client.socket.write('not HTTP\r\n\r\n');
    const errors: unknown[] = [];
    server.server.on('clientError', (error) => errors.push(error));
    stream.said.resolve();
    await client.closed;
    await stream.outcome;
    expect([parseChunked(client.received).complete, streams.length]).toEqual([true, 1]);

    const [endless, flooding] = await open(server, streams);
    flooding.socket.write(Buffer.alloc(100_000));
    await endless.outcome;
    await flooding.closed;
    expect([parseChunked(flooding.received).complete, streams.length, errors]).toEqual([false, 2, []]);
  });

  test('is all that its connection answers, also where another request came in the same packet', async () => {
    const { server, streams } = await serve();
    await using _ = server;
    const client = server.connect();
    client.socket.write('GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\n');
    await client.until('data: open\n\n');
    for (const { said } of streams) said.resolve();
    await client.closed;
    await Promise.all(streams.map(({ outcome }) => outcome));
    const { body, complete, rest } = parseChunked(client.received);
    expect([body, complete, rest]).toEqual([':\n\ndata: open\n\ndata: said\n\n', true, '']);
  });

  test('does not hinder the server to close, which waits for it, nor is it taken for idle or too slow', async () => {
    const { server, streams } = await serve({ connectionsCheckingInterval: 1, keepAliveTimeout: 1 });
    await using _ = server;
    const [stream, client] = await open(server, streams);
    Object.assign(server.server, { headersTimeout: 1, requestTimeout: 1 });
    const slow = server.connect();
    slow.socket.write('GET / HTTP/1.1\r\n');
    await slow.until('HTTP/1.1 408');
    let closed = false;
    server.server.close(() => {
      closed = true;
    });
    server.server.closeIdleConnections();
    await slow.closed;
    expect(closed).toBe(false);
    stream.said.resolve();
    await client.closed;
    await until(() => closed);
    expect(parseChunked(client.received).complete).toBe(true);
  });

  test.each(['1.1', '1.0'])('on HTTP/%s holds its source back while nobody reads', async (version) => {
    const event = 'x'.repeat(64 * 1024);
    const [count, total] = [{ made: 0 }, 300];
    const responses: ServerResponse[] = [];
    const go = deferred();
    const outcomes: Promise<void>[] = [];
    const source = async function* (): AsyncGenerator<EventFields> {
      await go.promise;
      for (; count.made < total; count.made += 1) yield { data: event };
    };
    const handler: Handler = (request, response) => {
      responses.push(response);
      outcomes.push(eventStream(request, response, source));
    };
    await using server = await TestServer.listen(handler, 'unix', createServer);
    const client = server.connect();
    client.socket.pause();
    client.get('/', { version });
    await until(() => responses[0]?.writableFinished === true);
    go.resolve();
    await until(() => count.made > 0);
    expect(await halted(() => count.made)).toBeLessThan(total / 5);
    client.socket.resume();
    await client.closed;
    await outcomes[0];
    expect(client.received.split(event)).toHaveLength(total + 1);
  });
});

describe('who else wants to know what becomes of a response keeps http’s hold of it', () => {
  type Told = () => void;
  test.each<[string, (stream: Stream, told: Told) => void]>([
    ['listens to its close', ({ response }, told) => response.on('close', told)],
    ['listens to its finish', ({ response }, told) => response.on('finish', told)],
    ['listens to its request’s close', ({ request }, told) => request.on('close', told)],
    ['listens to its socket’s close', ({ request }, told) => request.socket.on('close', told)],
    [
      'has put its own end in place',
      ({ response }, told) => {
        const end = response.end.bind(response);
        response.end = (): ServerResponse => {
          told();
          return end();
        };
      },
    ],
    [
      'subscribes to what http finishes',
      (_, told) => diagnosticsChannel('http.server.response.finish').subscribe(told),
    ],
  ])('that %s', async (name, watch) => {
    let count = 0;
    const told = (): void => {
      count += 1;
    };
    const streams: Stream[] = [];
    await using server = await listen((request, response) => {
      const stream = begin(request, response);
      streams.push(stream);
      // After the head, in the same turn.
      watch(stream, told);
    });
    const client = server.connect();
    client.get();
    await client.until('data: open\n\n');
    await halted(() => count);
    expect([count, streams[0]!.response.writableEnded]).toEqual([0, false]);
    streams[0]!.said.resolve();
    await client.closed;
    await streams[0]!.outcome;
    expect(parseChunked(client.received).complete).toBe(true);
    await until(() => count === 1);
    diagnosticsChannel('http.server.response.finish').unsubscribe(told);
    expect(name).toBeDefined();
  });

  test('also in place of somebody who wanted to know something else before', async () => {
    const streams: Stream[] = [];
    const noted = (): void => {};
    let count = 0;
    await using server = await listen((request, response) => {
      streams.push(begin(request, response));
      // As many listen as before, but to other things.
      response.off('close', noted);
      request.on('close', () => {
        count += 1;
      });
    });
    server.server.prependListener('request', (_, response: ServerResponse) => response.on('close', noted));
    const client = server.connect();
    client.get();
    await client.until('data: open\n\n');
    await halted(() => count);
    expect([count, streams[0]!.response.writableEnded]).toEqual([0, false]);
    streams[0]!.said.resolve();
    await client.closed;
    await until(() => count === 1);
  });

  test('and may end it', async () => {
    const streams: Stream[] = [];
    await using server = await listen((request, response) => {
      streams.push(begin(request, response));
      response.on('close', () => {});
    });
    const client = server.connect();
    client.get();
    await client.until('data: open\n\n');
    await halted(() => 0);
    const [stream] = streams;
    stream!.response.end();
    stream!.said.resolve();
    await client.closed;
    await stream!.outcome;
    const { body, complete, rest } = parseChunked(client.received);
    expect([body, complete, rest]).toEqual([':\n\ndata: open\n\n', true, '']);
  });

  test('as does a body that nobody has read yet', async () => {
    const go = deferred();
    const bodies: string[] = [];
    const responses: ServerResponse[] = [];
    await using server = await listen((request, response) => {
      responses.push(response);
      void eventStream(request, response, async function* () {
        yield { data: 'open' };
        await go.promise;
        for await (const chunk of request) bodies.push(String(chunk));
      });
    });
    const client = server.connect();
    client.socket.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello');
    await client.until('data: open\n\n');
    await halted(() => 0);
    expect(responses[0]!.writableEnded).toBe(false);
    go.resolve();
    await client.until('0\r\n\r\n');
    expect(bodies).toEqual(['hello']);
  });

  test('but not one that was read', async () => {
    const streams: Stream[] = [];
    await using server = await listen((request, response) => {
      request.resume().once('end', () => setImmediate(() => streams.push(begin(request, response))));
    });
    const client = server.connect();
    client.socket.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello');
    await until(() => streams.length === 1 && isTaken(streams[0]!));
    streams[0]!.said.resolve();
    await client.closed;
    expect(parseChunked(client.received).complete).toBe(true);
  });
});

describe.each<[string, (handler: Handler, options?: ServerOptions) => Server]>([
  ['a server of its own', createServer],
  ['node:http', (handler, options = {}) => createHttpServer(options, handler)],
])('what is no stream is as ever, on %s', (_name, make) => {
  const start = (handler: Handler, where: 'tcp' | 'unix' = 'tcp', options: ServerOptions = {}): Promise<TestServer> =>
    TestServer.listen(handler, where, (own) => make(own, options));

  /** Answers a body with itself. */
  const echo: Handler = (request, response) => {
    response.setHeader('X-From', String(request.socket.remoteAddress));
    request.pipe(response);
  };

  test('bodies of any size go both ways, and connections are used again', async () => {
    const sockets = new Set<unknown>();
    await using server = await start(echo);
    server.server.on('connection', (socket) => sockets.add(socket));
    for (const size of [0, 1, 70_000, 5_000_000]) {
      const body = 'é'.repeat(size);
      const response = await fetch(server.url, { method: 'POST', body });
      expect(response.headers.get('x-from')).toBe('127.0.0.1');
      expect((await response.text()) === body).toBe(true);
    }
    expect([...sockets].every((socket) => socket instanceof Socket)).toBe(true);
    expect(sockets.size).toBeLessThan(4);
  });

  test('pipelined ones are answered in order, those that are no HTTP with 400, and HEAD without a body', async () => {
    await using server = await start((request, response) => void response.end(`of ${request.url}`));
    const client = server.connect();
    const ask = (line: string): string => `${line} HTTP/1.1\r\nHost: test\r\n\r\n`;
    client.socket.write(['GET /1', 'HEAD /2', 'GET /3'].map(ask).join(''));
    await client.until('of /3');
    client.socket.write('not HTTP\r\n\r\n');
    await client.closed;
    const heads = client.received.split(/(?<=\r\n\r\n)/).map((part) => part.replace(/\r\n[^]*/, ''));
    expect(heads).toEqual([
      'HTTP/1.1 200 OK',
      'of /1HTTP/1.1 200 OK',
      'HTTP/1.1 200 OK',
      'of /3HTTP/1.1 400 Bad Request',
    ]);
  });

  test('one that asks first whether to go on is told so', async () => {
    await using server = await start(echo);
    const client = server.connect();
    client.socket.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.socket.write('ok');
    await client.until('\r\nok\r\n');
    client.socket.destroy();
    expect(client.received).toContain('HTTP/1.1 200 OK');
  });

  test('one that asks for another protocol gets the connection', async () => {
    await using server = await start(echo);
    server.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n');
      socket.on('data', (chunk: Buffer) => socket.end(chunk));
    });
    const client = server.connect();
    client.get('/', { headers: 'Upgrade: echo\r\nConnection: upgrade\r\n' });
    await client.until('\r\n\r\n');
    client.socket.write('hello');
    await client.closed;
    expect(client.received).toMatch(/\r\n\r\nhello$/);
  });

  test('a client that reads nothing holds the response back, and its going is told', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const gone = deferred();
    let written = 0;
    const handler: Handler = (_request, response) => {
      const write = (): void => {
        do written += 1;
        while (response.write(chunk));
      };
      response.on('drain', write).once('close', gone.resolve);
      write();
    };
    await using server = await start(handler, 'unix');
    const client = server.connect();
    client.socket.pause();
    client.get();
    await until(() => written > 0);
    expect(await halted(() => written)).toBeLessThan(50);
    client.socket.destroy();
    await gone.promise;
    expect(client.received).toBe('');
  });

  test('idle connections are closed after their time, and with the server', async () => {
    await using server = await start(echo, 'tcp', { keepAliveTimeout: 1 });
    const client = server.connect();
    client.get();
    await client.closed;
    server.server.keepAliveTimeout = 600_000;
    const idle = server.connect();
    idle.get();
    await idle.until('0\r\n\r\n');
    server.server.close();
    await idle.closed;
    expect(client.received.length).toBeGreaterThan(0);
  });
});

async function connections(server: Server): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

describe('large heads', () => {
  const LARGE = `GET /long HTTP/1.1\r\nHost: test\r\nX: ${'x'.repeat(20_000)}`;

  async function serveHeads(): Promise<TestServer> {
    return await listen((request, response) => void request.resume().on('end', () => response.end('answered')), {
      maxHeaderSize: 64 * 1024,
      maxLargeHeads: 2,
    });
  }

  test('that are not whole are bounded in number, and small ones are not', async () => {
    await using server = await serveHeads();
    const half = [server.connect(), server.connect()];
    for (const client of half) client.socket.write(LARGE);
    // The server has read both when it refuses a third.
    await expect
      .poll(async () => {
        const client = server.connect();
        client.socket.write(LARGE);
        client.socket.write('\r\n\r\n');
        return await client.until('\r\n\r\n');
      })
      .toMatch(/^HTTP\/1.1 503 /);
    const small = server.connect();
    small.get('/', { headers: 'Connection: close\r\n' });
    await small.closed;
    expect(small.received).toContain('answered');
    // A head that becomes whole makes room, and so does one whose connection is closed.
    half[0]!.socket.write('\r\n\r\n');
    await half[0]!.until('answered');
    half[1]!.socket.destroy();
    const next = server.connect();
    next.socket.write(LARGE);
    next.socket.write('\r\nConnection: close\r\n\r\n');
    await next.closed;
    expect(next.received).toContain('answered');
  });

  test('are not bodies, also where a client waits to be asked for its body', async () => {
    await using server = await serveHeads();
    server.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      request.resume().on('end', () => response.end('answered'));
    });
    const clients = Array.from({ length: 4 }, () => server.connect());
    for (const { socket } of clients) {
      socket.write('POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 40000\r\n\r\n');
    }
    for (const client of clients) {
      await client.until('100 Continue');
      client.socket.write('x'.repeat(39_999));
    }
    for (const client of clients) {
      client.socket.write('x');
      await client.until('answered');
      // The connection goes on with the next head.
      client.socket.write(`${LARGE}\r\n\r\n`);
      await client.untilTrue((received) => received.split('answered').length === 3, 'a second answer');
      expect(client.received).not.toContain(' 503 ');
    }
  });
});
