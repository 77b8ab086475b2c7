import { Channel } from '@tidings/server';
import * as streamForm from '@tidings/server/http2';
import {
  eventStream,
  nodeHead,
  respond,
  type EventStreamSource,
  type NodeRequest,
  type NodeResponse,
} from '@tidings/server/node';
import type { EventFields } from '@tidings/wire';
import { once, type EventEmitter } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { deferred, type Deferred } from './deferred.ts';
import { halted, until } from './test-server.ts';

/** A real HTTP/2 server and one connection to it. */
class Http2Pair {
  readonly #server: Http2Server;
  readonly #session: ClientHttp2Session;

  private constructor(server: Http2Server) {
    this.#server = server;
    this.#session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  static async listen(handler: (request: NodeRequest, response: NodeResponse) => void): Promise<Http2Pair> {
    const server = createServer(handler);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Http2Pair(server);
  }

  request(headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.#session.request({ ':path': '/', ...headers });
    stream.on('error', () => {});
    return stream;
  }

  async get(
    headers: Record<string, string> = {},
  ): Promise<{ stream: ClientHttp2Stream; headers: IncomingHttpHeaders }> {
    const stream = this.request(headers);
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    return { stream, headers: head };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function text(stream: ClientHttp2Stream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

async function serve(outcome: Deferred<void>, source: EventStreamSource): Promise<Http2Pair> {
  outcome.promise.catch(() => {});
  return await Http2Pair.listen((request, response) => {
    void eventStream(request, response, source).then(outcome.resolve, outcome.reject);
  });
}

describe('eventStream on HTTP/2', () => {
  test('sends the events and ends', async () => {
    const outcome = deferred();
    await using pair = await serve(outcome, async function* () {
      for (let n = 1; n <= 1000; n += 1) yield { data: String(n) };
    });
    const { stream, headers } = await pair.get();
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'text/event-stream' });
    expect((await text(stream)).split('\n\n')).toHaveLength(1002);
    expect(stream.rstCode).toBe(0);
    await outcome.promise;
  });

  test('cuts the stream off with an error and rejects when the source throws', async () => {
    const outcome = deferred();
    await using pair = await serve(outcome, async function* () {
      yield { data: '1' };
      throw new Error('the source broke');
    });
    const { stream } = await pair.get();
    await expect(text(stream)).rejects.toThrow(/INTERNAL_ERROR/);
    await expect(outcome.promise).rejects.toThrow('the source broke');
  });

  test('runs the source’s finally and fulfils when the listener goes', async () => {
    let finished = false;
    const outcome = deferred();
    await using pair = await serve(outcome, async function* ({ signal }): AsyncGenerator<EventFields> {
      try {
        yield { data: '1' };
        await once(signal, 'abort');
      } finally {
        finished = true;
      }
    });
    const { stream } = await pair.get();
    await once(stream, 'data');
    stream.close();
    await expect(outcome.promise).resolves.toBeUndefined();
    await until(() => finished);
  });

  test.each([
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['ENHANCE_YOUR_CALM', constants.NGHTTP2_ENHANCE_YOUR_CALM],
  ])('fulfils when the listener resets its stream with %s', async (_name, code) => {
    const outcome = deferred();
    const reading = deferred();
    await using pair = await serve(outcome, async function* ({ signal }): AsyncGenerator<EventFields> {
      try {
        yield { data: '1' };
        await once(signal, 'abort');
      } finally {
        reading.resolve();
      }
    });
    const { stream } = await pair.get();
    await once(stream, 'data');
    stream.close(code);
    await expect(outcome.promise).resolves.toBeUndefined();
    await reading.promise;
  });

  test('stops the source while the listener does not read, and then gives it everything', async () => {
    const size = 64 * 1024;
    let made = 0;
    const outcome = deferred();
    await using pair = await serve(outcome, async function* () {
      while (made < 300) {
        made += 1;
        yield { data: 'x'.repeat(size) };
      }
    });
    const { stream } = await pair.get();
    await until(() => made > 0);
    expect(await halted(() => made)).toBeLessThan(30);
    expect((await text(stream)).split('x'.repeat(size))).toHaveLength(301);
    await outcome.promise;
  });
});

describe('a channel on HTTP/2', () => {
  test('gives the events behind the last event ID, ends with the channel and then answers 204', async () => {
    const channel = new Channel();
    await using pair = await Http2Pair.listen((request, response) => {
      void respond(channel, request, response);
    });
    const first = await channel.publish({ data: '1' });
    const { stream } = await pair.get({ 'last-event-id': first });
    await channel.publish({ data: '2' });
    await channel.close({ data: '3', id: 'last' });
    expect(await text(stream)).toMatch(/^:\n\nid: .*\ndata: 2\n\nid: last\ndata: 3\n\n$/);
    const again = await pair.get({ 'last-event-id': 'last' });
    expect(again.headers[':status']).toBe(204);
  });
});

test('forty streams that do not read do not keep new ones out of their connection, and get everything when they read', async () => {
  const channel = new Channel({ history: { maxEvents: 1000, maxBytes: 2 ** 24 }, maxBacklogBytes: 2 ** 20 });
  await using pair = await Http2Pair.listen((request, response) => {
    void respond(channel, request, response);
  });
  const asleep = [];
  for (let n = 0; n < 40; n += 1) asleep.push((await pair.get()).stream);
  // All of one tick: a session that was given it for all of them would have 40 MB.
  const events = Array.from({ length: 50 }, (_, n) => `${n} ${'x'.repeat(20_000)}`);
  await Promise.all(events.map((data) => channel.publish({ data })));
  await until(() => channel.stats().delivered > 0);
  const { stream, headers } = await pair.get();
  expect(headers[':status']).toBe(200);
  stream.close();
  await channel.publish({ data: 'end' });
  const [one] = asleep;
  let received = '';
  for await (const chunk of one!) {
    received += String(chunk);
    if (received.endsWith('data: end\n\n')) break;
  }
  expect([...received.matchAll(/^data: (\d+) /gm)].map(([, n]) => Number(n))).toEqual(events.map((_, n) => n));
  await channel.close();
});

test.each(['a listener', 'a refusal'])(
  '%s of the stream form whose asker has gone meanwhile is no error',
  async (what) => {
    const asked = deferred();
    const decided = deferred<boolean>();
    const channel = new Channel({
      authenticate() {
        asked.resolve();
        return decided.promise;
      },
    });
    const outcome = deferred<unknown>();
    const server = createServer();
    server.on('stream', (stream, headers) => {
      outcome.resolve(streamForm.respond(channel, stream, headers).then(() => 'fulfilled'));
      stream.once('close', () => decided.resolve(what === 'a listener'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const request = session.request({ ':path': '/' });
    request.on('error', () => {});
    await asked.promise;
    request.close(constants.NGHTTP2_CANCEL);
    expect(await outcome.promise).toBe('fulfilled');
    // What it was promised is given back.
    await new Promise((resolve) => setImmediate(resolve));
    expect(channel.listeners).toBe(0);
    session.destroy();
    server.close();
    await once(server, 'close');
  },
);

test('the head of a request tells when its stream is reset before it was answered, though the connection stays', async () => {
  const asked = deferred();
  const gone = deferred();
  await using pair = await Http2Pair.listen((request) => {
    nodeHead(request).onGone!(() => gone.resolve());
    asked.resolve();
  });
  const stream = pair.request();
  await asked.promise;
  stream.close(constants.NGHTTP2_CANCEL);
  await expect(gone.promise).resolves.toBeUndefined();
});

test.each(['request and response', 'stream'])(
  'a listener that has left leaves nothing on its connection, which goes on: the form of %s',
  async (form) => {
    const channel = new Channel();
    const held: WeakRef<object>[] = [];
    const emitters: EventEmitter[] = [];
    const server = createServer();
    server.on('connection', (socket: EventEmitter) => emitters.push(socket));
    server.on('session', (session: EventEmitter) => emitters.push(session));
    if (form === 'stream') {
      server.on('stream', (stream, headers) => {
        held.push(new WeakRef(stream));
        void streamForm.respond(channel, stream, headers);
      });
    } else {
      server.on('request', (request, response) => {
        held.push(new WeakRef(request), new WeakRef(request.stream));
        void respond(channel, request, response);
      });
    }
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const comeAndGo = async (): Promise<void> => {
      const request = session.request({ ':path': '/' });
      request.on('error', () => {});
      await once(request, 'data');
      request.close(constants.NGHTTP2_CANCEL);
      await until(() => channel.listeners === 0);
    };
    const listening = (): number[] =>
      emitters.map((emitter) => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0));
    await comeAndGo();
    const before = listening();
    for (let count = 0; count < 30; count += 1) await comeAndGo();
    expect([emitters.length, listening()]).toEqual([2, before]);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // Node itself may still have the last one.
    await until(() => {
      collect();
      return held.filter((each) => each.deref() !== undefined).length <= 4;
    });
    session.destroy();
    server.close();
    await once(server, 'close');
  },
);

test.each(['request and response', 'stream'])(
  'who is asked about listeners while a connection ends is told no address, and that is no error: the form of %s',
  async (form) => {
    const channel = new Channel();
    const server = createServer();
    const ended = deferred<unknown>();
    if (form === 'stream') server.on('stream', (stream, headers) => void streamForm.respond(channel, stream, headers));
    else server.on('request', (asked, response) => void respond(channel, asked, response));
    server.on('session', (ending) => {
      // As soon as it is known: the listeners of the session are told later.
      ending.socket.once('close', () => {
        try {
          ended.resolve(channel.kick(({ address }) => address === undefined));
        } catch (error) {
          ended.resolve(error);
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const request = session.request({ ':path': '/' });
    request.on('error', () => {});
    await once(request, 'data');
    session.destroy();
    expect(await ended.promise).toBeTypeOf('number');
    server.close();
    await once(server, 'close');
  },
);
