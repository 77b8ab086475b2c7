import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MemoryLog, type MemoryLogOptions } from '@tidings/server/log';
import { createResumableStreamContext, startUIMessages } from '@tidings/server/ai-sdk';
import { type Clock, type NewChunk, type RunItem, Runs } from '@tidings/server/runs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';

function makeLog(options: MemoryLogOptions = {}): MemoryLog {
  const log = new MemoryLog(options);
  onTestFinished(() => log.close());
  return log;
}

async function allOf(items: AsyncIterable<RunItem>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const item of items) {
    if (item.type === 'chunk') found.push(item.data);
    else found.push(item.type === 'end' ? item.state : item.gap.reason);
  }
  return found;
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function turns(): Promise<void> {
  for (let n = 0; n < 50; n += 1) await turn();
}

test('a run that is stopped before its producer has its chunks lets go of them, whether they come or not', async () => {
  const runs = new Runs({ log: makeLog() });
  const isCancelled = deferred();
  const isReturned = deferred();
  const makes = new Map<string, () => AsyncIterable<NewChunk> | ReadableStream<NewChunk>>([
    // Neither ever has a chunk.
    ['a stream', () => new ReadableStream<NewChunk>({ cancel: () => isCancelled.resolve() })],
    [
      'an iterable',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise<IteratorResult<NewChunk>>(() => {}),
          async return() {
            isReturned.resolve();
            return { done: true as const, value: undefined };
          },
        }),
      }),
    ],
  ]);
  for (const [id, make] of makes) {
    const asked = deferred();
    const { over } = await runs.start(id, async () => {
      await asked.promise;
      return make();
    });
    expect((await runs.stop(id)).state).toBe('stopped');
    asked.resolve();
    expect(await over).toBe('stopped');
  }
  await Promise.all([isCancelled.promise, isReturned.promise]);
});

test('an iterable that never returns does not keep its run from ending', async () => {
  const runs = new Runs({ log: makeLog() });
  const { over } = await runs.start('a', async function* () {
    yield 'one';
    await new Promise(() => {});
  });
  const reading = runs.resume('a');
  expect(await reading.next()).toMatchObject({ value: { data: 'one' } });
  expect((await runs.stop('a')).state).toBe('stopped');
  expect([await over, await allOf(reading)]).toEqual(['stopped', ['stopped']]);
});

test('whatever a producer throws, at once or later, its run has failed', async () => {
  const runs = new Runs({ log: makeLog() });
  const wrongMessage = Object.assign(new Error('x'), { message: { toString: null } });
  const thrown: unknown[] = [new Error('late'), 'text', undefined, Symbol('s'), Object.create(null), wrongMessage];
  for (const [at, what] of thrown.entries()) {
    const late = await runs.start(`late ${at}`, async () => {
      throw what;
    });
    const early = await runs.start(`early ${at}`, () => {
      throw what;
    });
    const iterable = await runs.start(`iterable ${at}`, {
      [Symbol.asyncIterator]() {
        throw what;
      },
    });
    for (const { over } of [late, early, iterable]) expect(await over).toBe('failed');
    expect(typeof (await runs.status(`late ${at}`)).error).toBe('string');
  }
});

test('a run whose host does not take waitUntil goes on', async () => {
  const told: unknown[] = [];
  const runs = new Runs({ log: makeLog(), onError: (error) => told.push(error) });
  const waitUntil = (): never => {
    throw new Error('no request to wait for');
  };
  const { isProducer, over } = await runs.start('a', ({ append }) => append('one'), { waitUntil });
  expect([isProducer, await over]).toEqual([true, 'done']);
  expect(told).toEqual([new Error('no request to wait for')]);
  const later = async (done: Promise<unknown>): Promise<never> => {
    await done;
    throw new Error('the host has ended');
  };
  const { over: alsoOver } = await runs.start('b', ({ append }) => append('one'), {
    waitUntil: (done) => later(done) as unknown as void,
  });
  expect(await alsoOver).toBe('done');
  await turns();
  expect(told.slice(1)).toEqual([new Error('the host has ended')]);
});

