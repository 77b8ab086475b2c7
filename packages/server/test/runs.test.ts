import { type AppendOptions, type EventLog, MemoryLog, type NewEvent } from '@tidings/server/log';
import { type NewChunk, type RunItem, Runs, type RunsOptions, type StartOptions } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';
import { randomNumbers } from '../../../test/seed.ts';
import { FakeClock } from './fake-clock.ts';

type Append = (events: readonly NewEvent[], options?: AppendOptions) => ReturnType<EventLog['append']>;

/** A log with other methods in the place of its own. */
function replacing(log: MemoryLog, methods: Partial<EventLog>): EventLog {
  return new Proxy(log, {
    get(target, name) {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A log in memory whose appends go through a function. */
function logWith(append: (log: MemoryLog, ...args: Parameters<Append>) => ReturnType<Append>): EventLog {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  return replacing(log, { append: (...args) => append(log, ...args) });
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

test('a hundred tokens a second are not a hundred commits', async () => {
  const clock = new FakeClock();
  let commits = 0;
  const log = logWith((target, ...args) => {
    commits += 1;
    return target.append(...args);
  });
  const runs = new Runs({ log, clock });
  const tokens = Array.from({ length: 100 }, (_, n) => `token ${n}`);
  const { over } = await runs.start('a', async ({ append }) => {
    for (const token of tokens) {
      await append(token);
      clock.advance(10);
      await turn();
    }
  });
  await over;
  expect(await allOf(runs.resume('a'))).toEqual([...tokens, 'done']);
  // A token waits 20 ms at most. The first commit is the beginning, the last one the end.
  expect(commits).toBeGreaterThan(25);
  expect(commits).toBeLessThanOrEqual(52);
});

test('a producer that is faster than the log is held back, and its batches have a bounded size', async () => {
  const sizes: number[] = [];
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const log = logWith(async (target, events, options) => {
    sizes.push(events.reduce((sum, { fields }) => sum + (fields.data ?? '').length, 0));
    if (events[0]?.fields.event !== 'run-begin') await opened;
    return await target.append(events, options);
  });
  const runs = new Runs({ log });
  const chunk = 'x'.repeat(1024);
  let taken = 0;
  const { over } = await runs.start('a', async ({ append }) => {
    for (; taken < 2000; taken += 1) await append(chunk);
  });
  for (let before = -1; before < taken;) {
    before = taken;
    for (let turns = 0; turns < 20; turns += 1) await turn();
  }
  // What is held and what is on its way take 2 bytes for a character.
  expect(taken * 2048).toBeLessThanOrEqual((256 + 64) * 1024);
  open();
  await over;
  expect((await allOf(runs.resume('a'))).length).toBe(2001);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
});

test('an append whose answer is lost is stored once', async () => {
  const random = randomNumbers();
  const log = logWith(async (target, ...args) => {
    const away = Object.assign(new Error('The store is away'), { code: 'ERR_STORE_AWAY' });
    if (random() < 0.3) throw away;
    const receipt = await target.append(...args);
    if (random() < 0.3) throw away;
    return receipt;
  });
  const runs = new Runs({ log });
  const tokens = Array.from({ length: 60 }, (_, n) => `token ${n}`);
  const producer = async function* (): AsyncGenerator<string> {
    yield* tokens;
  };
  const { over } = await runs.start('a', producer, { coalesceMs: 0 });
  expect(await over).toBe('done');
  expect(await allOf(runs.resume('a'))).toEqual([...tokens, 'done']);
  const failed = await runs.start('b', async () => {
    throw new Error('no luck');
  });
  expect(await failed.over).toBe('failed');
  expect((await runs.status('b')).error).toBe('no luck');
});

test('a producer that throws has failed, also where there is no room for the topic of its error', async () => {
  const log = new MemoryLog({ maxCreatedTopics: 1 });
  onTestFinished(() => log.close());
  const told: unknown[] = [];
  const runs = new Runs({ log, onError: (error) => void told.push((error as Error).message) });
  const { over } = await runs.start('a', async ({ append }) => {
    await append('a part');
    throw new Error('no luck');
  });
  expect(await over).toBe('failed');
  expect(await allOf(runs.resume('a'))).toEqual(['a part', 'failed']);
  expect(told).toEqual([expect.stringContaining('topics have been created'), 'no luck']);
});

test('a run whose end is refused is over when its lease has ended, and not before', async () => {
  const log = logWith(async (target, events, options) => {
    if (events.at(-1)?.final === true) throw Object.assign(new Error('No room'), { code: 'ERR_NOT_STORED' });
    return await target.append(events, options);
  });
  const told: unknown[] = [];
  const runs = new Runs({ log, onError: (error) => void told.push((error as Error).message) });
  const { over } = await runs.start('a', ({ append }) => append('a part'), { lease: 1000 });
  expect(await over).toBe('lost');
  expect(await runs.status('a')).toMatchObject({ state: 'lost' });
  expect(told).toEqual(['No room']);
});

test('how a run has ended is true also where the store was out of reach when it was asked for', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const away = (): Error => Object.assign(new Error('The store is away'), { code: 'ERR_STORE_AWAY' });
  let questions = 0;
  const topics = new Proxy(log.topics, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]): Promise<unknown> => {
        if (name === 'status' && isAway && (questions += 1) === 1) throw away();
        return await (method.apply(target, args) as Promise<unknown>);
      };
    },
  });
  let isAway = false;
  const append: Append = async (events, options) => {
    if (isAway) throw away();
    const receipt = await log.append(events, options);
    // The end is stored, and nobody is told so for longer than the lease.
    isAway = events.at(-1)?.final === true;
    if (isAway) throw away();
    return receipt;
  };
  const runs = new Runs({ log: replacing(log, { append, topics }), onError: () => {} });
  const { over } = await runs.start('a', () => {}, { lease: 1000 });
  expect([await over, questions]).toEqual(['done', 2]);
});

