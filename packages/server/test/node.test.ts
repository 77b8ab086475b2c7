import { ServerError } from '@tidings/server';
import {
  createServer as createStreamServer,
  eventStream,
  nodeHead,
  startResponse,
  type EventStreamHandle,
  type EventStreamOptions,
  type EventStreamSource,
} from '@tidings/server/node';
import { decodeEventStream, type EventFields, type EventMessage } from '@tidings/wire';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createGzip } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { deferred } from './deferred.ts';
import { halted, parseChunked, TestServer, until } from './test-server.ts';

/** A server whose every response is the source's events; what becomes of each is added to the outcomes. */
async function serve(
  outcomes: Promise<void>[],
  source: () => EventStreamSource,
  { where, ...options }: EventStreamOptions & { where?: 'tcp' | 'unix' } = {},
): Promise<TestServer> {
  return await TestServer.listen((request, response) => {
    const outcome = eventStream(request, response, source(), options);
    outcome.catch(() => {});
    outcomes.push(outcome);
  }, where);
}

async function* numbers(count: number): AsyncGenerator<EventFields> {
  for (let n = 1; n <= count; n += 1) yield { data: String(n) };
}

/** A source that waits without end after its events, and tells when its `finally` has run. */
function waiting(...events: EventFields[]): {
  source: EventStreamSource;
  finished: Promise<void>;
  asked: () => number;
} {
  const { promise, resolve } = deferred();
  let asked = 0;
  const source = async function* ({ signal }: EventStreamHandle): AsyncGenerator<EventFields> {
    try {
      for (const event of events) {
        asked += 1;
        yield event;
      }
      asked += 1;
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      resolve();
    }
  };
  return { source, finished: promise, asked: () => asked };
}

async function read(response: Response): Promise<EventMessage[]> {
  const events: EventMessage[] = [];
  for await (const event of decodeEventStream(response.body!)) events.push(event);
  return events;
}

