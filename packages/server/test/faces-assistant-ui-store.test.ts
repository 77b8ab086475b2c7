// What the tests of assistant-stream check with private options of its store in memory, of ours: producers that were superseded, sources that are let go of, and times to live.

import { createResumableStreamStore } from '@tidings/server/assistant-ui';
import { type EventLog, MemoryLog, type MemoryLogOptions } from '@tidings/server/log';
import { Runs } from '@tidings/server/runs';
import { createResumableStreamContext, type ResumableStreamStore } from 'assistant-stream/resumable';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function turns(): Promise<void> {
  for (let n = 0; n < 30; n += 1) await turn();
}

interface Rig {
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly store: ResumableStreamStore;
  /** Moves the clock, a step of the renewals after the other. */
  advance(ms: number): Promise<void>;
}

/** @param append stands in the place of the log's */
function rig(options: MemoryLogOptions = {}, append?: (log: MemoryLog) => EventLog['append']): Rig {
  const clock = new FakeClock();
  const log = new MemoryLog({ ...options, clock });
  onTestFinished(() => log.close());
  const own = append?.(log);
  const used = own
    ? new Proxy(log, {
        get(target, name) {
          if (name === 'append') return own;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      })
    : log;
  const store = createResumableStreamStore({ runs: new Runs({ log: used, clock }), lease: '1s', ttl: '10s' });
  const advance = async (ms: number): Promise<void> => {
    for (let rest = ms; rest > 0; rest -= 200) {
      clock.advance(Math.min(rest, 200));
      await turns();
    }
  };
  return { clock, log, store, advance };
}

/** What the hooks of a context are told, and a source that goes on when it is told to. */
function watched(store: ResumableStreamStore): {
  readonly context: ReturnType<typeof createResumableStreamContext>;
  readonly tasks: Promise<unknown>[];
  readonly errors: unknown[];
  readonly finalized: unknown[];
} {
  const tasks: Promise<unknown>[] = [];
  const errors: unknown[] = [];
  const finalized: unknown[] = [];
  const context = createResumableStreamContext({
    store,
    waitUntil: (task) => tasks.push(task),
    onError: (_, error) => errors.push(error),
    onFinalize: (...args) => finalized.push(args),
  });
  return { context, tasks, errors, finalized };
}

function source(first: string): {
  readonly stream: ReadableStream<Uint8Array>;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
} {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
      given.enqueue(bytes(first));
    },
  });
  return { stream, controller: controller! };
}

test('a stream whose producer appends nothing is forgotten, and its producer keeps out of the one that takes its id', async () => {
  const { store, advance } = rig();
  const { context, tasks, errors } = watched(store);
  const stale = source('old');
  await context.run('a', () => stale.stream);
  await turns();
  // Its lease is renewed for the time to live, and its end is kept for as long again.
  await advance(9000);
  expect(await store.status('a')).toBe('streaming');
  await advance(5000);
  expect(await store.status('a')).toBe('error');
  await advance(12_000);
  expect(await store.status('a')).toBe('missing');
  const fresh = source('new');
  const reading = textOf(await context.run('a', () => fresh.stream));
  stale.controller.enqueue(bytes('late'));
  await tasks[0];
  fresh.controller.close();
  expect(await reading).toBe('new');
  expect(errors).toEqual([expect.objectContaining({ code: 'missing' })]);
});

/** A producer goes on, after its stream was deleted and another one has taken its id, in another instance. */
async function supersede(
  goOn: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
): Promise<{ readonly errors: unknown[]; readonly finalized: unknown[]; readonly status: string }> {
  const { log, clock, store } = rig();
  const { context, tasks, errors, finalized } = watched(store);
  const stale = source('old');
  await context.run('a', () => stale.stream);
  await turns();
  const other = createResumableStreamStore({ runs: new Runs({ log, clock }) });
  await other.delete('a');
  expect(await other.acquire('a')).toBe('producer');
  goOn(stale.controller);
  await tasks[0];
  return { errors, finalized, status: await other.status('a') };
}

test('a superseded producer that appends is told so once, and ends nothing', async () => {
  const { errors, finalized, status } = await supersede((controller) => controller.enqueue(bytes('late')));
  expect(errors).toEqual([expect.objectContaining({ code: 'missing' })]);
  expect([finalized, status]).toEqual([[], 'streaming']);
});

test('a superseded producer that ends is told so once, and ends nothing', async () => {
  const { errors, finalized, status } = await supersede((controller) => controller.close());
  expect(errors).toEqual([expect.objectContaining({ code: 'missing' })]);
  expect([finalized, status]).toEqual([[], 'streaming']);
});

test('a superseded producer that fails is told its own failure only, and ends nothing', async () => {
  const { errors, finalized, status } = await supersede((controller) => controller.error(new Error('boom')));
  expect(errors).toEqual([new Error('boom')]);
  expect([finalized, status]).toEqual([[], 'streaming']);
});

