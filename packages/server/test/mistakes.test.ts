import {
  type Authentication,
  Channel,
  eventStream,
  ServerError,
  toResponse,
  type EventStreamHandle,
  type EventStreamSource,
} from '@tidings/server';
import * as fastify from '@tidings/server/fastify';
import * as http2 from '@tidings/server/http2';
import * as koa from '@tidings/server/koa';
import { FanOut } from '@tidings/server/live';
import { entries, entryAt, type EventLog, MemoryLog, type NewEvent } from '@tidings/server/log';
import { eventLogCases, type LogCase, type LogFactory } from '@tidings/server/log/testing';
import * as nest from '@tidings/server/nest';
import * as node from '@tidings/server/node';
import { connect, createServer } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { deferred } from './deferred.ts';
import { TestServer } from './test-server.ts';

/** What a call that must be refused throws or rejects with. */
async function refusal(call: () => unknown): Promise<ServerError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(ServerError);
    return error as ServerError;
  }
  throw new Error('Nothing was refused');
}

async function expectInvalid(call: () => unknown, message: RegExp): Promise<void> {
  const error = await refusal(call);
  expect([error.code, error.message]).toEqual(['ERR_INVALID_OPTION', expect.stringMatching(message)]);
}

const PARTIAL = { append: () => {}, read: () => {}, locate: () => {}, follow: () => {}, close: () => {} };

describe('a log that is none', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'a promise of one',
      Promise.resolve(new MemoryLog()),
      /^The option log is a promise, but must be an event log; await it first$/,
    ],
    [
      'a class of logs',
      MemoryLog,
      /^The option log is the class MemoryLog, but must be an event log; give it an instance of the class$/,
    ],
    [
      'a function',
      () => new MemoryLog(),
      /^The option log is a function, but must be an event log; give it what the function returns$/,
    ],
    ['null', null, /^The option log is null, but must be an event log$/],
    ['an object', {}, /^The option log is an object, but must be an event log$/],
    [
      'a part of one',
      PARTIAL,
      /^The option log is an object without locateLast, locateSince, but must be an event log with append, read, /,
    ],
  ])('is refused: %s', async (_, value, message) => {
    const log = value as EventLog;
    await expectInvalid(() => new Channel({ log }), message);
    await expectInvalid(() => new FanOut(log), message);
    await expectInvalid(() => entries(log), message);
    await expectInvalid(() => entryAt(log, 'a'), message);
  });
});

test.each<[string, unknown]>([
  ['a dot', '.'],
  ['two dots', '..'],
  ['a line end', 'a\nb'],
  ['2,000 characters', 'x'.repeat(2000)],
  ['a lone surrogate', '\ud800'],
  ['nothing', ''],
  ['a number', 5],
])('a channel refuses the topic at once: %s', async (_, topic) => {
  await expectInvalid(() => new Channel({ topic: topic as string }), /^The option topic cannot be used: The topic /);
});

describe('a request that is none of the Fetch API', () => {
  const request = new Request('http://127.0.0.1/');

  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /^The request is undefined, but must be a Request of the Fetch API$/],
    ['null', null, /^The request is null, but/],
    ['a URL', 'http://127.0.0.1/', /^The request is "http:\/\/127.0.0.1\/", but .*; new Request\(url\) makes one$/],
    [
      'an object of a URL',
      new URL('http://127.0.0.1/'),
      /^The request is an object of the class URL, .*; new Request\(url\) makes one$/,
    ],
    ["Hono's request", { raw: request }, /; its member raw is one$/],
    ["Hono's context", { req: { raw: request } }, /; its member req\.raw is one$/],
    ["SvelteKit's event", { request }, /; its member request is one$/],
    [
      "Node's request",
      { headers: {}, url: '/' },
      /; requests of Node are answered by the functions of @tidings\/server\/node$/,
    ],
  ])('is refused: %s', async (_, value, message) => {
    const channel = new Channel();
    await expectInvalid(() => channel.respond(value as Request), message);
    await expectInvalid(() => eventStream(value as Request, () => {}), message);
    await channel.drain(0);
  });

  test('is refused by a channel as a head, too', async () => {
    const channel = new Channel();
    for (const head of [undefined, request, 'GET']) {
      await expectInvalid(
        () => channel.answer(head as never),
        /^The head of a request is .*, but must be a RequestHead.*fetchHead\(\)/,
      );
    }
    await channel.drain(0);
  });

  test('is refused with an address that is no string', async () => {
    const channel = new Channel();
    const found = { address: '127.0.0.1', port: 5000 };
    await expectInvalid(
      () => channel.respond(request, found as never),
      /^The address of a request is an object, but must be a string; its member address is one$/,
    );
    await channel.drain(0);
  });

  test('is known by what it can do, not by its class', async () => {
    const channel = new Channel();
    const { method, url, headers, signal } = request;
    const response = await channel.respond({ method, url, headers, signal } as Request);
    expect(response.status).toBe(200);
    await response.body?.cancel();
    await channel.drain(0);
  });
});

