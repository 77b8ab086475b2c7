import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { MemoryLog } from '@tidings/server/log';
import { Runs } from '@tidings/server/runs';
import { runDurability } from '@tidings/server/tanstack-ai';
import {
  EventType,
  replayRunStream,
  RUN_CANCEL_REASON,
  resumeServerSentEventsResponse,
  type StreamChunk,
  type StreamDurability,
  toHttpResponse,
  toServerSentEventsResponse,
  type UpsertableStreamDurability,
} from '@tanstack/ai';
import { decodeEventStream } from '@tidings/wire';
import { afterEach, expect, test } from 'vitest';
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

/** The type of the package is what ours has to fit. */
function durabilityOf(runs: Runs, offset: string | null = null): UpsertableStreamDurability {
  return runDurability({ runId: 'r', offset }, { runs });
}

function delta(text: string): StreamChunk {
  return { type: EventType.TEXT_MESSAGE_CONTENT, messageId: 'm', delta: text, timestamp: 1 };
}

const STARTED: StreamChunk = { type: EventType.RUN_STARTED, runId: 'r', threadId: 't', timestamp: 1 };
const FINISHED: StreamChunk = { type: EventType.RUN_FINISHED, runId: 'r', threadId: 't', timestamp: 1 };

/** The deltas of what a reader gets, and the types of all else. */
function shown(chunk: StreamChunk): string {
  return chunk.type === EventType.TEXT_MESSAGE_CONTENT ? chunk.delta : chunk.type;
}

async function readAll(durability: StreamDurability, offset: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { chunk } of durability.read(offset)) found.push(shown(chunk));
  return found;
}

interface Frame {
  readonly id: string;
  readonly what: string;
}

