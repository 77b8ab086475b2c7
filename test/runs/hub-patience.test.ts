import { createServer as createHubServer, Hub } from '@tidings/hub';
import { MemoryLog } from '@tidings/server/log';
import { Runs, type RunsOptions } from '@tidings/server/runs';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';

const KEY = 'the-key-of-the-patience';

/** A clock whose time passes in the waits between the requests alone. @param waits gets each of them */
function clockOf(waits: number[]): NonNullable<RunsOptions['clock']> {
  let now = 0;
  return {
    now: () => now,
    time: () => Date.UTC(2026, 0, 1) + now,
    setTimeout: (call, ms) =>
      setImmediate(() => {
        // What waits for an answer, which comes.
        if (ms >= 30_000) return;
        waits.push(ms);
        now += ms;
        call();
      }),
    clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate),
  };
}

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

test.each([
  { status: 503, retryAfter: '2', reader: 2000, question: 2000 },
  { status: 429, retryAfter: '7', reader: 7000, question: 5000 },
  { status: 503, retryAfter: 'Thu, 01 Jan 2026 12:00:00 GMT', reader: 10_000, question: 5000 },
  { status: 503, retryAfter: 'Thu, 01 Jan 2025 00:00:00 GMT', reader: 100, question: 100 },
  { status: 503, retryAfter: 'soon', reader: 100, question: 100 },
])(
  'a hub that says $status and Retry-After: $retryAfter is asked again then, while its caller waits',
  async ({ status, retryAfter, reader, question }) => {
    const busy: RequestListener = (request, response) => {
      request.resume();
      response.writeHead(status, { 'Retry-After': retryAfter }).end();
    };
    const hub = await listen(createServer(busy));
    const waitsOf = async (ask: (runs: Runs) => Promise<unknown>): Promise<readonly number[]> => {
      const waits: number[] = [];
      await expect(ask(new Runs({ hub, clock: clockOf(waits) }))).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
      return waits;
    };
    const reading = await waitsOf((runs) => runs.resume('a').next());
    expect([reading[0], sumOf(reading) >= 60_000, sumOf(reading) < 62_000]).toEqual([reader, true, true]);
    const asking = await waitsOf((runs) => runs.status('a'));
    expect([asking[0], sumOf(asking)]).toEqual([question, 15_000]);
  },
);

test('while its hub is away a reader waits for a minute, also behind a place, and everything else for 15 seconds', async () => {
  const hub = await listen(createServer((request, response) => void response.writeHead(503).end(request.resume().url)));
  const request = new Request('http://app.test/');
  const asked: readonly (readonly [(runs: Runs) => Promise<unknown>, seconds: number])[] = [
    [(runs) => runs.resume('a').next(), 60],
    [(runs) => runs.resume('a', { lastEventId: 'epoch.7' }).next(), 60],
    [(runs) => runs.respond(request, 'a'), 15],
    [(runs) => runs.status('a'), 15],
    [(runs) => runs.snapshot('a'), 15],
    [(runs) => runs.stop('a'), 15],
    [(runs) => runs.delete('a'), 15],
  ];
  for (const [ask, seconds] of asked) {
    const waits: number[] = [];
    await expect(ask(new Runs({ hub, clock: clockOf(waits) }))).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    expect([String(ask), Math.floor(sumOf(waits) / 1000)]).toEqual([String(ask), seconds]);
  }
});

test('a refused token ends nothing if the function for header fields gives a fresh one, and is asked for once more', async () => {
  const log = new MemoryLog();
  const hub = new Hub({ log, key: KEY });
  const url = await listen(createHubServer(hub));
  onTestFinished(() => hub.close());
  let calls = 0;
  const told: unknown[] = [];
  // Every token is good for one request: the next one is refused.
  const headers = async (): Promise<Record<string, string>> => {
    calls += 1;
    return { authorization: `Bearer ${calls % 2 === 0 ? KEY : 'of-before'}` };
  };
  const runs = new Runs({ hub: url, headers, onError: (error) => told.push(error) });
  const lease = (await runs.store.acquire('a', { leaseMs: 10_000, ttlMs: 60_000 }))!;
  await runs.store.append(lease, ['one']);
  await runs.store.renew(lease);
  expect(await runs.store.finish(lease, { state: 'done' })).toBe(true);
  expect((await runs.snapshot('a')).map(({ type }) => type)).toEqual(['chunk', 'end']);
  const items: unknown[] = [];
  for await (const item of runs.resume('a')) items.push(item.type);
  expect([items, told]).toEqual([['chunk', 'end'], []]);
  calls = 0;
  const refused = async (): Promise<Record<string, string>> => {
    calls += 1;
    return { authorization: 'Bearer of-nobody' };
  };
  await expect(new Runs({ hub: url, headers: refused }).status('a')).rejects.toMatchObject({ code: 'ERR_FORBIDDEN' });
  expect(calls).toBe(2);
});

test('a reader whose rights expire goes on with those of then, and is told nothing of it', async () => {
  let streams = 0;
  let onStream = (): void => {};
  const hub = new Hub({
    log: new MemoryLog(),
    publicUrl: 'http://hub.test/',
    authenticate: (request) => {
      const isStream = request.header('accept') === 'text/event-stream';
      if (isStream) {
        streams += 1;
        onStream();
      }
      const all = { publish: 'all', listen: 'all', private: 'all', manage: 'all' } as const;
      return { allow: true, ...all, expiresAt: Date.now() + (isStream ? 100 : 60_000) };
    },
  });
  const url = await listen(createHubServer(hub));
  onTestFinished(() => hub.close());
  const runs = new Runs({ hub: url });
  const run = await runs.start('a', async ({ append }) => {
    for (let n = 1; n <= 3; n += 1) {
      await append(`chunk ${n}`);
      const before = streams;
      await new Promise<void>((resolve) => {
        onStream = () => streams > before + 1 && resolve();
      });
    }
  });
  const items: unknown[] = [];
  for await (const item of runs.resume('a')) items.push(item.type === 'chunk' ? item.data : item.type);
  expect(items).toEqual(['chunk 1', 'chunk 2', 'chunk 3', 'end']);
  expect(await run.over).toBe('done');
});

test('a producer whose hub is away for longer than its lease is refused what it appends as soon as it is told', async () => {
  const hub = new Hub({ log: new MemoryLog(), key: KEY });
  onTestFinished(() => hub.close());
  const url = await listen(createHubServer(hub));
  let isAway = false;
  const call: typeof fetch = async (...request) =>
    isAway ? new Response(null, { status: 503 }) : await fetch(...request);
  const headers = { authorization: `Bearer ${KEY}` };
  const runs = new Runs({ hub: url, headers, fetch: call, onError: () => {} });
  const refused: unknown[] = [];
  let isOver = false;
  const run = await runs.start(
    'a',
    async ({ append, flush, signal }) => {
      await append('one');
      await flush();
      isAway = true;
      const waiting = append('two').then(flush);
      await once(signal, 'abort');
      for (const asked of [waiting, append('three'), flush()]) {
        await asked.catch((error: unknown) => refused.push((error as { code: unknown }).code));
      }
      refused.push(isOver);
    },
    { lease: 1000 },
  );
  void run.over?.then(() => {
    isOver = true;
  });
  expect(await run.over).toBe('lost');
  expect(refused).toEqual(['ERR_RUN_OVER', 'ERR_RUN_OVER', 'ERR_RUN_OVER', false]);
});