for (const how of ['resolve', 'reject'] as const) {
  test(`a chunk that the log refuses ends the stream before its source has been let go of, which may ${how}`, async () => {
    const { store } = rig({ maxEventBytes: 1000 });
    const { context, tasks, errors, finalized } = watched(store);
    const cleanup = deferred();
    const isCancelled = deferred<unknown>();
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(2000)),
      cancel(reason) {
        isCancelled.resolve(reason);
        return cleanup.promise;
      },
    });
    const reading = textOf(await context.run('a', () => stream));
    reading.catch(() => {});
    expect(await isCancelled.promise).toMatchObject({ code: 'ERR_EVENT_TOO_LARGE' });
    await expect(reading).rejects.toThrow('1000');
    expect(await context.status('a')).toBe('error');
    expect(errors).toMatchObject([{ code: 'ERR_EVENT_TOO_LARGE' }]);
    expect(finalized).toMatchObject([['a', 'error', expect.stringContaining('1000')]]);
    expect(stream.locked).toBe(true);
    // What the cleanup throws is told on the console.
    const { error } = console;
    const told: unknown[] = [];
    console.error = (...args) => told.push(args.at(-1));
    onTestFinished(() => {
      console.error = error;
    });
    if (how === 'resolve') cleanup.resolve();
    else cleanup.reject(new Error('cleanup failed'));
    await tasks[0];
    expect(stream.locked).toBe(false);
    expect(told).toEqual(how === 'resolve' ? [] : [new Error('cleanup failed')]);
  });
}

for (const how of ['is fenced off', 'fails'] as const) {
  test(`the source of a stream is let go of, also if its end ${how}`, async () => {
    let isBroken = false;
    const { log, clock, store } = rig({ maxEventBytes: 1000 }, (target) => async (...args) => {
      if (isBroken) throw Object.assign(new Error('The disk is full'), { code: 'ERR_NOT_STORED' });
      return await target.append(...args);
    });
    const { context, tasks, finalized } = watched(store);
    const cleanup = deferred();
    const isCancelled = deferred();
    const { error } = console;
    console.error = () => {};
    onTestFinished(() => {
      console.error = error;
    });
    const { stream, controller } = (() => {
      let given: ReadableStreamDefaultController<Uint8Array> | undefined;
      const made = new ReadableStream<Uint8Array>({
        start: (own) => void (given = own),
        cancel() {
          isCancelled.resolve();
          return cleanup.promise;
        },
      });
      return { stream: made, controller: given! };
    })();
    const answer = await context.run('a', () => stream);
    await turns();
    if (how === 'fails') isBroken = true;
    else {
      const other = createResumableStreamStore({ runs: new Runs({ log, clock }) });
      await other.delete('a');
      await other.acquire('a');
    }
    controller.enqueue(new Uint8Array(10));
    await isCancelled.promise;
    await turns();
    expect([stream.locked, finalized]).toEqual([true, []]);
    cleanup.resolve();
    await tasks[0];
    expect([stream.locked, finalized]).toEqual([false, []]);
    await answer.cancel();
  });
}

test('each append puts the end of a stream off, and so does its own end', async () => {
  const { store, advance } = rig();
  await store.acquire('active');
  await store.acquire('finished');
  await advance(8000);
  await store.append('active', bytes('x'));
  await store.finalize('finished', 'done');
  await advance(8000);
  expect([await store.status('active'), await store.status('finished')]).toEqual(['streaming', 'done']);
  await advance(4000);
  expect(await store.status('finished')).toBe('missing');
  await advance(12_000);
  expect(await store.status('active')).toBe('missing');
});

test('a stop, from anywhere, aborts the signal of a stream and ends it, and what there was stays', async () => {
  const { log, clock, store: plain } = rig();
  const store = createResumableStreamStore({ runs: new Runs({ log, clock }) });
  const other = new Runs({ log, clock });
  const { context, tasks } = watched(store);
  const { stream, controller } = source('part');
  const isAborted = deferred();
  await context.run('a', () => {
    store.signal('a').addEventListener('abort', () => {
      controller.error(new Error('aborted'));
      isAborted.resolve();
    });
    return stream;
  });
  await turns();
  const stopped = other.stop('a');
  await isAborted.promise;
  await tasks[0];
  expect((await stopped).state).toBe('stopped');
  expect(await plain.status('a')).toBe('done');
  expect(await textOf((await context.resume('a'))!)).toBe('part');
  expect(() => store.signal('b')).toThrow('Stream not produced here: b');
});

test('a stop ends a stream whose producer knows no signal at once, and the producer with its next chunk', async () => {
  const { log, clock, store } = rig();
  const other = new Runs({ log, clock });
  const { context, tasks, errors } = watched(store);
  const reason = deferred<unknown>();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
      given.enqueue(bytes('part'));
    },
    cancel: (why) => reason.resolve(why),
  });
  const reading = textOf(await context.run('a', () => stream));
  await turns();
  expect((await other.stop('a')).state).toBe('stopped');
  expect(await reading).toBe('part');
  controller?.enqueue(bytes('late'));
  expect(await reason.promise).toMatchObject({ code: 'finalized' });
  await tasks[0];
  expect(errors).toMatchObject([{ code: 'finalized' }]);
});

test('the signal of a stream aborts when the stream is deleted', async () => {
  const { log, clock } = rig();
  const store = createResumableStreamStore({ runs: new Runs({ log, clock }) });
  await store.acquire('a');
  const signal = store.signal('a');
  await store.delete('a');
  expect(signal.aborted).toBe(true);
  // An end of its own is no reason.
  await store.acquire('a');
  const other = store.signal('a');
  await store.finalize('a', 'done');
  expect(other.aborted).toBe(false);
});

test('a reader is told that a stream is no longer all there', async () => {
  const { store } = rig({ retention: { perTopic: [{ topics: ['runs/a'], maxEvents: 2 }] } });
  await store.acquire('a');
  for (const text of ['1', '2', '3']) await store.append('a', bytes(text));
  await store.finalize('a', 'done');
  const all = (async () => {
    for await (const _ of store.read('a', '', new AbortController().signal));
  })();
  await expect(all).rejects.toMatchObject({ code: 'ERR_RUN_BROKEN' });
});
