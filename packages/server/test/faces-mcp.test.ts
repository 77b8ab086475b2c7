import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { type EventStore, StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolResultSchema,
  type JSONRPCMessage,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { MemoryLog } from '@tidings/server/log';
import { createEventStore } from '@tidings/server/mcp';
import { afterEach, expect, test, vi } from 'vitest';
import { deferred } from './deferred.ts';
import { randomNumbers } from '../../../test/seed.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function makeLog(...args: ConstructorParameters<typeof MemoryLog>): MemoryLog {
  const log = new MemoryLog(...args);
  closers.push(() => log.close());
  return log;
}

/** The type of the SDK is what ours has to fit. */
function storeOf(log: MemoryLog, session: string = 's'): EventStore {
  return createEventStore({ log, session });
}

function message(n: number): JSONRPCMessage {
  return { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: n } };
}

async function replayed(store: EventStore, after: string): Promise<unknown[]> {
  const found: unknown[] = [];
  const streamId = await store.replayEventsAfter(after, {
    send: async (_id, each) => void found.push('params' in each && each.params?.['data']),
  });
  return [streamId, ...found];
}

async function expectRefusal(store: EventStore, id: string): Promise<void> {
  expect(await store.getStreamIdForEventId!(id)).toBeUndefined();
  await expect(replayed(store, id)).rejects.toMatchObject({ code: 'ERR_RUN_BROKEN' });
}

test('a replay has what followed in one stream of one session, in order', async () => {
  const log = makeLog();
  const store = storeOf(log);
  const other = storeOf(log, 't');
  const priming = await store.storeEvent('a', {} as JSONRPCMessage);
  // Nobody waits for the one before.
  const ids = await Promise.all([1, 2, 3].map((n) => store.storeEvent('a', message(n))));
  await store.storeEvent('b', message(4));
  await other.storeEvent('a', message(5));
  expect(new Set([priming, ...ids]).size).toBe(4);
  expect(await replayed(store, priming)).toEqual(['a', 1, 2, 3]);
  expect(await replayed(store, ids[1]!)).toEqual(['a', 3]);
  expect(await replayed(store, ids[2]!)).toEqual(['a']);
  expect(await store.getStreamIdForEventId!(ids[0]!)).toBe('a');
});

test('an id is taken only if it is that of an event which its stream in this session has', async () => {
  const log = makeLog();
  const store = storeOf(log);
  const other = storeOf(log, 't');
  await other.storeEvent('a', message(1));
  const priming = await store.storeEvent('a', {} as JSONRPCMessage);
  const id = await store.storeEvent('a', message(2));
  await other.storeEvent('a', message(3));
  await store.storeEvent('b', message(4));
  const epoch = id.split('.', 1)[0]!;
  const foreign = [`${epoch}.0/a`, `${epoch}.99/a`, 'earliest/a', id.replace('/a', '/b'), id.replace('/a', '/never')];
  for (const each of foreign) await expectRefusal(store, each);
  for (const each of [priming, id]) await expectRefusal(other, each);
  expect(await replayed(store, priming)).toEqual(['a', 2]);
  expect(await replayed(store, id)).toEqual(['a']);
});

test('an id that is not known, or behind which messages are no longer kept, is refused', async () => {
  const store = storeOf(makeLog({ retention: { maxEvents: 3 } }));
  const ids: string[] = [];
  for (let n = 0; n < 6; n += 1) ids.push(await store.storeEvent('a', message(n)));
  for (const id of ['', 'nonsense', 'x.1/a', 'earliest/a', ids[0]!]) await expectRefusal(store, id);
  expect(await replayed(store, ids[3]!)).toEqual(['a', 4, 5]);
});

test('mistakes are refused', async () => {
  const log = makeLog();
  expect(() => createEventStore({ log, session: '' })).toThrow('The option session is ""');
  expect(() => createEventStore({ log, session: 's', topic: '' })).toThrow('The option topic is ""');
  expect(() => createEventStore({ log: {} as MemoryLog, session: 's' })).toThrow('The option log');
  expect(() => storeOf(log).storeEvent('a/b', message(1))).toThrow('The id of a stream is "a/b"');
});

const CUTS = 100;
const MESSAGES_A_CUT = 5;

/**
 * A server with a tool that reports `MESSAGES_A_CUT` numbers between any two cuts.
 * @param begun resolves when the client has got something: before, it has nothing to go on behind
 */