describe('eventStream on HTTP/1.1', () => {
  test('sends the head and a first byte of body before the source has anything to say', async () => {
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => waiting().source, { headers: { 'X-Test': 'yes' } });
    const client = server.connect();
    client.get();
    const { status, headers, body, complete } = parseChunked(await client.until(':\n\n\r\n'));
    expect({ status, body, complete }).toEqual({ status: 200, body: ':\n\n', complete: false });
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'transfer-encoding': 'chunked',
      'x-test': 'yes',
    });
    client.socket.destroy();
    await outcomes[0];
  });

  test('frames every chunk validly and ends with the last chunk', async () => {
    const events: EventFields[] = [
      { data: 'a\nb', id: '1' },
      { data: 'ünï→🎉' },
      { data: 'x'.repeat(70_000) },
      { retry: 5 },
    ];
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, async function* () {
      yield* events;
    });
    const client = server.connect();
    client.get('/', { headers: 'Connection: close\r\n' });
    await client.closed;
    const { body, chunks, complete, rest } = parseChunked(client.received);
    expect({ chunks, complete, rest }).toEqual({ chunks: 5, complete: true, rest: '' });
    const text = Buffer.from(body, 'latin1').toString();
    expect(text).toBe(`:\n\nid: 1\ndata: a\ndata: b\n\ndata: ünï→🎉\n\ndata: ${'x'.repeat(70_000)}\n\nretry: 5\n\n`);
    await outcomes[0];
  });

  test('is read by fetch, many events and all of them', async () => {
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => numbers(20_000));
    const events = await read(await fetch(server.url));
    expect(events.map((event) => Number(event.data))).toEqual(Array.from({ length: 20_000 }, (_, index) => index + 1));
    await outcomes[0];
  });

  test('leaves a connection that can be used again', async () => {
    await using server = await serve([], () => numbers(2));
    const client = server.connect();
    client.get('/first');
    await client.until('\r\n0\r\n\r\n');
    client.get('/second', { headers: 'Connection: close\r\n' });
    await client.closed;
    const first = parseChunked(client.received);
    const second = parseChunked(first.rest);
    expect([first.body, second.body]).toEqual([':\n\ndata: 1\n\ndata: 2\n\n', ':\n\ndata: 1\n\ndata: 2\n\n']);
    expect([first.complete, second.complete, second.rest]).toEqual([true, true, '']);
  });

  test('keeps pipelined responses apart', async () => {
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => numbers(50));
    const client = server.connect();
    for (const path of ['/1', '/2', '/3']) client.get(path, { headers: path === '/3' ? 'Connection: close\r\n' : '' });
    await client.closed;
    await Promise.all(outcomes);
    let rest = client.received;
    const expected = `:\n\n${Array.from({ length: 50 }, (_, index) => `data: ${index + 1}\n\n`).join('')}`;
    for (let n = 1; n <= 3; n += 1) {
      const response = parseChunked(rest);
      expect([response.body, response.complete]).toEqual([expected, true]);
      rest = response.rest;
    }
    expect(rest).toBe('');
  });

  test('runs the source’s finally and fulfils when the listener goes', async () => {
    const { source, finished } = waiting({ data: '1' });
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => source);
    const client = server.connect();
    client.get();
    await client.until('data: 1');
    client.socket.destroy();
    await expect(outcomes[0]).resolves.toBeUndefined();
    await finished;
  });

  test('fulfils for every pipelined request when their listener goes', async () => {
    const all = [waiting({ data: '1' }), waiting({ data: '2' })];
    const sources = [...all];
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => sources.shift()!.source);
    const client = server.connect();
    client.get('/1');
    client.get('/2');
    await client.until('data: 1');
    await until(() => outcomes.length === 2);
    client.socket.destroy();
    await Promise.all([...outcomes, ...all.map(({ finished }) => finished)]);
    expect(client.received).not.toContain('data: 2');
  });

  test('tells that the listener has gone once', async () => {
    const closed = deferred();
    let count = 0;
    await using server = await TestServer.listen((_request, response) => {
      startResponse(response, 200, {}).onClose = () => {
        count += 1;
        closed.resolve();
      };
    });
    const client = server.connect();
    client.get();
    await client.until('HTTP/1.1 200 OK');
    client.socket.destroy();
    await closed.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(count).toBe(1);
  });

  test('fulfils when the listener has gone before it was answered', async () => {
    const { source, asked } = waiting({ data: '1' });
    const { promise: outcome, resolve } = deferred();
    await using server = await TestServer.listen((request, response) => {
      request.socket.once('close', () => {
        setImmediate(() => resolve(eventStream(request, response, source)));
      });
      client.socket.destroy();
    });
    const client = server.connect();
    client.get();
    await outcome;
    expect(asked()).toBeLessThanOrEqual(1);
  });

  test('cuts the response off and rejects when the source throws', async () => {
    const failure = new Error('the source broke');
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, async function* () {
      yield { data: '1' };
      throw failure;
    });
    const client = server.connect();
    client.get();
    await client.closed;
    await expect(outcomes[0]).rejects.toBe(failure);
    expect(client.received).not.toContain('\r\n0\r\n');
    await expect(fetch(server.url).then((response) => response.text())).rejects.toThrow('terminated');
  });

  test('cuts the response off and rejects when an event cannot be encoded', async () => {
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, async function* () {
      yield { id: 'a\nb' };
    });
    const client = server.connect();
    client.get();
    await client.closed;
    await expect(outcomes[0]).rejects.toMatchObject({ code: 'ERR_INVALID_FIELD' });
    expect(client.received).not.toContain('\r\n0\r\n');
  });

  test('keeps a silent stream alive with comments, and not one that speaks', async () => {
    const { source } = waiting({ data: '1' });
    await using server = await serve([], () => source, { keepAliveMs: 20 });
    const client = server.connect();
    client.get();
    const received = await client.until('data: 1\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n');
    expect(parseChunked(received).body).toBe(':\n\ndata: 1\n\n:\n\n:\n\n');
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 31, '15' as unknown as number])(
    'rejects keepAliveMs %s and leaves the request to be answered',
    async (keepAliveMs) => {
      const { promise, resolve } = deferred<unknown>();
      await using server = await TestServer.listen((request, response) => {
        eventStream(request, response, numbers(1), { keepAliveMs }).catch((error: unknown) => {
          resolve(error);
          response.writeHead(500).end();
        });
      });
      expect((await fetch(server.url)).status).toBe(500);
      const error = await promise;
      expect(error).toBeInstanceOf(ServerError);
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    },
  );
});

