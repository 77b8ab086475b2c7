// Compiled with the packed packages where the libraries of a program are those of Node, with those of browsers and without.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { ReadableStream } from 'node:stream/web';
import { EventSource, type EventSubscription, subscribe } from '@tidings/client';
import { resumingChatTransport } from '@tidings/client/ai-sdk';
import { fileOutbox } from '@tidings/client/file-outbox';
import { fileStore } from '@tidings/client/file-store';
import { responseEvents } from '@tidings/client/openai';
import { type Lease, type LeaseError, Publisher, type PublisherOptions } from '@tidings/client/publisher';
import { createServer as createHubServer, Hub, MemoryLog } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { NatsLog } from '@tidings/nats';
import { PostgresLog } from '@tidings/postgres';
import { Channel, type ChannelOptions, eventStream, fetchHead, ServerError } from '@tidings/server';
import { createResumableStreamContext, respondUIMessages, startUIMessages } from '@tidings/server/ai-sdk';
import { createResumableStreamStore } from '@tidings/server/assistant-ui';
import * as fastify from '@tidings/server/fastify';
import * as http2 from '@tidings/server/http2';
import * as koa from '@tidings/server/koa';
import { FanOut } from '@tidings/server/live';
import { type EventLog, formatCursor } from '@tidings/server/log';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import * as logTesting from '@tidings/server/log/testing';
import { createEventStore } from '@tidings/server/mcp';
import * as nest from '@tidings/server/nest';
import * as node from '@tidings/server/node';
import { type RunItem, Runs, type RunsOptions, type StartOptions } from '@tidings/server/runs';
import { runDurability } from '@tidings/server/tanstack-ai';
import { decodeEventStream, type EventMessage, EventStreamDecoderStream } from '@tidings/wire';
import { Agent, fetch as undiciFetch } from 'undici';

/** Makes the requests, by whichever way fits a private network. */
export const sources: readonly EventSource[] = [
  new EventSource('https://example.org', { fetch }),
  new EventSource(new URL('https://example.org'), { fetch: undiciFetch }),
  new EventSource('https://example.org', { fetch: async (url, init) => fetch(url, init) }),
  new EventSource('https://example.org', {
    fetch: async (url, init) => undiciFetch(url, { ...init, dispatcher: new Agent() }),
  }),
];

export const publisher: Publisher = new Publisher(new URL('https://example.org'), {
  store: fileOutbox('outbox'),
  headers: ({ unauthorized }) => new Headers({ a: String(unauthorized) }),
  signal: AbortSignal.timeout(1000),
  fetch: undiciFetch,
  onKept: undefined,
} satisfies PublisherOptions);
export async function lease(): Promise<string | LeaseError> {
  const run: Lease = await publisher.lease('a', { ttl: undefined });
  run.signal.addEventListener('abort', () => {});
  await run.publish({ data: 1, type: undefined }).accepted;
  const id: string = await run.close();
  await run.release();
  return run.signal.aborted ? (run.signal.reason as LeaseError) : id;
}

export const subscription: EventSubscription = subscribe('https://example.org', {
  store: fileStore('position'),
  method: 'POST',
  body: Buffer.from('question'),
  headers: new Headers({ a: 'b' }),
  signal: AbortSignal.timeout(1000),
  fetch: undiciFetch,
});

export async function startRun(nothing: undefined, chunks: ReadableStream<string>): Promise<RunItem | undefined> {
  const kept: RunsOptions = {
    log: new MemoryLog(),
    topic: nothing,
    private: nothing,
    onError: nothing,
    clock: nothing,
  };
  const atHub: RunsOptions = { hub: new URL('https://example.org'), headers: async () => ({ a: 'b' }), fetch };
  const options: StartOptions = {
    ttl: '1h',
    lease: 5000,
    coalesceMs: nothing,
    waitUntil: (over) => void over.then(String),
  };
  const { over } = await new Runs(kept).start('a', chunks, options);
  await new Runs(atHub).start('a', async ({ append, signal }) => append(String(signal.aborted)), {});
  await over;
  for await (const item of new Runs(kept).resume('a', { lastEventId: nothing, signal: nothing })) return item;
  return undefined;
}