test('an answer that was not awaited is refused', async () => {
  const promise = Promise.resolve({ status: 200, headers: {} });
  const { signal } = new AbortController();
  await expectInvalid(() => toResponse(promise as never, signal), /^The answer is a promise, but must be an Answer/);
});

test.each(['ada', undefined, { subject: 'ada' }])(
  'a channel refuses to kick %j, also without listeners',
  async (which) => {
    const channel = new Channel();
    await expectInvalid(() => channel.kick(which as never), /^The argument of kick\(\) is .*, but must be a function/);
    await channel.drain(0);
  },
);

describe('on Node', () => {
  /** What a call with a request and response of Node is refused with. The request is unanswered then. */
  async function refusedWith(call: (request: never, response: never) => unknown): Promise<string> {
    await using server = await TestServer.listen((request, response) => {
      refusal(() => call(request as never, response as never)).then(
        ({ code, message }) => response.end(`${code} ${message}`),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    const response = await fetch(server.url);
    expect(response.status).toBe(200);
    return await response.text();
  }

  const channel = new Channel();
  const source: EventStreamSource = () => {};
  const fetched = new Request('http://127.0.0.1/') as never;

  test.each<[string, (request: never, response: never) => unknown, string]>([
    [
      'the channel last',
      (q, r) => node.respond(q, r, channel as never),
      'The channel is an object of the class IncomingMessage, but must be a Channel, and is the first argument of respond()',
    ],
    [
      'no response',
      (q) => node.respond(channel, q, undefined as never),
      'The response is undefined, but must be a response of node:http, node:https or node:http2',
    ],
    [
      'the response first',
      (q, r) => node.respond(channel, r, q),
      'The request is an object of the class ServerResponse, but must be a request of node:http, node:https or node:http2; the request comes before the response',
    ],
    [
      'a source after the response first',
      (q, r) => node.eventStream(r, q, source),
      'The request is an object of the class ServerResponse, but must be a request of node:http, node:https or node:http2; the request comes before the response',
    ],
    [
      'the request twice',
      (q) => node.respond(channel, q, q),
      'The response is an object of the class IncomingMessage, but must be a response of node:http, node:https or node:http2; the request comes before the response',
    ],
    [
      'a Request',
      (_, r) => node.respond(channel, fetched, r),
      'The request is an object of the class Request, but must be a request of node:http, node:https or node:http2; a Request is answered by the functions of @tidings/server',
    ],
    [
      "Fastify's request",
      (q, r) => node.respond(channel, { raw: q } as never, r),
      'The request is an object, but must be a request of node:http, node:https or node:http2; requests and replies of Fastify are for @tidings/server/fastify',
    ],
    [
      "Koa's context",
      (q, r) => node.respond(channel, { req: q } as never, r),
      'The request is an object, but must be a request of node:http, node:https or node:http2; a context of Koa is for @tidings/server/koa',
    ],
    [
      'an answer that was not awaited',
      (q, r) => node.sendAnswer(q, r, channel.answer(node.nodeHead(q)) as never),
      'The answer is a promise, but must be an Answer with status and headers, as `await channel.answer(head)` gives it',
    ],
    [
      'the request of Node as that of Fastify',
      (q, r) => fastify.respond(channel, q, r),
      "The request is an object of the class IncomingMessage, but must be Fastify's request; requests and responses of Node are for @tidings/server/node",
    ],
    [
      'the reply alone',
      (_, r) => fastify.eventStream(r, undefined as never, source),
      "The request is an object of the class ServerResponse, but must be Fastify's request; requests and responses of Node are for @tidings/server/node",
    ],
    [
      'no channel on Fastify',
      (q, r) => fastify.respond(undefined as never, q, r),
      'The channel is undefined, but must be a Channel, and is the first argument of respond()',
    ],
    [
      'the request of Node as a context of Koa',
      (q) => koa.respond(channel, q),
      "The context is an object of the class IncomingMessage, but must be Koa's context; requests and responses of Node are for @tidings/server/node",
    ],
    [
      'no context',
      () => koa.eventStream(undefined as never, source),
      "The context is undefined, but must be Koa's context",
    ],
    [
      'no response in Nest',
      (q) => nest.respond(channel, q, undefined as never),
      'The response is undefined, but must be a response of node:http, node:https or node:http2',
    ],
    [
      'the request of Node as a stream',
      (q, r) => http2.respond(channel, q, r),
      'The stream is an object of the class IncomingMessage, but must be a stream of node:http2, as the event stream of a server gives it; requests and responses of Node are for @tidings/server/node',
    ],
  ])('a call is refused: %s', async (_, call, message) => {
    expect(await refusedWith(call)).toBe(`ERR_INVALID_OPTION ${message}`);
  });

  test('names of options are those of Node', async () => {
    expect(await refusedWith((q, r) => node.eventStream(q, r, source, { directWrits: false } as never))).toBe(
      'ERR_INVALID_OPTION There is no option "directWrits"; allowed are headers, cors, compression, keepAliveMs, maxBacklogBytes, clock, directWrites; did you mean directWrites?',
    );
    const onError = /^ERR_INVALID_OPTION The option onError is only for streams that are a Response/;
    expect(await refusedWith((q, r) => node.eventStream(q, r, source, { onError() {} } as never))).toMatch(onError);
    expect(await refusedWith((q, r) => node.eventStream(q, r, source, null as never))).toMatch(/The options are null/);
  });

  test('the event stream of node:http2 refuses headers that are none', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const refused = once(server, 'stream').then(async ([stream]) => {
      const error = await refusal(() => http2.eventStream(stream as never, undefined as never, source));
      const other = await refusal(() =>
        http2.eventStream(stream as never, {}, source, { directWrites: false } as never),
      );
      stream.close();
      return [error.message, other.message];
    });
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    client
      .request()
      .on('error', () => {})
      .resume();
    expect(await refused).toEqual([
      'The argument headers is undefined, but must be the header fields that come with the stream',
      'There is no option "directWrites"; allowed are headers, cors, compression, keepAliveMs, maxBacklogBytes, clock',
    ]);
    client.destroy();
    server.close();
  });
});

describe('a source that is not async', () => {
  const request = new Request('http://127.0.0.1/');

  test('is refused before the head, if it is a function*', async () => {
    const source = function* () {
      yield { data: 'a' };
    };
    const message = /^The source of an event stream is a function\* that is not async, but .*; write async function\*$/;
    await expectInvalid(() => eventStream(request, source as never), message);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a generator', () => [{ data: 'a' }].values(), /returned an iterator that is not async/],
    ['a promise of a generator', () => Promise.resolve((function* () {})()), /returned an iterator that is not async/],
    ['an array of events', () => [{ data: 'a' }], /returned an array of events/],
  ])('breaks the response off, if it returns %s', async (_, source, message) => {
    const { promise, reject } = deferred();
    const response = eventStream(request, source as EventStreamSource, { onError: reject });
    await expect(response.text()).rejects.toThrow(/./);
    await expectInvalid(() => promise, message);
  });

  test('may return anything else', async () => {
    const answer = (source: (stream: EventStreamHandle) => unknown): Response =>
      eventStream(request, source as EventStreamSource);
    const streams = new Set<unknown>();
    const response = answer((stream) => {
      void stream.send({ data: 'a' });
      queueMicrotask(() => queueMicrotask(() => stream.close()));
      return streams.add(stream);
    });
    expect(await response.text()).toContain('data: a');
    const listed = answer((stream) => {
      setImmediate(() => stream.close());
      return [stream];
    });
    expect(await listed.text()).toBe(':\n\n');
  });
});

describe('rights that do not say whether they allow', () => {
  test.each<[unknown, string]>([
    [
      { allowed: true },
      'an object without `allow`, but must be a boolean or an object whose `allow` is one, and "allowed" is not known; did you mean allow?',
    ],
    [{ token: 'allo-s3cret' }, 'an object without `allow`, but must be a boolean or an object whose `allow` is one'],
    [{}, 'an object without `allow`, but must be a boolean or an object whose `allow` is one'],
    [
      { allow: 's3cret' },
      'an object whose `allow` is a string, but must be a boolean or an object whose `allow` is one',
    ],
    ['s3cret', 'a string, but must be a boolean or an object whose `allow` is one'],
    [['allow'], 'an array, but must be a boolean or an object whose `allow` is one'],
    [null, 'null, but must be a boolean or an object whose `allow` is one'],
    [undefined, 'undefined, but must be a boolean or an object whose `allow` is one'],
  ])('are refused with what was found: %j', async (rights, found) => {
    const channel = new Channel({ authenticate: () => rights as Authentication });
    const error = await refusal(() => channel.respond(new Request('http://127.0.0.1/')));
    expect([error.code, error.message]).toEqual([
      'ERR_INVALID_RIGHTS',
      `Cannot use the result of authenticate: it is ${found}`,
    ]);
    await channel.drain(0);
  });
});

describe('the suite for logs', () => {
  test.each([undefined, 'local', { local: true }])(
    'refuses capabilities that are no array: %j',
    async (capabilities) => {
      await expectInvalid(
        () => eventLogCases(capabilities as never),
        /^The capabilities of the log are .*, but must be an array with any of local, time, /,
      );
    },
  );

  const [{ run }] = eventLogCases([]) as readonly [LogCase];

  test.each<[string, unknown, RegExp]>([
    [
      'no function',
      undefined,
      /^The factory of logs is undefined, but must be a function that returns \{ log, dispose \}$/,
    ],
    [
      'one that returns the log itself',
      async () => new MemoryLog(),
      /^The factory of logs returned a log, but must return \{ log, dispose \}, such as/,
    ],
    ['one that returns nothing', async () => {}, /^The factory of logs returned undefined, but/],
    ['one without dispose', async () => ({ log: new MemoryLog() }), /^The factory of logs returned an object, but/],
  ])('refuses a factory that is wrong: %s', async (_, factory, message) => {
    await expectInvalid(() => run(factory as LogFactory), message);
  });
});

test.each<[string, (log: MemoryLog) => unknown, string]>([
  ['type', (log) => log.append([{ topics: ['a'], fields: { type: 'x' } as object }]), 'did you mean event?'],
  [
    'key',
    (log) => log.append([{ topics: ['a'], fields: { data: '' }, key: 'x' } as NewEvent]),
    'did you mean latestKey?',
  ],
  [
    'close',
    (log) => log.append([{ topics: ['a'], fields: { data: '' }, close: true } as NewEvent]),
    'did you mean final?',
  ],
  [
    'topic',
    (log) => log.append([{ topics: ['a'], topic: 'a', fields: { data: '' } } as NewEvent]),
    'did you mean topics?',
  ],
  ['ttl', (log) => log.topics.create('a', { ttl: '1h' } as object), 'did you mean ttlMs?'],
  ['latestKey', () => new Channel().publish({ data: '' }, { latestKey: 'x' } as object), 'did you mean key?'],
])('a name that is right elsewhere is refused with the one that is right here: %s', async (_, call, text) => {
  expect((await refusal(() => call(new MemoryLog()))).message).toContain(text);
});