describe('a listener that does not read', () => {
  const SIZE = 64 * 1024;
  const COUNT = 500;

  /** Makes events for as long as it is asked for them. */
  function counted(): { source: () => EventStreamSource; made: () => number } {
    let made = 0;
    const source = async function* (): AsyncGenerator<EventFields> {
      while (made < COUNT) {
        made += 1;
        yield { data: 'x'.repeat(SIZE) };
      }
    };
    return { source, made: () => made };
  }

  test.each(['1.1', '1.0'])(
    'on HTTP/%s stops the source until it reads again, and then gets everything',
    async (version) => {
      const { source, made } = counted();
      const outcomes: Promise<void>[] = [];
      await using server = await serve(outcomes, source, { where: 'unix' });
      const client = server.connect();
      client.socket.pause();
      client.get('/', { version, headers: 'Connection: close\r\n' });
      await until(() => made() > 0);
      expect(await halted(made)).toBeLessThan(COUNT / 10);
      client.socket.resume();
      await client.closed;
      await outcomes[0];
      expect(client.received.split('x'.repeat(SIZE))).toHaveLength(COUNT + 1);
    },
  );

  test('in a pipelined request stops its source until its turn comes', async () => {
    const first = deferred();
    const { source, made } = counted();
    const sources: EventStreamSource[] = [
      (async function* () {
        await first.promise;
        yield { data: 'first' };
      })(),
      source(),
    ];
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => sources.shift()!);
    const client = server.connect();
    client.get('/1');
    client.get('/2', { headers: 'Connection: close\r\n' });
    await until(() => made() > 0);
    expect(await halted(made)).toBeLessThan(COUNT / 10);
    first.resolve();
    await Promise.all(outcomes);
    await client.closed;
    const response = parseChunked(client.received);
    expect(response.body).toBe(':\n\ndata: first\n\n');
    const second = parseChunked(response.rest);
    expect([second.complete, second.body.length]).toEqual([true, 3 + COUNT * (SIZE + 'data: \n\n'.length)]);
  });

  test('has its source ended when it goes', async () => {
    const { source, made } = counted();
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, source, { where: 'unix' });
    const client = server.connect();
    client.socket.pause();
    client.get();
    await until(() => made() > 0);
    const before = await halted(made);
    client.socket.destroy();
    await outcomes[0];
    expect(made()).toBe(before);
  });
});

describe('eventStream on HTTP/1.0', () => {
  test('sends the events without chunks and ends with the connection', async () => {
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => numbers(3));
    const client = server.connect();
    client.get('/', { version: '1.0' });
    await client.closed;
    const [head = '', ...body] = client.received.split('\r\n\r\n');
    expect(head).toContain('Content-Type: text/event-stream');
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(body.join('')).toBe(':\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\n');
    await outcomes[0];
  });

  test('runs the source’s finally and fulfils when the listener goes', async () => {
    const { source, finished } = waiting({ data: '1' });
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, () => source);
    const client = server.connect();
    client.get('/', { version: '1.0' });
    await client.until('data: 1');
    client.socket.destroy();
    await expect(outcomes[0]).resolves.toBeUndefined();
    await finished;
  });

  test('resets the connection when the source throws, because its end alone would look like that of the response', async () => {
    const outcomes: Promise<void>[] = [];
    await using server = await serve(outcomes, async function* () {
      yield { data: '1' };
      throw new Error('the source broke');
    });
    const client = server.connect();
    const errors: string[] = [];
    client.socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    client.get('/', { version: '1.0' });
    await client.closed;
    await expect(outcomes[0]).rejects.toThrow('the source broke');
    expect(errors).toEqual(['ECONNRESET']);
  });
});