/** Answers of models, by the faces of other libraries. */
export async function answers(nothing: undefined, runs: Runs, request: Request): Promise<Response> {
  const settings = { ttl: nothing, lease: nothing, coalesceMs: nothing, waitUntil: nothing };
  await createResumableStreamContext({ runs, ...settings }).hasExistingStream('a');
  await startUIMessages(runs, 'a', async function* ({ signal }) {
    yield { type: 'text-delta', delta: String(signal.aborted) };
  });
  const durability = runDurability<{ type: string }>(request, { runs, lease: '5s', abortController: nothing });
  await durability.upsert(await durability.snapshot());
  const { role } = await createResumableStreamStore({ runs, ttl: nothing }).acquireLease('a', { ttlMs: nothing });
  await createEventStore({ log: new MemoryLog(), session: role, topic: nothing }).storeEvent('a', {});
  const transport = resumingChatTransport<object, object>({ api: nothing, headers: () => ({ a: 'b' }), fetch });
  await transport.reconnectToStream({ chatId: 'a', abortSignal: request.signal });
  for await (const { type } of responseEvents('https://example.org', { body: {}, retry: nothing })) console.log(type);
  return await respondUIMessages(runs, request, 'a', { errorText: ({ state }) => state, replay: nothing });
}

/** Every option, each of which may be `undefined`. */
export function channel(nothing: undefined): Channel {
  const options: ChannelOptions = {
    history: nothing,
    log: nothing,
    topic: nothing,
    overflow: nothing,
    heartbeat: nothing,
    onError: nothing,
    maxBacklogBytes: nothing,
    keepAliveMs: nothing,
    clock: nothing,
    headers: nothing,
    cors: { origins: ['https://example.org'], credentials: nothing, maxAgeSeconds: nothing },
    compression: nothing,
    authenticate: nothing,
    maxListeners: nothing,
    maxListenersPerKey: nothing,
  };
  return new Channel(options);
}

export async function serve(nothing: undefined): Promise<void> {
  const { signal } = new AbortController();
  const log: EventLog = new MemoryLog({ retention: { maxEvents: 10, maxAgeMs: nothing }, clock: nothing });
  const stored = await LmdbLog.open({ path: 'folder', retention: nothing, trimEveryMs: nothing, clock: nothing });
  const hub = new Hub({
    log,
    key: 'secret',
    limits: { maxListeners: nothing },
    publicUrl: nothing,
    allowedOrigins: nothing,
    compression: nothing,
  });
  const server = createHubServer(hub, { lingerMs: nothing });
  const own = channel(nothing);
  const id: string | undefined = await own.publish({ event: 'price', data: '1', id: nothing });
  const response: Response = await own.respond(new Request('https://example.org', { signal }));
  const streamed: Response = eventStream(new Request('https://example.org'), events(), { onError: nothing });
  createHttpServer((request, answer) => void node.respond(own, request, answer, { directWrites: nothing }));
  createHttp2Server().on('stream', (stream, headers) => void http2.respond(own, stream, headers));
  node.createServer((request, answer) => void node.eventStream(request, answer, events()), { maxLargeHeads: nothing });
  new FanOut(log, { keepAliveMs: nothing });
  const cursor: string = formatCursor({ epoch: 'epoch', seq: 1 });
  const adapters: readonly unknown[] = [
    fastify.respond,
    koa.respond,
    nest.respond,
    logTesting,
    LogHost,
    RemoteLog,
    NatsLog,
    PostgresLog,
    fetchHead,
    ServerError,
  ];
  server.close();
  await hub.close({ windowMs: nothing });
  await stored.close();
  void [id, response, streamed, cursor, adapters];
}

async function* events(): AsyncGenerator<{ data: string; id: string | undefined }> {
  yield await Promise.resolve({ data: 'one', id: undefined });
}

export async function decode(bytes: ReadableStream<Uint8Array>): Promise<void> {
  for await (const event of decodeEventStream(bytes)) void event.data;
  const { body } = await fetch('https://example.org');
  if (!body) return;
  const { value } = await body.pipeThrough(new EventStreamDecoderStream()).getReader().read();
  const message: EventMessage | undefined = value;
  void message;
}
