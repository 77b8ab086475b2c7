import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { fileOutbox } from '@tidings/client/file-outbox';
import { type KeptEvent, type Lease, LeaseError, Publisher, type PublisherOptions } from '@tidings/client/publisher';
import type { Clock } from '@tidings/client';
import { MemoryLog } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { type Clock as LogClock, EARLIEST, type EventLog, fieldsOf, type TopicStates } from '@tidings/server/log';
import { ManualClock } from '@tidings/server/log/testing';
import { build } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '../../packages/client/test/fake-clock.ts';
import { randomNumbers } from '../seed.ts';
import { hubBehindProxy, type HubProxy } from './hub-proxy.ts';

const SECOND_MS = 1_000;

/** A hub that is reached through a proxy. */
interface Setting {
  readonly proxy: HubProxy;
  readonly log: EventLog & { readonly topics: TopicStates };
  readonly topics: TopicStates;
}

const LOGS = ['memory', 'LMDB'] as const;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-lease-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(kind: (typeof LOGS)[number] = 'memory', clock?: LogClock): Promise<Setting> {
  const options = clock ? { clock } : {};
  const log = kind === 'memory' ? new MemoryLog(options) : await LmdbLog.open({ path: temporaryFolder(), ...options });
  const proxy = await hubBehindProxy(log);
  return { proxy, log, topics: log.topics };
}

/** A publisher that hardly waits between attempts, and is given up at the end of the test. */
function publisherFor({ proxy }: Setting, options: PublisherOptions = {}): Publisher {
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  return new Publisher(proxy.url, { signal: controller.signal, retry: { initialMs: 1, maxMs: 5 }, ...options });
}

/** Resolves when it is so. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate);
}

/** The data of the events of a topic, with the type of those that have one. */
async function stored({ log }: Setting, topic: string): Promise<string[]> {
  const { head } = await log.locate(EARLIEST);
  const selection = { topics: [topic], private: [] };
  const found: string[] = [];
  for (let after = 0; after < head;) {
    const { entries, through } = await log.read({ selection, after, through: head, maxBytes: 2 ** 20 });
    for (const { event, data = '' } of entries.map(fieldsOf))
      found.push(event === undefined ? data : `${event} ${data}`);
    after = through;
  }
  return found;
}

/** What became of each: its id, or the code of its error and the name of the refusal. */
function outcomes(publications: readonly Promise<string>[]): Promise<string[]> {
  return Promise.all(
    publications.map((publication) =>
      publication.then(
        () => 'stored',
        (error: unknown) => {
          const { code, problem = '' } = error as { code: string; problem?: string };
          return `${code} ${problem}`.trim();
        },
      ),
    ),
  );
}

function post({ proxy }: Setting, topic: string, body: string): Promise<Response> {
  return fetch(`${proxy.url}topics/${topic}`, { method: 'POST', body });
}

/** The clock of a publisher that goes with that of a log. It counts its own timers. */
class SharedClock implements Clock {
  readonly #clock: ManualClock;
  readonly #timers = new Set<unknown>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#clock.now();
  }

  time(): number {
    return this.#clock.time();
  }

  random(): number {
    return 0;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#clock.clearTimeout(timer);
    this.#timers.delete(timer);
  }
}

/** Resolves when no request of a publisher with one lease is under way: then only the timer of the lease is set. */
async function answered(clock: { readonly pending: number }): Promise<void> {
  await until(() => clock.pending === 1);
}

const reasonOf = ({ signal }: Lease): LeaseError => signal.reason as LeaseError;