async function serveMcp(begun: Promise<void>): Promise<URL> {
  const session = crypto.randomUUID();
  const eventStore = storeOf(makeLog(), session);
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => session,
    eventStore,
    retryInterval: 1,
  });
  const server = new McpServer({ name: 'counter', version: '1.0.0' }, { capabilities: { logging: {} } });
  const streams = new Set<ServerResponse>();
  /** Breaks every stream off. */
  const cut = (): number => {
    const { size } = streams;
    for (const stream of streams) stream.destroy();
    return size;
  };
  const random = randomNumbers();
  const turn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, Math.floor(random() * 3)));
  server.registerTool('count', { description: 'Counts' }, async ({ sendNotification }) => {
    let data = 0;
    let cuts = 0;
    while (cuts < CUTS) {
      for (let n = 0; n < MESSAGES_A_CUT; n += 1) {
        data += 1;
        await sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
        await begun;
        if (n === cuts % MESSAGES_A_CUT && cut() > 0) cuts += 1;
        await turn();
      }
    }
    return { content: [{ type: 'text', text: String(data) }] };
  });
  await server.connect(transport);
  const http = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isStream = request.method === 'POST' || request.headers['last-event-id'] !== undefined;
    if (isStream) streams.add(response);
    response.once('close', () => streams.delete(response));
    void transport.handleRequest(request, response);
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  closers.push(async () => {
    await server.close();
    http.closeAllConnections();
    http.close();
  });
  return new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`);
}

test('a connection that takes nothing keeps the next messages of its stream waiting for half a minute', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  closers.push(() => vi.useRealTimers());
  const store = createEventStore({ log: makeLog(), session: 'a' });
  const first = await store.storeEvent('s', { n: 1 });
  const second = await store.storeEvent('s', { n: 2 });
  const begun = deferred();
  const send = (): Promise<void> => {
    begun.resolve();
    return new Promise(() => {});
  };
  const outcome = Promise.allSettled([store.replayEventsAfter(first, { send })]);
  await begun.promise;
  const stored = store.storeEvent('s', { n: 3 });
  await vi.advanceTimersByTimeAsync(30_001);
  const reason = { code: 'ERR_RUN_BROKEN', message: expect.stringContaining('within 30 seconds') as string };
  expect(await outcome).toMatchObject([{ status: 'rejected', reason }]);
  const third = await stored;
  const found: string[] = [];
  await store.replayEventsAfter(first, {
    async send(id) {
      found.push(id);
    },
  });
  expect(found).toEqual([second, third]);
});

test('a stream begins with an event that primes it, behind which all of it comes again', async () => {
  const url = await serveMcp(Promise.resolve());
  const accept = 'application/json, text/event-stream';
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1.0.0' } },
    }),
  });
  const text = await response.text();
  const [, id = '', rest] = /^id: (.*)\nretry: 1\ndata: \n\n([\s\S]*)$/.exec(text) ?? [];
  expect(rest).toContain('"serverInfo"');
  const headers = { accept, 'mcp-session-id': response.headers.get('mcp-session-id') ?? '', 'last-event-id': id };
  const replay = await fetch(url, { headers });
  const reader = replay.body!.getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toBe(rest);
  await reader.cancel();
  const forged = await fetch(url, { headers: { ...headers, 'last-event-id': 'x.1/a' } });
  expect(forged.status).toBe(400);
});

test(`a call of the official client gets every message once and in order, cut and resumed ${CUTS} times`, async () => {
  const begun = deferred();
  const url = await serveMcp(begun.promise);
  const client = new Client({ name: 'reader', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(url, {
    reconnectionOptions: {
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 20,
      reconnectionDelayGrowFactor: 1.1,
      maxRetries: 1000,
    },
  });
  const got: unknown[] = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    got.push(params.data);
    begun.resolve();
  });
  await client.connect(transport);
  closers.push(() => client.close());
  const result = await client.request(
    { method: 'tools/call', params: { name: 'count', arguments: {} } },
    CallToolResultSchema,
    { timeout: 200_000, resetTimeoutOnProgress: true },
  );
  const [content] = result.content;
  const text = content?.type === 'text' ? content.text : '';
  expect(got).toEqual(Array.from({ length: Number(text) }, (_, n) => n + 1));
});