test('a run begins although the store is out of reach for a moment, whatever it is asked then', async () => {
  for (const question of ['lease', 'create', 'status'] as const) {
    const log = new MemoryLog();
    onTestFinished(() => log.close());
    let isAway = true;
    const topics = new Proxy(log.topics, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]): Promise<unknown> => {
          if (name === question && isAway) {
            isAway = false;
            throw Object.assign(new Error('The store is away'), { code: 'ERR_STORE_AWAY' });
          }
          return await (method.apply(target, args) as Promise<unknown>);
        };
      },
    });
    const runs = new Runs({ log: replacing(log, { topics }) });
    const { isProducer, over } = await runs.start('a', ({ append }) => append(question));
    expect([isProducer, await over, isAway]).toEqual([true, 'done', false]);
    expect(await allOf(runs.resume('a'))).toEqual([question, 'done']);
  }
});

test('an end whose answer is lost is not taken for the one with which the log closes a lost run', async () => {
  const clock = new FakeClock();
  const log = new MemoryLog({ clock });
  onTestFinished(() => log.close());
  let isAway = false;
  const append: Append = async (...args) => {
    if (isAway) throw Object.assign(new Error('The store is away'), { code: 'ERR_STORE_AWAY' });
    return await log.append(...args);
  };
  const { store } = new Runs({ log: replacing(log, { append }), clock });
  const lease = (await store.acquire('a', { leaseMs: 1000, ttlMs: 60_000 }))!;
  clock.advance(500);
  isAway = true;
  const finished = store.finish(lease, { state: 'done' });
  await turn();
  isAway = false;
  clock.advance(900);
  expect(await finished).toBe(false);
  expect(await store.status('a')).toMatchObject({ state: 'lost' });
});