async function* framesOf(response: Response): AsyncGenerator<Frame> {
  for await (const { data, lastEventId } of decodeEventStream(response.body!)) {
    yield { id: lastEventId, what: shown(JSON.parse(data) as StreamChunk) };
  }
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

interface App {
  readonly url: string;
  readonly runs: Runs;
  /** Lets the model go on behind its first half. */
  readonly goOn: () => void;
  calls: number;
}

/** The routes as the pages of TanStack AI have them: a POST that makes the answer, and a GET that goes on with it. */
async function serveApp(): Promise<App> {
  const runs = makeRuns();
  const { promise, resolve } = deferred();
  const app = { url: '', runs, goOn: resolve, calls: 0 };
  async function* model(signal: AbortSignal): AsyncGenerator<StreamChunk> {
    app.calls += 1;
    yield STARTED;
    yield delta('one');
    yield delta('two');
    yield { type: EventType.CUSTOM, name: 'progress', value: {}, timestamp: 1 };
    const stopped = new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    await Promise.race([promise, stopped]);
    yield delta('three');
    yield FINISHED;
  }
  const answer = (request: Request): Response => {
    const abortController = new AbortController();
    const adapter = runDurability<StreamChunk>(request, { runs, lease: '2s', abortController });
    if (request.method === 'GET') return resumeServerSentEventsResponse({ adapter });
    const make = request.url.endsWith('/http') ? toHttpResponse : toServerSentEventsResponse;
    return make(model(abortController.signal), { durability: { adapter }, abortController, debug: false });
  };
  const listener = getRequestListener(answer);
  const server = createServer((request, response) => void listener(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  app.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return app;
}

const POST = { method: 'POST', headers: { 'X-Run-Id': 'r' } } as const;
const HALF = ['CUSTOM', 'RUN_STARTED', 'one', 'two', 'CUSTOM'];
const REST = ['three', 'RUN_FINISHED'];

async function readHalf(response: Response): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of framesOf(response)) {
    frames.push(frame);
    if (frames.length === HALF.length) break;
  }
  return frames;
}

test('a response that is cut goes on behind each offset, and a second page gets all of it', async () => {
  const app = await serveApp();
  const half = await readHalf(await fetch(app.url, POST));
  expect(half.map(({ what }) => what)).toEqual(HALF);
  const follow = async (init: RequestInit, query: string = ''): Promise<string[]> =>
    (await allOf(framesOf(await fetch(app.url + query, init)))).map(({ what }) => what);
  const going = [
    ...half.map(({ id }) => follow({ headers: { 'Last-Event-ID': id, 'X-Run-Id': 'r' } })),
    follow({}, '?runId=r&offset=-1'),
    // The offset names its run.
    follow({ headers: { 'Last-Event-ID': half[1]!.id } }),
    follow({}, `?offset=${encodeURIComponent(half[4]!.id)}`),
  ];
  app.goOn();
  const all = [...HALF, ...REST];
  expect(await Promise.all(going)).toEqual([...half.map((_, n) => all.slice(n + 1)), all, all.slice(2), all.slice(5)]);
  expect(await follow({}, '?runId=r&offset=-1')).toEqual(all);
  expect(app.calls).toBe(1);
  expect((await fetch(app.url)).status).toBe(400);
});

test('the same over lines of JSON', async () => {
  const app = await serveApp();
  app.goOn();
  const lines = (await (await fetch(`${app.url}http`, POST)).text()).trim().split('\n');
  const found = lines.map((line) => JSON.parse(line) as { id: string; chunk: StreamChunk });
  expect(found.map(({ chunk }) => shown(chunk))).toEqual([...HALF, ...REST]);
  const rest = await fetch(app.url, { headers: { 'Last-Event-ID': found[4]!.id } });
  expect((await allOf(framesOf(rest))).map(({ what }) => what)).toEqual(REST);
});

test('a stop from another instance aborts the producer, and what there was stays', async () => {
  const app = await serveApp();
  const response = await fetch(app.url, POST);
  const frames = framesOf(response);
  for (const what of HALF) expect((await frames.next()).value?.what).toBe(what);
  expect((await app.runs.stop('r')).state).toBe('stopped');
  await allOf(frames);
  const replayed = await allOf(framesOf(await fetch(`${app.url}?runId=r&offset=-1`)));
  expect(replayed.map(({ what }) => what)).toEqual([...HALF, 'RUN_ERROR']);
});

test('a stop is a cancellation by the reason that TanStack AI knows, not a page that has gone', async () => {
  const runs = makeRuns();
  const abortController = new AbortController();
  const durability = runDurability<StreamChunk>({ runId: 'r' }, { runs, abortController });
  await durability.append([delta('one')]);
  const aborted = new Promise((resolve) => abortController.signal.addEventListener('abort', resolve));
  const stopped = runs.stop('r');
  await aborted;
  expect(abortController.signal.reason).toBe(RUN_CANCEL_REASON);
  // Its last words are taken, and the run is stopped, whatever it closes with.
  await durability.append([delta('and out')]);
  await durability.close();
  expect((await stopped).state).toBe('stopped');
  expect(await readAll(durability, '-1')).toEqual(['one', 'and out', 'RUN_ERROR']);
});

test('a stop ends the run of a producer that does not react to it', async () => {
  const runs = makeRuns();
  const deaf = runDurability<StreamChunk>({ runId: 'r' }, { runs, abortController: new AbortController() });
  await deaf.append([delta('one')]);
  expect((await runs.stop('r')).state).toBe('stopped');
  await expect(deaf.append([delta('late')])).rejects.toMatchObject({ code: 'ERR_RUN_OVER' });
});

test('without an abortController, a stop ends the run at once, and its producer with the next chunk', async () => {
  const runs = makeRuns();
  const goOn = deferred();
  const isLeft = deferred();
  async function* model(): AsyncGenerator<StreamChunk> {
    try {
      yield STARTED;
      yield delta('one');
      yield { type: EventType.CUSTOM, name: 'progress', value: {}, timestamp: 1 };
      await goOn.promise;
      for (;;) yield delta('late');
    } finally {
      isLeft.resolve();
    }
  }
  const frames = framesOf(
    toServerSentEventsResponse(model(), { durability: { adapter: durabilityOf(runs), batch: 1 }, debug: false }),
  );
  for (const what of HALF.filter((each) => each !== 'two')) expect((await frames.next()).value?.what).toBe(what);
  expect((await runs.stop('r')).state).toBe('stopped');
  const all = ['CUSTOM', 'RUN_STARTED', 'one', 'CUSTOM', 'RUN_ERROR'];
  expect(await readAll(durabilityOf(runs), '-1')).toEqual(all);
  goOn.resolve();
  await isLeft.promise;
  expect((await allOf(frames)).map(({ what }) => what)).toEqual(['RUN_ERROR']);
  expect(await readAll(durabilityOf(runs), '-1')).toEqual(all);
});

test('a run whose producer’s process is gone ends with an error within its lease', async () => {
  const runs = makeRuns();
  const lease = (await runs.store.acquire('r', { leaseMs: 1000, ttlMs: 60_000 }))!;
  await runs.store.append(lease, [JSON.stringify(delta('part'))]);
  const response = resumeServerSentEventsResponse({ adapter: durabilityOf(runs, '-1') });
  const frames = await allOf(framesOf(response));
  expect(frames.map(({ what }) => what)).toEqual(['part', 'RUN_ERROR']);
  // Who comes back behind it is not told again.
  expect(await readAll(durabilityOf(runs), frames[1]!.id)).toEqual([]);
});

test('a second producer of a run is refused', async () => {
  const runs = makeRuns();
  await durabilityOf(runs).append([delta('one')]);
  const second = durabilityOf(runs);
  await expect(second.append([delta('two')])).rejects.toMatchObject({ code: 'ERR_RUN_OVER' });
  await second.close();
  expect((await runs.status('r')).state).toBe('streaming');
});

test('there is no snapshot of a run whose beginning was trimmed', async () => {
  const log = new MemoryLog({ retention: { maxEvents: 3 } });
  closers.push(() => log.close());
  const durability = durabilityOf(new Runs({ log }));
  await durability.append([STARTED, delta('1'), delta('2'), FINISHED]);
  await durability.close();
  await expect(durability.snapshot()).rejects.toMatchObject({ code: 'ERR_RUN_BROKEN' });
  await expect(readAll(durability, '-1')).rejects.toMatchObject({ code: 'ERR_RUN_BROKEN' });
});

test('a snapshot has what is stored, and never waits', async () => {
  const runs = makeRuns();
  const durability = durabilityOf(runs);
  expect(await durability.snapshot()).toEqual([]);
  const offsets = await durability.append([delta('one'), delta('two')]);
  const stored = [
    { offset: offsets[0], chunk: delta('one') },
    { offset: offsets[1], chunk: delta('two') },
  ];
  expect(await durability.snapshot()).toEqual(stored);
  await durability.close();
  expect(await durability.snapshot()).toEqual(stored);
  const replayed = await allOf(replayRunStream(durabilityOf(runs)));
  expect(replayed.map(shown)).toEqual(['one', 'two']);
  expect(await readAll(durability, 'now')).toEqual([]);
});

test('upsert replaces what is stored, and checks the whole batch before', async () => {
  const runs = makeRuns();
  const durability = durabilityOf(runs);
  const [one, two, three] = (await durability.append([delta('1'), delta('2'), delta('3')])) as [string, string, string];
  const refused = async (...entries: unknown[]): Promise<void> => {
    const batch = [{ offset: one, chunk: delta('wrong') }, ...entries] as { offset: string; chunk: StreamChunk }[];
    await expect(durability.upsert(batch)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  };
  await refused({ offset: 'elsewhere', chunk: delta('x') });
  await refused({ offset: `${one}9`, chunk: delta('x') });
  await refused({ offset: '-1', chunk: delta('x') });
  await refused({ offset: one, chunk: delta('x') });
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what is to be refused
  await expect(durability.upsert([, { offset: one, chunk: delta('x') }] as never)).rejects.toThrow(
    'the one at 0 is missing',
  );
  const entries = [
    { offset: three, chunk: delta('III') },
    { offset: one, chunk: delta('1') },
  ];
  expect(await durability.upsert(entries)).toEqual([three, one]);
  await durability.append([delta('4')]);
  await durability.upsert([{ offset: two, chunk: delta('II') }]);
  await durability.close();
  expect((await durability.snapshot()).map(({ chunk }) => shown(chunk))).toEqual(['1', 'II', 'III', '4']);
  expect(await readAll(durabilityOf(runs), '-1')).toEqual(['1', 'II', 'III', '4']);
  expect(await readAll(durabilityOf(runs), two)).toEqual(['III', '4']);
  // The same again changes nothing, so it does not matter that the run is over.
  expect(await durabilityOf(runs).upsert(entries)).toEqual([three, one]);
  await expect(durabilityOf(runs).upsert([{ offset: one, chunk: delta('x') }])).rejects.toMatchObject({
    code: 'ERR_RUN_OVER',
  });
});

test('mistakes are refused', async () => {
  const runs = makeRuns();
  expect(() => runDurability({ runId: '' }, { runs })).toThrow('The id of a run is ""');
  expect(() => runDurability(new Request('http://localhost/?runId=..'), { runs })).toThrow('The id of a run is ".."');
  expect(() => runDurability({ runId: 'r' }, { runs: {} as Runs })).toThrow('must be a Runs');
  const { signal } = new AbortController();
  expect(() => runDurability({ runId: 'r' }, { runs, abortController: signal as never })).toThrow(
    'The option abortController is an object, but must be an AbortController, which has a signal',
  );
  expect(() => runDurability({ runId: 'r', offset: 5 as never }, { runs })).toThrow('The option offset is 5');
  await expect(readAll(durabilityOf(runs), '-1')).rejects.toMatchObject({ code: 'ERR_RUN_BROKEN' });
  await durabilityOf(runs).append([delta('one')]);
  await expect(readAll(durabilityOf(runs), 's:1')).rejects.toThrow('The offset "s:1" is not one of the run "r"');
});
