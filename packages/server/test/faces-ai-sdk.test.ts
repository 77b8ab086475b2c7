import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  answerUIMessages,
  createResumableStreamContext,
  respondUIMessages,
  startUIMessages,
  storedUIMessageChunks,
  type UIMessageChunkLike,
} from '@tidings/server/ai-sdk';
import { MemoryLog } from '@tidings/server/log';
import { nodeHead, sendAnswer } from '@tidings/server/node';
import { Runs } from '@tidings/server/runs';
import {
  convertToModelMessages,
  createUIMessageStreamResponse,
  DefaultChatTransport,
  readUIMessageStream,
  streamText,
  toUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import type { ResumableStreamContext } from 'resumable-stream';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { deferred } from './deferred.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function makeRuns(): Runs {
  const log = new MemoryLog();
  closers.push(() => log.close());
  return new Runs({ log, onError: () => {} });
}

/** A producer that is held: it goes on when the test says so. */
class Tap {
  #controller!: ReadableStreamDefaultController<string>;
  isCancelled = false;
  readonly stream = new ReadableStream<string>({
    start: (controller) => {
      this.#controller = controller;
    },
    cancel: () => {
      this.isCancelled = true;
    },
  });

  give(...texts: readonly string[]): void {
    for (const text of texts) this.#controller.enqueue(text);
  }

  end(): void {
    this.#controller.close();
  }

  fail(reason: string): void {
    this.#controller.error(new Error(reason));
  }
}

async function textOf(stream: ReadableStream<string> | null | undefined): Promise<string> {
  let text = '';
  for await (const part of stream!) text += part;
  return text;
}

/** Reads until a text is complete, and leaves. */
async function readUntil(stream: ReadableStream<string>, wanted: string): Promise<void> {
  let text = '';
  for await (const part of stream) {
    text += part;
    if (text === wanted) return;
    expect(wanted.startsWith(text)).toBe(true);
  }
  expect.unreachable();
}

