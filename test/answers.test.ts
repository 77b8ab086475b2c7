import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createProxy } from 'node:net';
import { json } from 'node:stream/consumers';
import { ClientError } from '@tidings/client';
import { resumingChatTransport } from '@tidings/client/ai-sdk';
import { responseEvents } from '@tidings/client/openai';
import { answerUIMessages, startUIMessages } from '@tidings/server/ai-sdk';
import { MemoryLog } from '@tidings/server/log';
import { nodeHead, sendAnswer } from '@tidings/server/node';
import { Runs } from '@tidings/server/runs';
import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import { afterEach, describe, expect, test } from 'vitest';
import { deferred } from '../packages/server/test/deferred.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function serve(handle: Handler): Promise<string> {
  const server = createServer((request, response) => void handle(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A proxy that breaks each connection after so many bytes of the answer, wherever that is. */
async function cutting(origin: string, bytes: number): Promise<string> {
  const proxy = createProxy((client) => {
    const upstream = connect(Number(new URL(origin).port), '127.0.0.1');
    let rest = bytes;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    upstream.on('data', (data) => {
      client.write(data.subarray(0, rest), () => {
        if (rest <= 0) end();
      });
      rest -= data.length;
    });
    client.on('data', (data) => upstream.write(data));
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => proxy.close());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const DELTAS = Array.from({ length: 200 }, (_, n) => ({ type: 'text-delta' as const, id: 't', delta: `${n} ` }));

/** Not to wait for seconds. */
const QUICK = { initialMs: 1, maxMs: 20, maxAttempts: 100 };

describe('the chat transport that goes on in mid-stream', () => {
  interface App {
    readonly api: string;
    readonly runs: Runs;
    readonly requests: string[];
  }

  async function serveChat(): Promise<App> {
    const log = new MemoryLog();
    closers.push(() => log.close());
    const runs = new Runs({ log });
    const requests: string[] = [];
    const url = await serve(async (request, response) => {
      requests.push(`${request.method} ${request.url}`);
      if (request.method === 'POST') {
        const { id } = (await json(request)) as { id: string };
        await startUIMessages(runs, id, async function* () {
          yield* DELTAS;
        });
      }
      sendAnswer(request, response, await answerUIMessages(runs, nodeHead(request), 'chat'));
    });
    return { api: `${url}/api/chat`, runs, requests };
  }

  /** The type of the AI SDK is what ours has to fit. */
  function transportTo({ api }: App): ChatTransport<UIMessage> {
    return resumingChatTransport({ api, retry: QUICK });
  }

  const QUESTION = {
    trigger: 'submit-message',
    chatId: 'chat',
    messageId: undefined,
    messages: [],
    abortSignal: undefined,
  } as const;

  test('each chunk comes once, however often the connection is lost', async () => {
    const app = await serveChat();
    const { origin } = new URL(app.api);
    const api = app.api.replace(origin, await cutting(origin, 2000));
    const chunks = await allOf(await transportTo({ ...app, api }).sendMessages({ ...QUESTION, messages: [] }));
    expect(chunks).toEqual(DELTAS);
    const [first, ...others] = app.requests;
    expect(first).toBe('POST /api/chat');
    expect(others.length).toBeGreaterThan(5);
    expect(new Set(others)).toEqual(new Set(['GET /api/chat/chat/stream']));
  });

  test('connections that bring chunks have not failed, however many of them break', async () => {
    const app = await serveChat();
    const { origin } = new URL(app.api);
    const transport = resumingChatTransport<UIMessage, UIMessageChunk>({
      api: app.api.replace(origin, await cutting(origin, 2000)),
      retry: { ...QUICK, maxAttempts: 2 },
    });
    expect(await allOf(await transport.sendMessages({ ...QUESTION, messages: [] }))).toEqual(DELTAS);
    expect(app.requests.length).toBeGreaterThan(5);
  });

  test('a number of attempts that is given as undefined is that of the transport, which sends a POST again', async () => {
    const app = await serveChat();
    let isFirst = true;
    const transport: ChatTransport<UIMessage> = resumingChatTransport({
      api: app.api,
      retry: { initialMs: 1, maxMs: 20, maxAttempts: undefined },
      fetch: async (url, init) => {
        if (!isFirst) return await fetch(url, init);
        isFirst = false;
        throw new TypeError('refused');
      },
    });
    expect(await allOf(await transport.sendMessages({ ...QUESTION, messages: [] }))).toEqual(DELTAS);
    expect(app.requests).toEqual(['POST /api/chat']);
  });

  test('the URL of the route may have a query', async () => {
    const app = await serveChat();
    const { origin } = new URL(app.api);
    const api = `${app.api.replace(origin, await cutting(origin, 4000))}?lang=en`;
    const chunks = await allOf(await transportTo({ ...app, api }).sendMessages({ ...QUESTION, messages: [] }));
    expect(chunks).toEqual(DELTAS);
    expect(app.requests.slice(0, 2)).toEqual(['POST /api/chat?lang=en', 'GET /api/chat/chat/stream?lang=en']);
  });

  test('a page that comes back gets the answer from its start, and null if there is none', async () => {
    const app = await serveChat();
    const transport = transportTo(app);
    expect(await transport.reconnectToStream({ chatId: 'chat' })).toBeNull();
    const { promise, resolve } = deferred();
    await startUIMessages(app.runs, 'chat', async function* () {
      yield* DELTAS.slice(0, 3);
      await promise;
      yield* DELTAS.slice(3);
    });
    const stream = await transport.reconnectToStream({ chatId: 'chat' });
    resolve();
    expect(await allOf(stream!)).toEqual(DELTAS);
  });

  test.each([
    ['no json', 'Found no json in the stream, but the chunks of an answer are objects with a type'],
    ['null', 'Found null in the stream, but the chunks of an answer are objects with a type'],
    ['{"after":"a.1","resumedAt":"a.0","reason":"unknown"}', /^Found \{"after":"a\.1",.* in the stream/],
  ])('a chunk %s is an error, behind which nothing more is asked for', async (data, message) => {
    const { promise: closed, resolve } = deferred();
    let requests = 0;
    const url = await serve(async (_request, response) => {
      requests += 1;
      // The server would go on for ever; only the client can close this.
      response.once('close', resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`id: 1\ndata: ${data}\n\n`);
    });
    const stream = await resumingChatTransport({ api: `${url}/api/chat`, retry: QUICK }).sendMessages({
      ...QUESTION,
      messages: [],
    });
    const failure = (await allOf(stream).catch((error: unknown) => error)) as ClientError;
    expect(failure).toBeInstanceOf(ClientError);
    expect(failure.code).toBe('ERR_INVALID_EVENT');
    expect(failure.message).toMatch(message);
    await closed;
    expect(requests).toBe(1);
  });

  test('options that cannot work are refused at once', () => {
    const wrong: [object, string][] = [
      [{ api: '' }, 'api has to be a URL'],
      [{ api: 5 }, 'api has to be a URL'],
      [{ retry: 5 }, 'retry has to be an object'],
      [{ retry: { maxAttempts: 0 } }, 'retry.maxAttempts has to be a number from 1'],
      [{ idleTimeoutMs: '45s' }, 'idleTimeoutMs has to be a number from 1, found "45s"'],
      [{ idleTimeoutMs: -1 }, 'idleTimeoutMs has to be a number from 1'],
      [{ headers: 5 }, 'headers has to be valid HTTP headers'],
      [{ headers: { 'a b': '' } }, 'found an invalid "a b"'],
      [{ body: 'x' }, 'body has to be an object, found "x"'],
      [{ body: [] }, 'body has to be an object'],
      [{ withCredentials: 'yes' }, 'withCredentials has to be a boolean'],
      [{ fetch: 5 }, 'fetch has to be a function'],
      [{ url: '' }, 'There is no option "url"'],
      [[], 'The options are a list, but must be an object'],
    ];
    for (const [options, message] of wrong) expect(() => resumingChatTransport(options)).toThrow(message);
    expect(() => resumingChatTransport({ api: '/api/chat?v=1', headers: () => ({}), body: () => ({}) })).not.toThrow();
  });

  test.each([
    { of: 'POST', id: '', urls: ['POST /api/chat'] },
    { of: 'chunk with a place', id: 'id: 1\n', urls: ['POST /api/chat', 'GET /api/chat/c/stream'] },
  ])('an answer that comes again from behind the same $of is not asked for again', async ({ id, urls }) => {
    const requests: string[] = [];
    const url = await serve(async (request, response) => {
      requests.push(`${request.method} ${request.url}`);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${id}data: {"type":"start"}\n\n`);
    });
    const transport = resumingChatTransport<UIMessage, UIMessageChunk>({ api: `${url}/api/chat`, retry: QUICK });
    const stream = await transport.sendMessages({ ...QUESTION, chatId: 'c', messages: [] });
    await expect(allOf(stream)).rejects.toMatchObject({
      code: 'ERR_STREAM_ENDED',
      message: expect.stringContaining('its chunks need ids') as string,
    });
    expect(requests).toEqual(urls);
  });

  test('header fields may be given in each form that fetch takes, and one of a caller replaces one of the transport', async () => {
    const given: unknown[] = [];
    const url = await serve(async (request, response) => {
      given.push([request.headers['authorization'], request.headers['content-type']]);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: [DONE]\n\n');
    });
    const fields: [string, string][] = [
      ['Authorization', 'Bearer t'],
      ['Content-Type', 'application/json; charset=utf-8'],
    ];
    const forms = [Object.fromEntries(fields), fields, new Headers(fields), () => new Headers(fields)];
    for (const headers of forms) {
      const transport = resumingChatTransport<UIMessage, UIMessageChunk>({ api: `${url}/api/chat`, headers });
      await allOf(await transport.sendMessages({ ...QUESTION, messages: [] }));
    }
    expect(given).toEqual(forms.map(() => ['Bearer t', 'application/json; charset=utf-8']));
  });

  test('a body that is no object ends the request, whoever has made it', async () => {
    const transport = resumingChatTransport<UIMessage, UIMessageChunk>({
      api: 'http://127.0.0.1:9/api/chat',
      body: () => 5 as never,
    });
    await expect(transport.sendMessages({ ...QUESTION, messages: [] })).rejects.toMatchObject({
      code: 'ERR_REQUEST',
      cause: { message: 'body has to be an object, found 5' },
    });
  });

  test('what a server refuses is an error, and so is an option that there is not', async () => {
    const url = await serve(async (_request, response) => void response.writeHead(403).end());
    const transport: ChatTransport<UIMessage> = resumingChatTransport({ api: `${url}/api/chat` });
    await expect(transport.sendMessages({ ...QUESTION, messages: [] })).rejects.toMatchObject({ status: 403 });
    expect(() => resumingChatTransport<UIMessage, UIMessageChunk>({ url } as object)).toThrow(
      'There is no option "url"',
    );
  });
});

describe('the events of a response of OpenAI in the background', () => {
  const EVENTS = [
    { type: 'response.created', sequence_number: 0, response: { id: 'resp_1' } },
    ...Array.from({ length: 50 }, (_, n) => ({
      type: 'response.output_text.delta',
      sequence_number: n + 1,
      delta: String(n),
    })),
    { type: 'response.completed', sequence_number: 51, response: { id: 'resp_1' } },
  ];

  interface Service {
    readonly url: string;
    readonly requests: string[];
  }

  /** A stand-in for the service, which sends some events and breaks off. It has no events from a number on. */
  async function serveResponses(atOnce: number, isClean: boolean = false, until: number = Infinity): Promise<Service> {
    const requests: string[] = [];
    const url = await serve(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      const body = request.method === 'POST' ? JSON.stringify(await json(request)) : searchParams.toString();
      requests.push(`${request.method} ${pathname} ${body}`);
      const from = Number(searchParams.get('starting_after') ?? -1) + 1;
      const events = EVENTS.slice(from, Math.min(from + atOnce, until));
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
      if (isClean) response.end(text);
      else response.write(text, () => response.destroy());
    });
    return { url: `${url}/v1/responses`, requests };
  }

  test.each([true, false])('each event comes once, whether streams end cleanly: %s', async (isClean) => {
    const { url, requests } = await serveResponses(20, isClean);
    const body = { model: 'm', input: 'Why?' };
    expect(await allOf(responseEvents(url, { body, headers: { authorization: 'Bearer key' }, retry: QUICK }))).toEqual(
      EVENTS,
    );
    expect(requests).toEqual([
      'POST /v1/responses {"model":"m","input":"Why?","background":true,"stream":true}',
      'GET /v1/responses/resp_1 stream=true&starting_after=19',
      'GET /v1/responses/resp_1 stream=true&starting_after=39',
    ]);
  });

  test.each([true, false])(
    'streams that bring something new have not failed, whether they end cleanly: %s',
    async (isClean) => {
      const { url, requests } = await serveResponses(8, isClean);
      const retry = { ...QUICK, maxAttempts: 2 };
      expect(await allOf(responseEvents(url, { body: {}, retry }))).toEqual(EVENTS);
      expect(requests).toHaveLength(7);
    },
  );

  test('behind something new as many attempts may fail as before', async () => {
    const { url, requests } = await serveResponses(10, false, 30);
    const found: unknown[] = [];
    const reading = (async () => {
      const retry = { ...QUICK, maxAttempts: 3 };
      for await (const event of responseEvents(url, { body: {}, retry })) found.push(event);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_NETWORK', willRetry: false });
    expect(found).toEqual(EVENTS.slice(0, 30));
    // The loss of the third stream is the first failure of its row.
    expect(requests).toHaveLength(5);
  });

  test('a program that was started anew goes on behind an event', async () => {
    const { url } = await serveResponses(100);
    const events = await allOf(responseEvents(url, { response: { id: 'resp_1', after: 48 } }));
    expect(events).toEqual(EVENTS.slice(49));
  });

  test('a request that creates a response is never sent twice', async () => {
    const { url, requests } = await serveResponses(0);
    await expect(allOf(responseEvents(url, { body: {}, retry: QUICK }))).rejects.toMatchObject({
      name: 'ConnectionError',
    });
    expect(requests).toHaveLength(1);
  });

  test('a request that creates a response is not waited for when it was refused, and the error says why', async () => {
    let requests = 0;
    const url = await serve(async (request, response) => {
      requests += 1;
      request.resume();
      response.writeHead(429, { 'Retry-After': '3600' }).end('Too many');
    });
    await expect(allOf(responseEvents(url, { body: {} }))).rejects.toMatchObject({
      code: 'ERR_STATUS',
      status: 429,
      willRetry: false,
      message: expect.stringContaining('found 429'),
    });
    expect(requests).toBe(1);
  });

  /** A stand-in that answers each request with the events that are given for it: the n-th one, from 0. */
  async function serveStreams(eventsOf: (n: number) => readonly object[]): Promise<Service> {
    const requests: string[] = [];
    const url = await serve(async (request, response) => {
      const events = eventsOf(requests.length);
      requests.push(`${request.method} ${new URL(request.url ?? '', 'http://localhost').search}`);
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
    });
    return { url, requests };
  }

  test.each([undefined, 3])('streams without a new event are asked for a number of times: %s', async (maxAttempts) => {
    for (const events of [[], EVENTS.slice(0, 8)]) {
      const { url, requests } = await serveStreams(() => events);
      const options = { response: { id: 'resp_1', after: 7 }, retry: { ...QUICK, maxAttempts } };
      await expect(allOf(responseEvents(url, options))).rejects.toMatchObject({
        name: 'ConnectionError',
        code: 'ERR_STREAM_ENDED',
        willRetry: false,
      });
      expect(requests.length).toBeGreaterThanOrEqual(maxAttempts ?? 6);
      expect(requests.length).toBeLessThanOrEqual((maxAttempts ?? 6) + 1);
    }
  });

  test('what has arrived comes before the error of the last attempt', async () => {
    const { url, requests } = await serveStreams((n) => (n === 0 ? EVENTS.slice(0, 3) : []));
    const found: unknown[] = [];
    const reading = (async () => {
      const retry = { ...QUICK, maxAttempts: 1 };
      for await (const event of responseEvents(url, { body: {}, retry })) found.push(event);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_ENDED', message: expect.stringContaining(url) });
    expect(found).toEqual(EVENTS.slice(0, 3));
    expect(requests).toEqual(['POST ']);
  });

  test('events that a server sends again come once', async () => {
    const { url } = await serveStreams((n) => (n === 0 ? EVENTS.slice(0, 2) : EVENTS));
    expect(await allOf(responseEvents(url, { body: {}, retry: QUICK }))).toEqual(EVENTS);
    // Also the last one ends the loop.
    const after = EVENTS.length - 1;
    expect(await allOf(responseEvents(url, { response: { id: 'resp_1', after }, retry: QUICK }))).toEqual([]);
  });

  test('an event without a number does not make it forget the place', async () => {
    const keepAlive = { type: 'keepalive' };
    const { url, requests } = await serveStreams((n) =>
      n === 0 ? [...EVENTS.slice(0, 5), keepAlive] : EVENTS.slice(5),
    );
    expect(await allOf(responseEvents(url, { body: {}, retry: QUICK }))).toEqual([
      ...EVENTS.slice(0, 5),
      keepAlive,
      ...EVENTS.slice(5),
    ]);
    expect(requests).toEqual(['POST ', 'GET ?stream=true&starting_after=4']);
  });

  test('the URL may have a query', async () => {
    const { url, requests } = await serveResponses(30);
    const events = await allOf(responseEvents(`${url}?api-version=preview`, { body: {}, retry: QUICK }));
    expect(events).toEqual(EVENTS);
    expect(requests[1]).toBe('GET /v1/responses/resp_1 api-version=preview&stream=true&starting_after=29');
  });

  test.each(['null', '"text"', '17', 'no json'])('%s is told as what is no event', async (data) => {
    const url = await serve(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${data}\n\n`);
    });
    const events = responseEvents(url, { body: {}, retry: QUICK });
    await expect(allOf(events)).rejects.toMatchObject({
      code: 'ERR_INVALID_EVENT',
      message: `Found ${data} in the stream, but the events of a response are objects`,
    });
  });

  test('mistakes are refused', async () => {
    const wrong = [
      [{ body: 'x' }, 'The option body is "x", but must be an object'],
      [{ body: {}, headers: 5 }, 'headers has to be valid HTTP headers'],
      [{ body: {}, retry: 5 }, 'retry has to be an object, found 5'],
      [{ body: 10n }, 'The option body is 10, but must be an object'],
      [{ body: { input: 10n } }, 'The option body cannot be sent as JSON: '],
      [{ response: null }, 'The option response is null, but must be an object'],
      [{ response: { id: 'a', later: 1 } }, 'There is no option "later"; allowed are id, after'],
      [{ response: {} }, 'The option response.id is undefined, but must be the id of a response'],
      [{ response: { id: '' } }, 'The option response.id is "", but must be the id of a response'],
      [{ response: { id: 'a', after: '3' } }, 'The option response.after is "3", but must be the sequence_number'],
      [{ response: { id: 'a', after: -1 } }, 'The option response.after is -1, but must be the sequence_number'],
    ] as const;
    for (const [given, message] of wrong) {
      await expect(allOf(responseEvents('http://localhost/', given as never))).rejects.toThrow(message);
    }
    const options = { body: {}, retry: { maxAttempts: 0 } };
    await expect(allOf(responseEvents('http://localhost/', options))).rejects.toThrow('retry.maxAttempts is 0');
    await expect(allOf(responseEvents('http://localhost/', {}))).rejects.toThrow('Either body has to be given');
    await expect(allOf(responseEvents('http://localhost/', undefined as never))).rejects.toThrow(
      'The options are undefined',
    );
    await expect(allOf(responseEvents('http://localhost/', { input: '' } as object))).rejects.toThrow(
      'There is no option "input"',
    );
  });
});