test('what a function onError throws, at once or later, is printed and ends nothing', async () => {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => print.mockRestore());
  const [atOnce, later] = [new Error('at once'), new Error('later')];
  const handlers: readonly (() => unknown)[] = [
    () => {
      throw atOnce;
    },
    () => Promise.reject(later),
  ];
  for (const onError of handlers as readonly (() => void)[]) {
    const runs = new Runs({ log: makeLog(), onError });
    const { over } = await runs.start('a', ({ append }) => append('one'), {
      waitUntil: () => {
        throw new Error('no request to wait for');
      },
    });
    expect(await over).toBe('done');
  }
  await turns();
  expect(print.mock.calls).toEqual([[atOnce], [later]]);
});

test('a producer that does not wait for room fails, and what it has appended until then stays', async () => {
  const told: unknown[] = [];
  const runs = new Runs({ log: makeLog(), onError: (error) => told.push((error as { code?: string }).code) });
  for (const chunk of ['x'.repeat(1024), '']) {
    let appended = 0;
    const id = `of ${chunk.length}`;
    const { over } = await runs.start(id, ({ append, signal }) => {
      while (!signal.aborted && appended < 1_000_000) {
        void append(chunk);
        appended += 1;
      }
    });
    expect(await over).toBe('failed');
    // 16 MiB, with 64 bytes for each chunk, or 65,536 chunks.
    expect(appended).toBeLessThanOrEqual(Math.min(65_536, (16 * 1024 * 1024) / (64 + 2 * chunk.length)) + 2);
    // The last one was refused.
    expect((await runs.snapshot(id)).length).toBe(appended);
    expect((await runs.status(id)).error).toContain('Await append()');
  }
  expect(told).toEqual(['ERR_TOO_MUCH_WAITS', 'ERR_TOO_MUCH_WAITS']);
});

test('what a producer does with a chunk after it has appended it does not change the run', async () => {
  const runs = new Runs({ log: makeLog() });
  const { over } = await runs.start('a', ({ append }) => {
    const bytes = new Uint8Array([1, 2]);
    const event: { event: string; data: string } = { event: 'e', data: 'as it was' };
    void append(bytes);
    void append(event);
    bytes.fill(9);
    event.data = 'other';
    event.event = 'run-end';
  });
  expect(await over).toBe('done');
  expect(await allOf(runs.resume('a'))).toEqual([new Uint8Array([1, 2]), 'as it was', 'done']);
});