test('a reader is told what was trimmed of a run, also from the start', async () => {
  const log = new MemoryLog({ retention: { perTopic: [{ topics: ['runs/a'], maxEvents: 3 }] } });
  onTestFinished(() => log.close());
  const runs = new Runs({ log });
  const lease = (await runs.store.acquire('a', { leaseMs: 10_000, ttlMs: 60_000 }))!;
  const [first] = await runs.store.append(lease, ['1']);
  const early = runs.resume('a');
  expect(await early.next()).toMatchObject({ value: { data: '1' } });
  await runs.store.append(lease, ['2', '3', '4', '5']);
  expect(await runs.store.finish(lease, { state: 'done' })).toBe(true);
  const rest = ['trimmed', '4', '5', 'done'];
  expect(await allOf(runs.resume('a'))).toEqual(rest);
  expect(await allOf(runs.resume('a', { lastEventId: first }))).toEqual(rest);
  expect(await allOf(runs.resume('a', { lastEventId: 'earliest' }))).toEqual(rest);
  expect((await runs.snapshot('a')).map(({ type }) => type)).toEqual(['gap', 'chunk', 'chunk', 'end']);
  // It may have been handed what was trimmed later.
  expect((await allOf(early)).slice(-3)).toEqual(['4', '5', 'done']);
});

test('a run that begins anew under its id has no gap at its start', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const runs = new Runs({ log });
  for (const text of ['old', 'new']) {
    const { over } = await runs.start('a', ({ append }) => append(text));
    await over;
    expect(await allOf(runs.resume('a'))).toEqual([text, 'done']);
    expect((await runs.snapshot('a')).length).toBe(2);
    if (text === 'old') await runs.delete('a');
  }
});

test('a topic that others have written is read as a run, to its end', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const runs = new Runs({ log });
  const publish = (data: string, final = false): Promise<unknown> =>
    log.append([{ topics: ['runs/a'], fields: { data }, final }]);
  await publish('first');
  expect(await runs.status('a')).toMatchObject({ state: 'streaming' });
  const reading = allOf(runs.resume('a'));
  await publish('last', true);
  expect(await reading).toEqual(['first', 'last', 'done']);
  expect(await runs.status('a')).toMatchObject({ state: 'done' });
});

test('the stream of a producer is cancelled when its run is stopped, and waitUntil is given its end', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const runs = new Runs({ log });
  let reason: unknown = 'not cancelled';
  const stream = new ReadableStream<NewChunk>({
    start: (controller) => controller.enqueue('one'),
    cancel: (why) => void (reason = why),
  });
  const kept: Promise<unknown>[] = [];
  const { over } = await runs.start('a', () => stream, { waitUntil: (promise) => kept.push(promise) });
  const reading = runs.resume('a');
  expect(await reading.next()).toMatchObject({ value: { data: 'one' } });
  await runs.stop('a');
  expect([await over, await Promise.all(kept)]).toEqual(['stopped', ['stopped']]);
  expect(await allOf(reading)).toEqual(['stopped']);
  await turn();
  expect(reason).toBeUndefined();
});

