import { createServer as createNodeServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { Channel } from '@tidings/server';
import { respond } from '@tidings/server/node';
import { DefaultChatTransport, readUIMessageStream, type UIMessage } from 'ai';
import OpenAI from 'openai';
import { afterEach, describe, expect, test } from 'vitest';

// Clients that read the data of every event as JSON, whatever its type is.

const KEEP_ALIVE_MS = 20;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** What events can be published to and listened to. */
interface Source {
  readonly url: string;
  /** Publishes to it. */
  readonly publish: (data: string) => Promise<unknown>;
  /** Moves its position without an event for its listeners, if it can. */
  readonly move: () => Promise<unknown>;
  readonly listeners: () => number;
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function channelSource(options: ConstructorParameters<typeof Channel>[0]): Promise<Source> {
  const channel = new Channel({ keepAliveMs: KEEP_ALIVE_MS, ...options });
  const listener: RequestListener = (request, response) => {
    void respond(channel, request, response);
  };
  const url = await listening(createNodeServer(listener));
  cleanUps.push(() => channel.drain(0));
  return {
    url,
    publish: (data) => channel.publish({ data }),
    move: () => Promise.resolve(),
    listeners: () => channel.listeners,
  };
}

async function hubSource(query: string): Promise<Source> {
  const log = new MemoryLog();
  const hub = new Hub({ log, keepAliveMs: KEEP_ALIVE_MS });
  const url = await listening(createServer(hub));
  cleanUps.push(() => hub.close({ awayMs: 0, windowMs: 0 }));
  const append = (topic: string, data: string): Promise<unknown> => log.append([{ topics: [topic], fields: { data } }]);
  return {
    url: `${url}/topics/answer${query}`,
    publish: (data) => append('answer', data),
    move: () => append('other', 'elsewhere'),
    listeners: () => hub.stats().listeners,
  };
}

/** Waits for what the clients or their server do. It ends with the test. */
async function until(isSo: () => boolean): Promise<void> {
  let isOver = false;
  cleanUps.push(() => (isOver = true));
  while (!isSo() && !isOver) await new Promise((resolve) => setImmediate(resolve));
}

/** Fulfils when a response has had this many bytes of keep-alives, which is when it has been silent for a while. */
async function silence(beats: () => number): Promise<void> {
  const before = beats();
  await until(() => beats() >= before + 3);
}

/** A fetch that asks with GET, as for a stream that others began, and counts what has come. */
function counted(url: string): { readonly fetch: typeof fetch; readonly beats: () => number } {
  let beats = 0;
  return {
    fetch: async (_, { headers, signal } = {}) => {
      const { body, ...head } = await fetch(url, { headers: headers ?? {}, signal: signal ?? null }).then(
        (response) => ({
          body: response.body!,
          status: response.status,
          headers: response.headers,
        }),
      );
      const seen = body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            beats += 1;
            controller.enqueue(chunk);
          },
        }),
      );
      return new Response(seen, head);
    },
    beats: () => beats,
  };
}

/** Publishes an answer, with silences before, between and behind its parts. */
async function answer(
  { publish, move, listeners }: Source,
  beats: () => number,
  parts: readonly string[],
): Promise<void> {
  await until(() => listeners() > 0);
  for (const part of parts) {
    await move();
    await silence(beats);
    await publish(part);
  }
}

describe.each<[string, () => Promise<Source>]>([
  ['a channel', () => channelSource({})],
  ['a channel with heartbeat: comment', () => channelSource({ heartbeat: 'comment' })],
  ['a channel with heartbeat: event', () => channelSource({ heartbeat: 'event' })],
  // It asks for JSON, which is a page. The parameter says that it wants a stream (PROTOCOL §14.1).
  ['a topic of a hub with heartbeat=comment', () => hubSource('?heartbeat=comment')],
])('openai reads %s', (_, open) => {
  test('with silences, from now on and from a place', async () => {
    const source = await open();
    const chunk = (content: string): string => JSON.stringify({ choices: [{ index: 0, delta: { content } }] });
    const { fetch: get, beats } = counted(source.url);
    const client = new OpenAI({ apiKey: 'none', baseURL: 'http://none.test', maxRetries: 0, fetch: get });
    const done = answer(source, beats, [chunk('Hel'), chunk('lo')]);
    const stream = await client.chat.completions.create({ model: 'm', messages: [], stream: true });
    let text = '';
    for await (const { choices } of stream) {
      text += choices[0]!.delta.content;
      // The end of the response would end it, too, but nothing ends a topic.
      if (text === 'Hello') break;
    }
    await done;
    expect(text).toBe('Hello');
  });
});

describe.each<[string, () => Promise<Source>]>([
  ['a channel with heartbeat: comment', () => channelSource({ heartbeat: 'comment' })],
  ['a topic of a hub with heartbeat=comment', () => hubSource('?heartbeat=comment')],
])('the AI SDK reads %s', (_, open) => {
  test('with silences', async () => {
    const source = await open();
    const { fetch: get, beats } = counted(source.url);
    const transport = new DefaultChatTransport<UIMessage>({ api: 'http://none.test', fetch: get });
    const parts = [
      { type: 'start' },
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: 'Hello' },
      { type: 'text-end', id: 't' },
      { type: 'finish' },
    ];
    const done = answer(source, beats, [...parts.map((part) => JSON.stringify(part)), '[DONE]']);
    const abort = new AbortController();
    const stream = await transport.sendMessages({
      trigger: 'submit-message',
      chatId: 'c',
      messageId: undefined,
      messages: [],
      abortSignal: abort.signal,
    });
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { parts: read } of readUIMessageStream({ stream, terminateOnError: true })) {
        texts.push(read.map((part) => (part.type === 'text' ? part.text : '')).join(''));
      }
    })();
    await done;
    await until(() => texts.at(-1) === 'Hello');
    abort.abort();
    await reading.catch(() => {});
    expect(texts.at(-1)).toBe('Hello');
  });
});