describe('a context for resumable streams', () => {
  /** The type of the package is what ours has to fit. */
  const contextOf = (runs: Runs): ResumableStreamContext => createResumableStreamContext({ runs, waitUntil: null });

  test('everyone gets the whole stream, also who comes in the middle', async () => {
    const context = contextOf(makeRuns());
    const tap = new Tap();
    expect(await context.hasExistingStream('a')).toBeNull();
    expect(await context.resumeExistingStream('a')).toBeUndefined();
    const first = await context.resumableStream('a', () => tap.stream);
    tap.give('one ', 'two\r\n');
    await readUntil(first!, 'one two\r\n');
    expect(await context.hasExistingStream('a')).toBe(true);
    const others = await Promise.all([
      context.resumableStream('a', () => expect.unreachable()),
      context.createNewResumableStream('a', () => expect.unreachable()),
      context.resumeExistingStream('a'),
    ]);
    const skipping = await context.resumeExistingStream('a', 5);
    tap.give('three');
    tap.end();
    for (const other of others) expect(await textOf(other)).toBe('one two\r\nthree');
    expect(await textOf(skipping)).toBe('wo\r\nthree');
    expect(await context.hasExistingStream('a')).toBe('DONE');
    expect(await context.resumeExistingStream('a')).toBeNull();
    expect(await context.resumableStream('a', () => expect.unreachable())).toBeNull();
    expect(await context.createNewResumableStream('a', () => expect.unreachable())).toBeNull();
  });

  test('a stream goes on without readers, and waitUntil is given its end', async () => {
    const runs = makeRuns();
    const kept: Promise<unknown>[] = [];
    const context = createResumableStreamContext({ runs, waitUntil: (over) => void kept.push(over) });
    const tap = new Tap();
    await context.createNewResumableStream('a', () => tap.stream);
    tap.give('unread');
    tap.end();
    expect(await Promise.all(kept)).toEqual(['done']);
    expect((await runs.snapshot('a')).map((item) => item.type === 'chunk' && item.data)).toEqual(['unread', false]);
  });

  test('of two calls at once in two instances, one makes its stream', async () => {
    const log = new MemoryLog();
    onTestFinished(() => log.close());
    const taps = [new Tap(), new Tap()];
    const made: Tap[] = [];
    const streams = await Promise.all(
      taps.map((tap) =>
        contextOf(new Runs({ log })).resumableStream('a', () => {
          made.push(tap);
          return tap.stream;
        }),
      ),
    );
    expect(made).toHaveLength(1);
    made[0]!.give('once');
    made[0]!.end();
    expect(await Promise.all(streams.map(textOf))).toEqual(['once', 'once']);
  });

  test('a stream that breaks off is no stream that ends', async () => {
    const context = contextOf(makeRuns());
    const tap = new Tap();
    const stream = await context.resumableStream('a', () => tap.stream);
    tap.give('part');
    tap.fail('the model is away');
    await expect(textOf(stream)).rejects.toMatchObject({
      code: 'ERR_RUN_BROKEN',
      message: 'The run "a" has failed: the model is away',
    });
    expect(await context.hasExistingStream('a')).toBe('DONE');
  });

  test('a stream whose producer is gone breaks off when the lease is over', async () => {
    const runs = makeRuns();
    await runs.store.append((await runs.store.acquire('a', { leaseMs: 1000, ttlMs: 60_000 }))!, ['part']);
    const stream = await contextOf(runs).resumeExistingStream('a');
    await expect(textOf(stream)).rejects.toThrow('is lost');
  });

  test('options that are none of it are refused', () => {
    expect(() => createResumableStreamContext({ runs: {} as Runs })).toThrow('must be a Runs');
    const options = { runs: makeRuns(), keyPrefix: 'chat' };
    expect(() => createResumableStreamContext(options)).toThrow('There is no option "keyPrefix"');
    const { runs } = options;
    expect(() => createResumableStreamContext({ runs, ttl: 'soon' })).toThrow('The option ttl is "soon"');
    expect(() => createResumableStreamContext({ runs, waitUntil: 1 as never })).toThrow('The option waitUntil is 1');
    expect(() => createResumableStreamContext({ runs, waitUntil: null })).not.toThrow();
  });

  test('the AI SDK keeps a copy of its stream by consumeSseStream', async () => {
    const context = contextOf(makeRuns());
    const chunks = new ReadableStream<UIMessageChunk>({
      start(controller) {
        controller.enqueue({ type: 'start', messageId: 'm' });
        controller.enqueue({ type: 'text-start', id: 't' });
        controller.enqueue({ type: 'text-delta', id: 't', delta: 'Hello' });
        controller.close();
      },
    });
    const kept = deferred<ReadableStream<string> | null>();
    const response = createUIMessageStreamResponse({
      stream: chunks,
      consumeSseStream: ({ stream }) => {
        void context.createNewResumableStream('a', () => stream).then(kept.resolve, kept.reject);
      },
    });
    const copy = await textOf(await kept.promise);
    expect(copy).toBe(await response.text());
    expect(copy).toMatch(/"delta":"Hello"\}\n\n.*data: \[DONE\]\n\n$/s);
  });
});

/** A model whose tokens come when the test gives them. */
function modelOf(tap: Tap, onAbort: () => void): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doStream: async ({ abortSignal }) => {
      abortSignal?.addEventListener('abort', onAbort);
      const toPart = new TransformStream<string, StreamPart>({
        start(controller) {
          controller.enqueue({ type: 'text-start', id: 't' });
        },
        transform(delta, controller) {
          controller.enqueue({ type: 'text-delta', id: 't', delta });
        },
        flush(controller) {
          controller.enqueue({ type: 'text-end', id: 't' });
          controller.enqueue({ type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: USAGE });
        },
      });
      return { stream: tap.stream.pipeThrough(toPart) };
    },
  });
}