test('a chunk that cannot be stored makes the run fail, and so does one that the log refuses', async () => {
  const log = new MemoryLog({ maxEventBytes: 1000 });
  onTestFinished(() => log.close());
  const told: unknown[] = [];
  const runs = new Runs({ log, onError: (error) => told.push((error as { code?: string }).code) });
  const wrong: unknown[] = [5, null, { data: 5 }, { event: 'run-end', data: '' }, { data: '', id: '7' }, [], {}];
  for (const [at, chunk] of wrong.entries()) {
    const { over } = await runs.start(`wrong ${at}`, ({ append }) => {
      void append('before');
      void append(chunk as NewChunk);
    });
    expect(await over).toBe('failed');
    expect(await allOf(runs.resume(`wrong ${at}`))).toEqual(['before', 'failed']);
  }
  const yielded = await runs.start('yielded', async function* () {
    yield 5 as unknown as NewChunk;
  });
  expect(await yielded.over).toBe('failed');
  const { over } = await runs.start('large', async ({ append, signal }) => {
    await append('x'.repeat(2000));
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  expect(await over).toBe('failed');
  expect(told).toEqual(['ERR_EVENT_TOO_LARGE']);
});

test('what a run is asked for wrongly is refused with what was found and what is allowed', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const wrongOptions: [unknown, RegExp][] = [
    [{}, /neither log nor hub/],
    [{ log, hub: 'http://hub.test' }, /have log and hub/],
    [{ log, headers: {} }, /have log and headers/],
    [{ log: {} }, /The option log is an object, but must be an event log/],
    [{ log: Object.assign(Object.create(log), { topics: undefined }) }, /without topics/],
    [{ hub: '/topics' }, /The option hub is "\/topics", but must be an absolute URL/],
    [{ hub: 'http://hub.test/?a' }, /without a query/],
    [{ hub: 'http://hub.test', headers: { a: 5 } }, /header field "a"/],
    [{ hub: 'http://me:secret@hub.test/' }, /a user name or a password, but what the hub asks for goes in headers/],
    [{ log, topic: 'a/' }, /The option topic is "a\/"/],
    [{ log, topic: '..' }, /The option topic is "\.\."/],
    [{ log, topic: 'a\nb' }, /without control characters, halves of surrogate pairs, backslashes/],
    [{ log, topic: '\ud800' }, /The option topic is "\\ud800"/],
    [{ log, topic: '/a' }, /The option topic is "\/a"/],
    [{ log, topic: 'x'.repeat(129) }, /must be a text of 1 to 128 characters/],
    [{ log, private: 1 }, /The option private is 1/],
    [{ log, clock: {} }, /The option clock is .*, but must be a Clock/],
    [{ log, prefix: '' }, /no option "prefix"/],
  ];
  for (const [options, message] of wrongOptions) expect(() => new Runs(options as RunsOptions)).toThrow(message);
  const runs = new Runs({ log });
  for (const id of ['', 5, 'a\nb', 'a\\b', '../a', 'a/./b', 'a//b', 'a/', 'a#b', '\ud800', 'x'.repeat(300)]) {
    await expect(runs.status(id as string)).rejects.toThrow('The id of a run is');
    const response = await runs.respond(new Request('http://app.test/'), id as string);
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('The id of a run is')]);
  }
  expect(() => runs.resume('a', { lastEventId: 5 as never })).toThrow('The option lastEventId is 5');
  expect(() => runs.resume('a', { signal: {} as never })).toThrow('The option signal is an object');
  expect(() => runs.resume('a', { after: '' } as never)).toThrow('no option "after"');
  const wrongStarts: [unknown, unknown, RegExp][] = [
    ['text', {}, /The producer of a run is "text", but must be a function, a ReadableStream or an async iterable/],
    [() => {}, { ttl: 'soon' }, /The option ttl is "soon", but must be an integer of milliseconds from 1000/],
    [() => {}, { lease: '25h' }, /The option lease is "25h"/],
    [() => {}, { lease: 10 }, /The option lease is 10/],
    [() => {}, { coalesceMs: 2000 }, /The option coalesceMs is 2000/],
    [() => {}, { waitUntil: 5 }, /The option waitUntil is 5/],
    [() => {}, { leases: 5 }, /no option "leases"/],
  ];
  for (const [producer, options, message] of wrongStarts) {
    await expect(runs.start('a', producer as () => void, options as StartOptions)).rejects.toThrow(message);
  }
  await expect(runs.respond(new Request('http://app.test/'), 'a', { errors: 1 as never })).rejects.toThrow(
    'errors is 1',
  );
});

test('a request to stop that comes late does not stop the next run of its id', async () => {
  const log = new MemoryLog();
  onTestFinished(() => log.close());
  const late: (() => void)[] = [];
  let isLate = true;
  const follow: EventLog['follow'] = (follower) =>
    log.follow({
      onStart: (start) => follower.onStart(start),
      onBatch: (batch) => (isLate ? late.push(() => follower.onBatch(batch)) : follower.onBatch(batch)),
      onLost: (reason) => follower.onLost(reason),
    });
  const runs = new Runs({ log: replacing(log, { follow }) });
  const other = new Runs({ log });
  const ends: (() => void)[] = [];
  const producer = (): Promise<void> => new Promise((resolve) => void ends.push(resolve));
  // It has the requests to stop watched from now on.
  const keeper = await runs.start('keeper', producer);
  await other.store.askToStop('a');
  const { over } = await runs.start('a', producer);
  isLate = false;
  for (const hand of late) hand();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(await other.status('a')).toMatchObject({ state: 'streaming' });
  expect(await other.stop('a')).toMatchObject({ state: 'stopped' });
  expect(await over).toBe('stopped');
  for (const end of ends) end();
  expect(await keeper.over).toBe('done');
});