describe('a response that others have their hands on', () => {
  test('keeps the header fields that were put on it before, every Vary included', async () => {
    await using server = await TestServer.listen((request, response) => {
      response.setHeader('Vary', 'Accept-Encoding');
      response.setHeader('Set-Cookie', ['a=1', 'b=2']);
      const cors = { origins: ['https://a.example'] };
      void eventStream(request, response, numbers(1), { cors });
    });
    const { headers } = await fetch(server.url);
    expect(headers.get('vary')).toBe('Accept-Encoding, Origin');
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });

  test('is written through its own methods where a middleware codes it, and is flushed', async () => {
    const outcomes: Promise<void>[] = [];
    const { source } = waiting({ data: '1' });
    await using server = await TestServer.listen((request, response) => {
      // What compression middleware does: it announces a coding and has its own write, end and flush.
      const gzip = createGzip();
      const write = response.write.bind(response);
      gzip.on('data', (chunk: Buffer) => write(chunk));
      response.setHeader('Content-Encoding', 'gzip');
      Object.assign(response, {
        write: (chunk: Uint8Array) => gzip.write(chunk),
        flush: () => gzip.flush(),
      });
      outcomes.push(eventStream(request, response, source));
    });
    const left = new AbortController();
    const { body } = await fetch(server.url, { signal: left.signal });
    for await (const event of decodeEventStream(body!)) {
      expect(event.data).toBe('1');
      break;
    }
    left.abort();
    await outcomes[0];
  });

  test('is not written to any more when somebody else has ended it', async () => {
    const outcomes: Promise<void>[] = [];
    const go = deferred();
    await using server = await TestServer.listen((request, response) => {
      outcomes.push(
        eventStream(request, response, async function* () {
          yield { data: '1' };
          await go.promise;
          yield { data: '2' };
        }),
      );
      request.socket.once('data', () => {
        response.end();
        go.resolve();
      });
    });
    const client = server.connect();
    client.get();
    await client.until('data: 1');
    client.get('/second');
    await outcomes[0];
    await client.until('0\r\n\r\n');
    expect(parseChunked(client.received).body).toBe(':\n\ndata: 1\n\n');
  });
});

describe('the door of eventStream', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['a source that is none', { source: [1] }, 'The source of an event stream is an array'],
    ['a header of the connection', { headers: { Connection: 'keep-alive' } }, '"Connection" of the option headers'],
    ['another content type', { headers: { 'content-type': 'text/plain' } }, '"content-type" of the option headers'],
    ['a header value that would forge', { headers: { 'X-A': 'a\r\nX-B: b' } }, '"X-A" of the option headers'],
    ['a header name that is none', { headers: { 'X A': 'a' } }, '"X A" of the option headers'],
    ['headers that are no plain object', { headers: new Headers() }, 'must be a plain object'],
    [
      'an option that is none',
      { keepAlive: 5 },
      'no option "keepAlive"; allowed are headers, cors, compression, keepAliveMs',
    ],
    ['a backlog below zero', { maxBacklogBytes: -1 }, 'maxBacklogBytes is -1'],
    ['origins that are none', { cors: { origins: ['https://a.example/path'] } }, 'cors.origins has'],
  ])('refuses %s and leaves the request to be answered', async (_name, { source, ...options }, message) => {
    const { promise, resolve } = deferred<unknown>();
    await using server = await TestServer.listen((request, response) => {
      const given = (source ?? numbers(1)) as EventStreamSource;
      eventStream(request, response, given, options as EventStreamOptions).catch((error: unknown) => {
        resolve(error);
        response.writeHead(500).end();
      });
    });
    expect((await fetch(server.url)).status).toBe(500);
    expect(await promise).toMatchObject({ code: 'ERR_INVALID_OPTION', message: expect.stringContaining(message) });
  });
});

describe('the head of a request', () => {
  test.each([
    ['a server of Node’s', createServer],
    ['a server of ours', createStreamServer],
  ])('tells when the other side goes away before it was answered, on %s', async (_, make) => {
    const asked = deferred<() => void>();
    let gone = 0;
    await using server = await TestServer.listen(
      (request) => asked.resolve(nodeHead(request).onGone!(() => (gone += 1))),
      'tcp',
      make,
    );
    const client = server.connect();
    client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked.promise;
    expect(gone).toBe(0);
    client.socket.end();
    await until(() => gone === 1);
  });

  test('no longer tells who has an answer by then', async () => {
    const closed = deferred();
    let gone = 0;
    await using server = await TestServer.listen((request, response) => {
      const stop = nodeHead(request).onGone!(() => (gone += 1));
      stop();
      request.socket.once('close', () => closed.resolve());
      response.end();
    });
    await (await fetch(server.url, { headers: { Connection: 'close' } })).text();
    server.server.closeAllConnections();
    await closed.promise;
    expect(gone).toBe(0);
  });
});