describe.each(LOGS)('with a log of %s', (kind) => {
  test('the holder of a lease is the one producer, its events come in order, and the last one closes the topic', async () => {
    const setting = await start(kind);
    await using publisher = publisherFor(setting);
    const run = await publisher.lease('runs/1 ü');
    expect(run).toMatchObject({ topic: 'runs/1 ü', token: expect.stringMatching(/^[0-9a-f]{32}$/) });
    const other = publisherFor(setting);
    await expect(other.publish('runs/1 ü', { data: 'other' })).rejects.toMatchObject({ problem: 'lease-lost' });
    const before = Date.now();
    const refused = (await other.lease('runs/1 ü').catch((error: unknown) => error)) as LeaseError;
    expect(refused).toBeInstanceOf(LeaseError);
    expect(refused).toMatchObject({ code: 'ERR_REFUSED', problem: 'leased', status: 409, topic: 'runs/1 ü' });
    expect(inspect(refused)).not.toMatch(/RawHeaders|undefined|cause/);
    expect(refused.headers?.get('retry-after')).toMatch(/^\d+$/);
    expect(refused.leasedUntil).toBeGreaterThan(before);
    const events = [0, 1, 2].map((data) => run.publish({ data }));
    events.push(run.close({ type: 'done', data: 'x' }), run.publish({ data: 'late' }), run.close());
    expect(await outcomes(events)).toEqual([...Array(4).fill('stored'), 'ERR_CLOSED', 'ERR_CLOSED']);
    expect(await stored(setting, 'runs/1 ü')).toEqual(['0', '1', '2', 'done x']);
    expect(await setting.topics.status('runs/1 ü')).toMatchObject({ state: 'closed' });
    await run.release();
    expect(run.signal.aborted).toBe(false);
    await expect(publisher.lease('runs/1 ü')).rejects.toMatchObject({ code: 'ERR_REFUSED', problem: 'topic-closed' });
  });

  test('a lease is renewed by requests while nothing is published, and by events otherwise', async () => {
    const clock = new ManualClock(Date.now());
    const setting = await start(kind, clock);
    const { proxy, topics } = setting;
    const shared = new SharedClock(clock);
    const publisher = publisherFor(setting, { clock: shared });
    const run = await publisher.lease('a', { ttl: '30s' });
    const leftMs = async (): Promise<number> => (await topics.status('a')).leasedUntil! - clock.time();
    for (let renewals = 1; renewals <= 5; renewals++) {
      clock.advance(10 * SECOND_MS);
      await until(() => proxy.answered('PUT').length === renewals + 1);
      await answered(shared);
      expect(await leftMs()).toBe(30 * SECOND_MS);
    }
    for (let n = 0; n < 20; n++) {
      await run.publish({ data: n });
      expect(await leftMs()).toBe(30 * SECOND_MS);
      clock.advance(9 * SECOND_MS);
    }
    expect(proxy.answered('PUT')).toHaveLength(6);
    expect(proxy.answered('POST')).toHaveLength(20);
    // Events of other topics renew nothing.
    await publisher.publish('b', { data: 1 });
    clock.advance(SECOND_MS);
    await until(() => proxy.answered('PUT').length === 7);
    expect(run.signal.aborted).toBe(false);
    expect(proxy.answered('PUT').every(({ status }) => status === 200)).toBe(true);
    await run.release();
    await publisher.close();
    expect(shared.pending).toBe(0);
    expect((await topics.status('a')).leasedUntil).toBeUndefined();
  });

  test('a lease whose answer was lost is asked for again, and is the same', async () => {
    const setting = await start(kind);
    const { proxy } = setting;
    proxy.fault = ({ method }) => (method === 'PUT' && proxy.passed.length < 3 ? 'lose-answer' : undefined);
    await using publisher = publisherFor(setting);
    const run = await publisher.lease('a');
    const tokens = proxy.answered('PUT').map(({ answer }) => (JSON.parse(answer!) as { lease: string }).lease);
    expect(tokens).toEqual(Array(3).fill(run.token));
    expect(new Set(proxy.passed.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    await run.publish({ data: 1 });
    expect(await stored(setting, 'a')).toEqual(['1']);
  });

  test('a lease that was taken over is lost, which rejects only what was published with it', async () => {
    const setting = await start(kind);
    await using publisher = publisherFor(setting);
    const run = await publisher.lease('a');
    await run.publish({ data: 1 });
    await setting.topics.delete('a');
    const { token } = await setting.topics.lease('a', 60 * SECOND_MS);
    const events = [
      publisher.publish('b', { data: 1 }),
      run.publish({ data: 2 }),
      publisher.publish('a', { data: 3, lease: token }),
      publisher.publish('a', { data: 4 }),
      run.publish({ data: 5 }),
      publisher.publish('b', { data: 2 }),
    ];
    const lost = 'ERR_REFUSED lease-lost';
    expect(await outcomes(events)).toEqual(['stored', lost, 'stored', lost, lost, 'stored']);
    expect([await stored(setting, 'a'), await stored(setting, 'b')]).toEqual([['3'], ['1', '2']]);
    expect(reasonOf(run)).toMatchObject({ code: 'ERR_REFUSED', problem: 'lease-lost', topic: 'a' });
    await expect(run.publish({ data: 6 })).rejects.toMatchObject({ code: 'ERR_CLOSED', cause: reasonOf(run) });
    await run.release();
    expect((await setting.topics.status('a')).leasedUntil).toBeDefined();
  });

  test('two publishers fight for a topic: one at a time has it, and all of its events are stored in order', async () => {
    const random = randomNumbers();
    const setting = await start(kind);
    setting.proxy.fault = () => (['lose-request', 'lose-answer'] as const)[Math.floor(random() * 20)];
    const rounds = 15;
    async function fight(name: string): Promise<void> {
      await using publisher = publisherFor(setting, { maxBatchEvents: 3 });
      for (let round = 0; round < rounds;) {
        const run = await publisher.lease('a').catch((error: unknown) => {
          expect(error).toMatchObject({ problem: 'leased' });
        });
        if (!run) continue;
        const events = Array.from({ length: 10 }, (_, n) => run.publish({ data: `${name}.${round}.${n}` }));
        expect(await outcomes(events)).toEqual(Array(10).fill('stored'));
        expect(run.signal.aborted).toBe(false);
        await run.release();
        round++;
      }
    }
    await Promise.all([fight('x'), fight('y')]);
    const found = await stored(setting, 'a');
    expect(found).toHaveLength(2 * rounds * 10);
    for (let at = 0; at < found.length; at += 10) {
      const [name, round] = found[at]!.split('.');
      expect(found.slice(at, at + 10)).toEqual(Array.from({ length: 10 }, (_, n) => `${name}.${round}.${n}`));
    }
  });

  test.each(['', 'close'])(
    'what was published with a lease before a crash is sent after it while the lease lasts (%j)',
    async (ending) => {
      const setting = await start(kind);
      const { proxy, topics } = setting;
      const folder = temporaryFolder();
      const [program, file] = [join(folder, 'program.mjs'), join(folder, 'outbox')];
      const entry = fileURLToPath(new URL('lease-process.ts', import.meta.url));
      await build({ entryPoints: [entry], outfile: program, bundle: true, format: 'esm', platform: 'node' });
      proxy.fault = ({ method }) => (method === 'POST' ? 'lose-request' : undefined);
      const child = spawn(process.execPath, [program, proxy.url, 'a', file, '20', ending], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const [token] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
      child.kill('SIGKILL');
      await once(child, 'close');
      proxy.fault = () => undefined;
      const kept: KeptEvent[] = [];
      await using publisher = publisherFor(setting, { store: fileOutbox(file), onKept: (event) => kept.push(event) });
      await publisher.flush();
      expect(await stored(setting, 'a')).toEqual([...Array(20).keys(), ...(ending ? ['end'] : [])].map(String));
      expect(kept.filter(({ id }) => id !== undefined)).toHaveLength(ending ? 21 : 20);
      const { state } = await topics.status('a');
      expect(state).toBe(ending ? 'closed' : 'open');
      if (ending) return;
      await publisher.publish('a', { data: 'more', lease: token.trim() });
      await topics.release('a', token.trim());
      await expect(publisher.publish('a', { data: 'late', lease: token.trim() })).rejects.toMatchObject({
        problem: 'lease-lost',
      });
    },
  );
});

describe('a lease is lost', () => {
  test.each(['lose-request', 'silence'] as const)(
    'when nothing has renewed it for as long as it lasts, counted from the request that did (%s)',
    async (fault) => {
      const setting = await start();
      const { proxy } = setting;
      const clock = new FakeClock();
      const publisher = publisherFor(setting, { clock });
      const run = await publisher.lease('a', { ttl: '30s' });
      clock.advance(10 * SECOND_MS);
      await until(() => proxy.answered('PUT').length === 2);
      await answered(clock);
      await run.publish({ data: 1 });
      proxy.fault = () => fault;
      const event = run.publish({ data: 2 });
      for (let ms = 0; ms < 30 * SECOND_MS - 1; ms++) {
        clock.advance(1);
        if (ms % 1_000 === 0) await new Promise(setImmediate);
        expect(run.signal.aborted).toBe(false);
      }
      clock.advance(1);
      expect(reasonOf(run)).toMatchObject({
        name: 'LeaseError',
        code: 'ERR_UNCONFIRMED',
        topic: 'a',
        message: 'the lease of the topic "a" is lost: nothing has renewed it for 30s',
      });
      await expect(run.publish({ data: 3 })).rejects.toMatchObject({ code: 'ERR_CLOSED', cause: reasonOf(run) });
      // The hub decides about what was published before.
      proxy.fault = () => undefined;
      const sent = event.then(() => true);
      void (async () => {
        for (;;) {
          clock.advance(10);
          await new Promise(setImmediate);
          if (proxy.answered('POST').length === 2) return;
        }
      })();
      expect(await sent).toBe(true);
    },
  );

  test('when a renewal is refused', async () => {
    const setting = await start();
    const clock = new FakeClock();
    const publisher = publisherFor(setting, { clock });
    const run = await publisher.lease('a', { ttl: '30s' });
    const lost = once(run.signal, 'abort');
    await setting.topics.release('a', run.token);
    clock.advance(10 * SECOND_MS);
    await lost;
    expect(reasonOf(run)).toMatchObject({ code: 'ERR_REFUSED', problem: 'lease-lost', status: 409 });
  });

  test('when its publisher is given up, which does not give it back', async () => {
    const setting = await start();
    const controller = new AbortController();
    const publisher = publisherFor(setting, { signal: controller.signal });
    const run = await publisher.lease('a');
    const reason = new Error('given up');
    controller.abort(reason);
    expect(reasonOf(run)).toMatchObject({ code: 'ERR_CLOSED', cause: reason });
    expect((await setting.topics.status('a')).leasedUntil).toBeDefined();
    await expect(publisher.lease('b')).rejects.toMatchObject({ name: 'LeaseError', code: 'ERR_CLOSED', cause: reason });
  });

  test('after a sleep only if the hub says so, or cannot be asked', async () => {
    for (const isCut of [false, true]) {
      const setting = await start();
      const { proxy } = setting;
      const clock = new FakeClock();
      const publisher = publisherFor(setting, { clock });
      const run = await publisher.lease('a', { ttl: '1h' });
      if (isCut) proxy.fault = () => 'lose-request';
      const lost = once(run.signal, 'abort');
      clock.sleep(2 * 3_600 * SECOND_MS);
      // The alarm looks at the time of day now and then.
      clock.advance(10 * SECOND_MS);
      await until(() => (isCut ? run.signal.aborted : proxy.answered('PUT').length === 2));
      expect(run.signal.aborted).toBe(isCut);
      if (isCut) await lost;
      else await run.publish({ data: 1 });
    }
  });
});

test('releasing waits for what was published with the lease, and the topic is open for all', async () => {
  const setting = await start();
  const { proxy } = setting;
  await using publisher = publisherFor(setting);
  const run = await publisher.lease('a');
  proxy.fault = ({ method }) =>
    proxy.passed.filter((request) => request.method === method).length % 2 ? 'lose-answer' : undefined;
  const events = [run.publish({ data: 1 }), run.publish({ data: 2 })];
  const released = run.release();
  await expect(run.publish({ data: 3 })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await released;
  expect(await outcomes(events)).toEqual(['stored', 'stored']);
  // The first request has given it back, and its answer was lost.
  expect(proxy.answered('DELETE').map(({ status }) => status)).toEqual([204, 409]);
  proxy.fault = () => undefined;
  expect((await post(setting, 'a', '4')).status).toBe(200);
  expect(await stored(setting, 'a')).toEqual(['1', '2', '4']);
  expect(run.signal.aborted).toBe(false);
});

test('closing a publisher publishes what waits, and leaves its leases', async () => {
  const setting = await start();
  const publisher = publisherFor(setting);
  const runs = await Promise.all(['a', 'b'].map((topic) => publisher.lease(topic)));
  const events = runs.map((run) => run.publish({ data: 1 }));
  const asking = publisher.lease('c');
  await publisher.close();
  expect(await outcomes(events)).toEqual(['stored', 'stored']);
  await asking;
  for (const topic of ['a', 'b', 'c']) expect((await setting.topics.status(topic)).leasedUntil).toBeDefined();
  expect(setting.proxy.answered('DELETE')).toEqual([]);
  await expect(publisher.lease('d')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(runs.map(({ signal }) => signal.aborted)).toEqual([false, false]);
});

describe('a lease that is neither closed nor released', () => {
  /** A hub and publishers with one clock, which the test moves. */
  async function startWithClock(): Promise<Setting & { clock: ManualClock; shared: SharedClock }> {
    const clock = new ManualClock(Date.now());
    return { ...(await start('memory', clock)), clock, shared: new SharedClock(clock) };
  }

  test.each(['the block', 'the publisher'])(
    'is left at the end of %s: it runs out, and the topic is closed',
    async (end) => {
      const setting = await startWithClock();
      const { clock, shared, proxy, topics } = setting;
      const publisher = publisherFor(setting, { clock: shared });
      const failure = new Error('the work has failed');
      let run!: Lease;
      const block = async (): Promise<void> => {
        await using held = await publisher.lease('a', { ttl: '30s' });
        run = held;
        // The end of the block waits for it.
        held.publish({ data: 1 }).catch(() => {});
        if (end === 'the publisher') await publisher.close();
        throw failure;
      };
      await expect(block()).rejects.toBe(failure);
      expect(await stored(setting, 'a')).toEqual(['1']);
      await expect(run.publish({ data: 2 })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      await run.release();
      expect(shared.pending).toBe(0);
      clock.advance(29 * SECOND_MS);
      expect(await topics.status('a')).toMatchObject({ state: 'open' });
      clock.advance(2 * SECOND_MS);
      await until(async () => (await topics.status('a')).state === 'closed');
      expect(await stored(setting, 'a')).toEqual(['1', 'tidings-closed {"reason":"lease-expired"}']);
      expect(proxy.answered('PUT')).toHaveLength(1);
      expect(proxy.answered('DELETE')).toEqual([]);
      expect(run.signal.aborted).toBe(false);
    },
  );

  test('is renewed for as long as events of it wait', async () => {
    const setting = await startWithClock();
    const { clock, shared, proxy } = setting;
    const publisher = publisherFor(setting, { clock: shared });
    const run = await publisher.lease('a', { ttl: '30s' });
    proxy.fault = ({ method }) => (method === 'POST' ? 'lose-request' : undefined);
    const event = run.publish({ data: 1 });
    const left = run[Symbol.asyncDispose]();
    for (let renewals = 1; renewals <= 5; renewals++) {
      const next = proxy.answered('PUT').length + 1;
      for (let ms = 0; proxy.answered('PUT').length < next; ms += 100) {
        clock.advance(100);
        await new Promise(setImmediate);
      }
    }
    proxy.fault = () => undefined;
    let isLeft = false;
    void left.then(() => (isLeft = true));
    await until(() => (clock.advance(10), isLeft));
    await event;
    expect(await stored(setting, 'a')).toEqual(['1']);
    expect(shared.pending).toBe(0);
  });

  test('is given back if that was asked for as well, in whatever order', async () => {
    for (const isLeftFirst of [true, false]) {
      const setting = await start();
      const publisher = publisherFor(setting);
      const run = await publisher.lease('a');
      const event = run.publish({ data: 1 });
      const ends = [(): PromiseLike<void> => run[Symbol.asyncDispose](), (): PromiseLike<void> => run.release()];
      await Promise.all((isLeftFirst ? ends : ends.toReversed()).map((end) => end()));
      await event;
      expect((await setting.topics.status('a')).leasedUntil).toBeUndefined();
    }
  });

  test('takes no more events if its last one is refused meanwhile', async () => {
    const setting = await start();
    const publisher = publisherFor(setting);
    const run = await publisher.lease('a');
    const last = run.close({ type: 'tidings-own', data: '' });
    await Promise.all([run[Symbol.asyncDispose](), expect(last).rejects.toMatchObject({ problem: 'invalid-event' })]);
    await expect(run.publish({ data: 2 })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe('the lease of an earlier run', () => {
  test('is taken up with its token, renewed, and ended', async () => {
    const setting = await start();
    const { proxy, topics } = setting;
    const controller = new AbortController();
    const first = await publisherFor(setting, { signal: controller.signal }).lease('a', { ttl: '1h' });
    await first.publish({ data: 1 });
    controller.abort();
    const clock = new FakeClock();
    const publisher = publisherFor(setting, { clock });
    await expect(publisher.lease('a')).rejects.toMatchObject({ problem: 'leased' });
    let isLost = false;
    proxy.fault = ({ method }) => (method === 'PUT' && !isLost ? ((isLost = true), 'lose-answer') : undefined);
    const taking = publisher.lease('a', { ttl: '30s', token: first.token });
    await until(() => (clock.advance(1), proxy.answered('PUT').length === 4));
    const run = await taking;
    expect(run).toMatchObject({ topic: 'a', token: first.token });
    await expect(publisher.lease('a', { token: run.token })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await run.publish({ data: 2 });
    await answered(clock);
    const before = proxy.answered('PUT').length;
    clock.advance(10 * SECOND_MS);
    await until(() => proxy.answered('PUT').length === before + 1);
    await run.close({ type: 'done', data: 3 });
    expect(await stored(setting, 'a')).toEqual(['1', '2', 'done 3']);
    expect(await topics.status('a')).toMatchObject({ state: 'closed' });
  });

  test('that is over is refused', async () => {
    const setting = await start();
    const publisher = publisherFor(setting);
    const { token } = await setting.topics.lease('a', 60 * SECOND_MS);
    await setting.topics.release('a', token);
    const refused = (await publisher.lease('a', { token }).catch((error: unknown) => error)) as LeaseError;
    expect(refused).toBeInstanceOf(LeaseError);
    expect(refused).toMatchObject({ code: 'ERR_REFUSED', problem: 'lease-lost', status: 409, topic: 'a' });
  });
});

test('one request holds no event behind the end of its topic, and no two leases of a topic', async () => {
  const setting = await start();
  const { proxy } = setting;
  await using publisher = publisherFor(setting);
  const run = await publisher.lease('a');
  // They go together as far as they may.
  const events = [
    publisher.publish('b', { data: 1 }),
    run.publish({ data: 1 }),
    publisher.publish('a', { data: 'without' }),
    run.close({ data: 2 }),
    publisher.publish('a', { data: 'behind' }),
    publisher.publish('b', { data: 2 }),
  ];
  expect(await outcomes(events)).toEqual([
    'stored',
    'stored',
    'ERR_REFUSED lease-lost',
    'stored',
    'ERR_REFUSED topic-closed',
    'stored',
  ]);
  const sent = proxy.answered('POST').map(({ body }) => body.trimEnd().split('\n').length);
  expect(sent.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(10);
  expect([await stored(setting, 'a'), await stored(setting, 'b')]).toEqual([
    ['1', '2'],
    ['1', '2'],
  ]);
  expect(run.signal.aborted).toBe(false);
});

test('events of topics with leases of their own go together in one request', async () => {
  const setting = await start();
  await using publisher = publisherFor(setting);
  const runs = await Promise.all(Array.from({ length: 10 }, (_, n) => publisher.lease(`run/${n}`)));
  const events = [1, 2, 3].flatMap((data) => runs.map((run) => run.publish({ data })));
  expect(await outcomes(events)).toEqual(Array(30).fill('stored'));
  expect(setting.proxy.answered('POST').map(({ body }) => body.trimEnd().split('\n').length)).toEqual([30]);
});

test('an end that the hub refuses leaves the lease as it was', async () => {
  const setting = await start();
  await using publisher = publisherFor(setting);
  const run = await publisher.lease('a');
  await expect(run.close({ type: 'tidings-own', data: '' })).rejects.toMatchObject({ problem: 'invalid-event' });
  await expect(run.close({ data: Number.NaN })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  await run.publish({ data: 1 });
  await run.close();
  expect(await stored(setting, 'a')).toEqual(['1', 'tidings-closed {"reason":"closed"}']);
});

test('requests for leases have the headers of the publisher, anew after a 401', async () => {
  const setting = await start();
  const { proxy } = setting;
  proxy.fault = ({ headers }) => (headers['x-token'] === '2' ? undefined : { status: 401 });
  const asked: boolean[] = [];
  await using publisher = publisherFor(setting, {
    headers: ({ unauthorized }) => {
      asked.push(unauthorized);
      return { 'x-token': String(asked.length) };
    },
  });
  const run = await publisher.lease('a');
  expect(asked).toEqual([false, true]);
  expect(run.signal.aborted).toBe(false);
  expect(() => publisherFor(setting, { headers: { 'Tidings-Lease': 'x' } })).toThrow(
    'headers has to be without tidings-lease, which the publisher sets, found "x"',
  );
});

test('what is no lease is refused without a request, with what is allowed', async () => {
  const setting = await start();
  const publisher = publisherFor(setting);
  const refusal = (topic: unknown, options?: unknown): Promise<unknown> =>
    publisher.lease(topic as string, options as object).then(
      () => 'leased',
      (error: unknown) => [(error as LeaseError).code, (error as LeaseError).message],
    );
  const allowed = "ttl has to be a duration from '1s' to '24h' such as '30s'";
  for (const ttl of ['999ms', '25h', '30', 'x']) {
    expect(await refusal('a', { ttl })).toEqual(['ERR_INVALID_OPTION', `${allowed}, found "${ttl}"`]);
  }
  for (const [topic, options] of [[''], [7], ['\uD800'], ['a', { tll: '30s' }], ['a', { ttl: 30 }], ['a', null]]) {
    expect(await refusal(topic, options)).toEqual(['ERR_INVALID_OPTION', expect.any(String)]);
  }
  expect(await refusal('a', { tll: '30s' })).toEqual([
    'ERR_INVALID_OPTION',
    'a lease has no option tll, only ttl and token',
  ]);
  for (const token of ['', 'a, b', 7]) {
    const found = await refusal('a', { token });
    expect(found).toEqual(['ERR_INVALID_OPTION', 'token has to be that of a lease']);
  }
  const event = publisher.publish('a', { data: 1, privat: true } as never);
  await expect(event).rejects.toThrow('close, lease; did you mean private?');
  expect(() => publisherFor(setting, { whenful: 'wait' } as never)).toThrow('; did you mean whenFull?');
  expect(setting.proxy.passed).toEqual([]);
});