type StreamPart =
  Awaited<ReturnType<MockLanguageModelV4['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

interface Chat {
  readonly runs: Runs;
  readonly url: string;
  readonly tap: Tap;
  readonly aborts: string[];
}

/** A chat's two routes, in a server of Node. */
async function serveChat(runs: Runs = makeRuns()): Promise<Chat> {
  const tap = new Tap();
  const aborts: string[] = [];
  const model = modelOf(tap, () => aborts.push('aborted'));
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const head = nodeHead(request);
    if (request.method === 'GET') {
      const [, id = ''] = /^\/api\/chat\/([^/]+)\/stream$/.exec(request.url ?? '') ?? [];
      sendAnswer(request, response, await answerUIMessages(runs, head, id));
      return;
    }
    const { id, messages } = (await json(request)) as { id: string; messages: UIMessage[] };
    await startUIMessages(
      runs,
      id,
      async ({ signal }) => {
        const { stream } = streamText({
          model,
          messages: await convertToModelMessages(messages),
          abortSignal: signal,
          onError: () => {},
        });
        return toUIMessageStream({ stream, generateMessageId: () => 'answer' });
      },
      { lease: '2s' },
    );
    sendAnswer(request, response, await answerUIMessages(runs, head, id));
  };
  const server = createServer((request, response) => void handle(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { runs, tap, aborts, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const QUESTION: UIMessage = { id: 'q', role: 'user', parts: [{ type: 'text', text: 'Why?' }] };

function send(
  transport: DefaultChatTransport<UIMessage>,
  signal?: AbortSignal,
): Promise<ReadableStream<UIMessageChunk>> {
  return transport.sendMessages({
    trigger: 'submit-message',
    chatId: 'chat',
    messageId: undefined,
    messages: [QUESTION],
    abortSignal: signal,
  });
}

/** The message that the AI SDK makes of a stream, and the error in it, if there is one. */
async function messageOf(stream: ReadableStream<UIMessageChunk>): Promise<{ text: string; error: string | undefined }> {
  let message: UIMessage | undefined;
  let error: string | undefined;
  const onError = (found: unknown): void => {
    error = (found as Error).message;
  };
  for await (const state of readUIMessageStream({ stream, onError })) message = state;
  const text = message?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? '';
  return { text, error };
}

async function allOf<T>(stream: ReadableStream<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of stream) found.push(value);
  return found;
}

/** Reads until the text so far is this one. */
async function readTextUntil(stream: ReadableStream<UIMessageChunk>, wanted: string): Promise<void> {
  let text = '';
  const reader = stream.getReader();
  while (text !== wanted) {
    const { done, value } = await reader.read();
    expect(done).toBe(false);
    if (value?.type === 'text-delta') text += value.delta;
  }
}

describe('the routes of the AI SDK’s DefaultChatTransport', () => {
  test('a page that is reloaded in mid-answer gets all of it, and one that comes later gets 204', async () => {
    const { url, tap } = await serveChat();
    const transport = new DefaultChatTransport<UIMessage>({ api: `${url}/api/chat` });
    const page = new AbortController();
    const first = await send(transport, page.signal);
    tap.give('It', ' goes');
    await readTextUntil(first, 'It goes');
    page.abort();
    const second = await transport.reconnectToStream({ chatId: 'chat' });
    tap.give(' on.');
    tap.end();
    expect(await messageOf(second!)).toEqual({ text: 'It goes on.', error: undefined });
    expect(await transport.reconnectToStream({ chatId: 'chat' })).toBeNull();
    expect(await transport.reconnectToStream({ chatId: 'other' })).toBeNull();
  });

  test('the same request again starts no second answer, also when the first is over', async () => {
    const { url, tap } = await serveChat();
    const transport = new DefaultChatTransport<UIMessage>({ api: `${url}/api/chat` });
    const answers = [await send(transport), await send(transport)];
    tap.give('Once.');
    tap.end();
    answers.push(await send(transport));
    for (const answer of answers) expect(await messageOf(answer)).toEqual({ text: 'Once.', error: undefined });
  });

  test('a stop aborts the model’s request, and the page keeps what there was', async () => {
    const { url, tap, runs, aborts } = await serveChat();
    const answer = await send(new DefaultChatTransport<UIMessage>({ api: `${url}/api/chat` }));
    const [copy, kept] = answer.tee();
    tap.give('It was');
    await readTextUntil(copy, 'It was');
    expect((await runs.stop('chat')).state).toBe('stopped');
    const chunks = await allOf(kept);
    expect(chunks.at(-1)).toEqual({ type: 'abort' });
    expect(aborts).toEqual(['aborted']);
  });

  test('a page is told that the answer broke off when its producer is gone, and has what there was', async () => {
    const { url, runs } = await serveChat();
    const transport = new DefaultChatTransport<UIMessage>({ api: `${url}/api/chat` });
    const lease = (await runs.store.acquire('chat', { leaseMs: 1000, ttlMs: 60_000 }))!;
    const parts = [{ type: 'start' }, { type: 'text-start', id: 't' }, { type: 'text-delta', id: 't', delta: 'It w' }];
    await runs.store.append(
      lease,
      parts.map((part) => JSON.stringify(part)),
    );
    const broken = { text: 'It w', error: 'The answer broke off.' };
    expect(await messageOf((await transport.reconnectToStream({ chatId: 'chat' }))!)).toEqual(broken);
    // Also a page that comes when it is over, because nobody has stored the message.
    expect(await messageOf((await transport.reconnectToStream({ chatId: 'chat' }))!)).toEqual(broken);
    expect((await messageOf(storedUIMessageChunks(runs, 'chat'))).text).toBe('It w');
  });

  test('of an answer whose beginning was trimmed nothing is given as if it were all', async () => {
    const log = new MemoryLog({ retention: { maxEvents: 4 } });
    closers.push(() => log.close());
    const runs = new Runs({ log });
    const { over } = await startUIMessages(runs, 'chat', async function* () {
      for (const id of ['1', '2']) {
        yield { type: 'text-start', id };
        yield { type: 'text-delta', id, delta: `part ${id}` };
        yield { type: 'text-end', id };
      }
    });
    await over;
    const stream = storedUIMessageChunks<UIMessageChunk>(runs, 'chat');
    const reading = async (): Promise<void> => {
      for await (const message of readUIMessageStream({ stream, terminateOnError: true })) void message;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'ERR_RUN_BROKEN' });
  });

  test('the text of the error is the application’s, and the producer’s own error stays on the server', async () => {
    const runs = makeRuns();
    const { over } = await startUIMessages(runs, 'a', () => Promise.reject(new Error('The key sk-1 is wrong')));
    expect(await over).toBe('failed');
    const request = new Request('http://localhost/');
    const text = await (await respondUIMessages(runs, request, 'a')).text();
    expect(text).toContain('data: {"type":"error","errorText":"The answer broke off."}');
    expect(text).not.toContain('sk-1');
    const errorText = ({ state, error }: { state: string; error?: string | undefined }): string => `${state}: ${error}`;
    const told = await (await respondUIMessages(runs, request, 'a', { errorText })).text();
    expect(told).toContain('failed: The key sk-1 is wrong');
  });

  test('a function for the text of the error that gives none, or throws, is reported, and the page is told that the answer broke off', async () => {
    const runs = makeRuns();
    const { over } = await startUIMessages(runs, 'a', () => Promise.reject(new Error('The key sk-1 is wrong')));
    await over;
    const wrong: readonly (() => unknown)[] = [
      () => 5,
      () => undefined,
      async () => 'late',
      () => Promise.reject(new Error('late')),
      () => {
        throw new Error('at once');
      },
    ];
    const told: string[] = [];
    for (const errorText of wrong as readonly (() => string)[]) {
      const onError = (error: unknown): void => void told.push((error as Error).message);
      const response = await respondUIMessages(runs, new Request('http://localhost/'), 'a', { errorText, onError });
      const chunks = (await response.text()).match(/^data: .*$/gm);
      expect(chunks).toEqual(['data: {"type":"error","errorText":"The answer broke off."}', 'data: [DONE]']);
    }
    const returned = ['5', 'undefined', 'a promise', 'a promise'].map(
      (found) => `The function errorText has returned ${found}, but must return a text`,
    );
    expect(told).toEqual([...returned, 'at once']);
  });

  test('an answer in which the AI SDK tells an error has failed, and the page is told once', async () => {
    const runs = makeRuns();
    const model = new MockLanguageModelV4({ doStream: () => Promise.reject(new Error('The key sk-1 is wrong')) });
    const { over } = await startUIMessages(runs, 'chat', ({ signal }) => {
      const { stream } = streamText({ model, prompt: 'Why?', maxRetries: 0, abortSignal: signal, onError: () => {} });
      return toUIMessageStream({ stream });
    });
    expect(await over).toBe('failed');
    expect((await runs.status('chat')).error).toBe('An error occurred.');
    const answer = await (await respondUIMessages(runs, new Request('http://localhost/'), 'chat')).text();
    expect(answer.match(/"type":"error".*/g)).toEqual(['"type":"error","errorText":"An error occurred."}']);
    const parts = [{ type: 'error', errorText: 'first' }, { type: 'error' }];
    for (const id of ['stream', 'iterable']) {
      const stream = new ReadableStream<UIMessageChunkLike>({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      const chunks = id === 'stream' ? stream : stream.values();
      expect(await (await startUIMessages(runs, id, () => chunks)).over).toBe('failed');
      expect((await runs.status(id)).error).toBe('first');
    }
  });

  test('each chunk has a place, behind which a request with Last-Event-ID goes on', async () => {
    const runs = makeRuns();
    const chunks = ['a', 'b', 'c'].map((delta) => ({ type: 'text-delta', id: 't', delta }));
    const { over } = await startUIMessages(runs, 'a', async function* () {
      yield* chunks;
    });
    await over;
    const whole = await respondUIMessages(runs, new Request('http://localhost/', { method: 'POST' }), 'a');
    expect(whole.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
    expect(whole.headers.get('content-type')).toBe('text/event-stream');
    const ids = [...(await whole.text()).matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
    expect(ids).toHaveLength(4);
    const after = (id: string): Request => new Request('http://localhost/', { headers: { 'Last-Event-ID': id } });
    const rest = await respondUIMessages(runs, after(ids[1]!), 'a');
    expect(await rest.text()).toMatch(
      /^:\n\nid: .*\ndata: \{"type":"text-delta","id":"t","delta":"c"\}\n\nid: .*\ndata: \[DONE\]\n\n$/,
    );
    expect((await respondUIMessages(runs, after(ids[3]!), 'a', { replay: true })).status).toBe(204);
    // Who begins anew when it is over has it from elsewhere, unless it is asked for.
    const anew = await respondUIMessages(runs, new Request('http://localhost/'), 'a');
    expect([anew.status, await anew.text()]).toEqual([204, '']);
    // A place that is none of this run's: the page could not tell where it is.
    const unknown = await respondUIMessages(runs, after('elsewhere'), 'a');
    expect(await unknown.text()).toContain('"type":"error"');
  });

  test('a stream of chunks is cancelled when the run is stopped', async () => {
    const runs = makeRuns();
    const cancelled = deferred();
    const stream = new ReadableStream<{ type: string }>({ cancel: () => cancelled.resolve() });
    await startUIMessages(runs, 'a', () => stream);
    expect((await runs.stop('a')).state).toBe('stopped');
    await cancelled.promise;
  });

  test.each([
    ['a text', 'It goes on', '"It goes on"'],
    ['nothing', undefined, 'undefined'],
    ['an object without a type', { text: 'It goes on' }, 'an object'],
  ])('an answer with a chunk that is %s has failed, and says so at its server', async (_, chunk, found) => {
    const runs = makeRuns();
    const chunks = [{ type: 'start' }, chunk, { type: 'finish' }] as UIMessageChunkLike[];
    const iterable = await startUIMessages(runs, 'iterable', async function* () {
      yield* chunks;
    });
    const start = (controller: ReadableStreamDefaultController<UIMessageChunkLike>): void => {
      for (const each of chunks) controller.enqueue(each);
      controller.close();
    };
    const stream = await startUIMessages(runs, 'stream', () => new ReadableStream<UIMessageChunkLike>({ start }));
    expect([await iterable.over, await stream.over]).toEqual(['failed', 'failed']);
    const error = `A chunk of the answer is ${found}, but must be an object with a type, as toUIMessageStream() makes them`;
    for (const id of ['iterable', 'stream']) expect(await runs.status(id)).toMatchObject({ error });
  });

  test('mistakes are refused', async () => {
    const runs = makeRuns();
    const request = new Request('http://localhost/');
    const refused = await respondUIMessages(runs, request, '../a');
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('The id of a run is "../a"')]);
    await expect(respondUIMessages(runs, request, 'a', { replay: 1 as never })).rejects.toThrow(
      'The option replay is 1',
    );
    await expect(startUIMessages(runs, 'a', 'text' as never)).rejects.toThrow('must be a function');
    await expect(startUIMessages({} as Runs, 'a', () => expect.unreachable())).rejects.toThrow('must be a Runs');
    expect(() => storedUIMessageChunks(runs, '../a')).toThrow('The id of a run is "../a"');
    for (const [headers, found] of [
      [5, 'a Number'],
      [[], 'a list'],
      [new Headers(), 'a Headers'],
    ]) {
      const answer = respondUIMessages(runs, new Request('http://localhost/'), 'a', { headers: headers as never });
      await expect(answer).rejects.toThrow(`The option headers is ${found as string}, but must be a plain object`);
    }
  });
});