test('a hub that refuses and never ends its answer is away, as one that does not answer', async () => {
  const server = createServer((_, response) => void response.writeHead(500, { 'content-length': 100 }).write('half'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // Half a minute is over in 30 milliseconds.
  const clock: Clock = {
    now: () => performance.now() * 1000,
    time: () => Date.now(),
    setTimeout: (callback, ms) => setTimeout(callback, ms / 1000),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  };
  const runs = new Runs({ hub: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, clock });
  await expect(runs.status('a')).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
});

test('a reader whose clock is wrong by decades sets no timer that it cannot have', async () => {
  const log = makeLog();
  const lease = await new Runs({ log }).store.acquire('a', { leaseMs: 1000, ttlMs: 60_000 });
  const asked: number[] = [];
  const clock: Clock = {
    now: () => performance.now(),
    time: () => 0,
    setTimeout: (callback, ms) => {
      asked.push(ms);
      return setTimeout(callback, ms);
    },
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  };
  const runs = new Runs({ log, clock });
  const reading = allOf(runs.resume('a'));
  await runs.store.append(lease!, ['one']);
  // The log itself says when the lease has ended.
  expect(await reading).toEqual(['one', 'lost']);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((ms) => ms > 2 ** 31 - 1)).toEqual([]);
});

test('a run that outlives what the log keeps goes on, and its readers are told what they miss', async () => {
  const clock = new FakeClock();
  const log = makeLog({ clock, retention: { maxAgeMs: 60_000 } });
  const runs = new Runs({ log, clock });
  const steps: (() => void)[] = [];
  const { over } = await runs.start(
    'a',
    async ({ append, flush }) => {
      for (const chunk of ['old', 'new', 'newer']) {
        await append(chunk);
        await flush();
        await new Promise<void>((resolve) => void steps.push(resolve));
      }
    },
    { coalesceMs: 0, lease: '1h' },
  );
  await turns();
  // Everything that it has is older than what is kept.
  clock.advance(120_000);
  await turns();
  expect((await runs.status('a')).state).toBe('streaming');
  steps.shift()?.();
  await turns();
  const reading = allOf(runs.resume('a'));
  steps.shift()?.();
  await turns();
  steps.shift()?.();
  expect(await over).toBe('done');
  expect(await reading).toEqual(['trimmed', 'new', 'newer', 'done']);
});

test('a run whose producer is silent for longer than its time to live is not forgotten', async () => {
  const clock = new FakeClock();
  const runs = new Runs({ log: makeLog({ clock }), clock });
  const goesOn = deferred();
  const { over } = await runs.start(
    'a',
    async ({ append, flush }) => {
      await append('before');
      await flush();
      await goesOn.promise;
      await append('after');
    },
    { ttl: '2s', lease: '3s', coalesceMs: 0 },
  );
  for (let n = 0; n < 10; n += 1) {
    await turns();
    clock.advance(1000);
  }
  goesOn.resolve();
  await turns();
  clock.advance(1);
  expect(await over).toBe('done');
  expect(await allOf(runs.resume('a'))).toEqual(['before', 'after', 'done']);
  clock.advance(3000);
  await turns();
  expect((await runs.status('a')).state).toBe('unknown');
});

test('a producer whose function returns what is no chunks has failed, and the error says what it returned', async () => {
  const runs = new Runs({ log: makeLog() });
  const wrong = new Map<string, [unknown, string]>([
    ['text', ['text', '"text"']],
    ['array', [['a'], 'an array']],
    ['null', [null, 'null']],
    ['object', [{ stream: 1 }, 'an object']],
    ['url', [new URL('x:y'), 'an object of URL']],
    [
      'generator',
      [
        (function* () {
          yield 'a';
        })(),
        'an iterable that is not async',
      ],
    ],
  ]);
  const context = createResumableStreamContext({ runs });
  for (const [id, [returned, named]] of wrong) {
    const make = () => returned as undefined;
    const { over } = await runs.start(id, make);
    expect(await over).toBe('failed');
    const allowed = 'after append() undefined, or a ReadableStream or an async iterable';
    expect((await runs.status(id)).error).toBe(`A producer has returned ${named}, but may return ${allowed}`);
    const chat = await startUIMessages(runs, `chat/${id}`, make as never);
    expect(await chat.over).toBe('failed');
    expect((await runs.status(`chat/${id}`)).error).toMatch(`The producer has returned ${named}, but may`);
    const stream = await context.resumableStream(`stream/${id}`, make as never);
    await expect(stream?.getReader().read()).rejects.toThrow(`makeStream has returned ${named}, but may`);
  }
  expect(await (await runs.start('nothing', () => {})).over).toBe('done');
});

test('a stream from a hub ends when its reader goes, also behind a garbage collection', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const isOpen = deferred();
  const isClosed = deferred();
  const hub = createServer((request, response) => {
    if (request.headers.accept !== 'text/event-stream') {
      response.end(JSON.stringify({ events: [{ id: 'x', data: '' }], next: 'x', state: 'open' }));
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n');
    response.on('close', () => isClosed.resolve());
    isOpen.resolve();
  }).listen(0, '127.0.0.1');
  await once(hub, 'listening');
  onTestFinished(() => {
    hub.close();
    hub.closeAllConnections();
  });
  const runs = new Runs({ hub: `http://127.0.0.1:${(hub.address() as AddressInfo).port}` });
  const reader = new AbortController();
  const items = allOf(runs.resume('a', { signal: reader.signal }));
  await isOpen.promise;
  for (let n = 0; n < 5; n += 1) {
    await turns();
    collect();
  }
  reader.abort();
  expect(await items).toEqual([]);
  await isClosed.promise;
});

test('what a hub that is none answers is told with its address', async () => {
  const other = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const hub = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  await expect(new Runs({ hub }).status('a')).rejects.toThrow(`Cannot GET at the hub ${hub}: the hub answered 404`);
});
