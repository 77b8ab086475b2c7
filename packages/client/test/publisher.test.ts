import { Publisher, PublishError, type PublisherOptions, type PublisherState } from '@tidings/client/publisher';
import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { problem, StandInHub } from './publisher-hub.ts';

/** A publisher that does not wait between attempts, and is given up at the end of the test. */
function publisherFor({ url }: { url: string }, options: PublisherOptions = {}): Publisher {
  const controller = new AbortController();
  const publisher = new Publisher(url, { signal: controller.signal, retry: { initialMs: 1, maxMs: 1 }, ...options });
  onTestFinished(() => controller.abort());
  return publisher;
}

const count = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** What became of each: its id, or the code of its error. */
function outcomes(publications: readonly Promise<string>[]): Promise<string[]> {
  return Promise.all(
    publications.map((publication) => publication.catch((error: unknown) => (error as PublishError).code)),
  );
}

test('events are stored in the order of the calls, in few requests, and each has its id', async () => {
  const hub = await StandInHub.start();
  const publisher = publisherFor(hub, { maxBatchEvents: 100 });
  const ids = await Promise.all(
    count(250).map((n) =>
      publisher.publish(n % 2 ? 'odd' : 'even', { data: n, type: 'made', ...(n === 7 && { id: 'seven' }) }),
    ),
  );
  expect(hub.events).toEqual(
    count(250).map((n) => ({ topic: n % 2 ? 'odd' : 'even', data: n, type: 'made', ...(n === 7 && { id: 'seven' }) })),
  );
  expect(hub.sizes).toEqual([100, 100, 50]);
  expect(ids).toEqual(count(250).map((n) => (n === 7 ? 'seven' : `e.${n + 1}`)));
  expect(new Set(hub.requests.map(({ key }) => key)).size).toBe(3);
  await publisher.close();
  expect(publisher.state).toEqual({ phase: 'closed', attempt: 1 });
});

test('an event is what it was at the call', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const data = { cents: 1 };
  const publication = publisher.publish('a', { data });
  data.cents = 2;
  await publication;
  expect(hub.data).toEqual([{ cents: 1 }]);
});

test.each(['lose-answer', 'lose-request'] as const)(
  'after %s a batch is sent again as it was, and stored once',
  async (fault) => {
    const hub = await StandInHub.start();
    hub.fault = (number) => (number % 3 === 0 ? undefined : fault);
    await using publisher = publisherFor(hub, { maxBatchEvents: 10 });
    const published = count(30).map((data) => publisher.publish('a', { data }));
    // They wait for their turn, and do not get into a batch that was sent.
    await published[0];
    published.push(publisher.publish('a', { data: 30 }));
    expect(await Promise.all(published)).toEqual(count(31).map((n) => `e.${n + 1}`));
    expect(hub.data).toEqual(count(31));
    for (let batch = 0; batch < 4; batch++) {
      const sent = hub.requests.slice(batch * 3, batch * 3 + 3);
      expect(new Set(sent.map(({ key, body }) => key + body)).size).toBe(1);
    }
  },
);

test('refusals reject only what they concern, and everything else is stored once and in order', async () => {
  const hub = await StandInHub.start();
  hub.maxEventBytes = 100;
  await using publisher = publisherFor(hub);
  const events = [
    ...count(20).map((data) => ['a', data] as const),
    ['a', 'bad'] as const,
    ['forbidden', 1] as const,
    ['a', 20] as const,
    ['forbidden', 2] as const,
    ['b', 21] as const,
    ['closed', 3] as const,
    ['a', 'x'.repeat(101)] as const,
    ...count(20).map((n) => ['a', n + 22] as const),
    ['a', 'bad'] as const,
  ];
  const published = events.map(([topic, data]) => publisher.publish(topic, { data }));
  const results = await outcomes(published);
  const isRefused = ([topic, data]: readonly [string, unknown]): boolean =>
    topic === 'forbidden' || topic === 'closed' || typeof data === 'string';
  const stored = events.filter((event) => !isRefused(event)).map(([, data]) => data);
  expect(hub.data).toEqual(stored);
  expect(results).toEqual(
    events.map((event) => (isRefused(event) ? 'ERR_REFUSED' : `e.${stored.indexOf(event[1]) + 1}`)),
  );
  expect(new Set(hub.requests.map(({ key }) => key)).size).toBe(hub.requests.length);
  expect(hub.requests.length).toBeLessThan(60);
});

test('a refusal that names a line which the batch does not have is settled with few requests', async () => {
  const hub = await StandInHub.start();
  const detail = 'Line 9: it is not right';
  const body = JSON.stringify({ type: '/PROTOCOL.md#invalid-event', title: 'invalid-event', detail });
  hub.fault = () => ({ status: 400, headers: { 'content-type': 'application/problem+json' }, body });
  await using publisher = publisherFor(hub);
  expect(await outcomes(count(5).map((data) => publisher.publish('a', { data })))).toEqual(
    count(5).map(() => 'ERR_REFUSED'),
  );
  expect(hub.requests.length).toBeLessThan(10);
});

test('an error says which event was refused, and why', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const error = await publisher.publish('a', { data: 'bad', type: 'made' }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(PublishError);
  expect(error).toMatchObject({
    code: 'ERR_REFUSED',
    message: 'could not publish an event to the topic "a": found 400 invalid-event: it is invalid-event',
    topic: 'a',
    event: { data: 'bad', type: 'made' },
    status: 400,
    problem: 'invalid-event',
  });
});

test('an error that is printed says once why, and nothing that is not there', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const error = await publisher.publish('a', { data: 'bad' }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ body: expect.stringContaining('invalid-event') as string });
  expect((error as PublishError).headers?.get('content-type')).toBe('application/problem+json');
  const printed = inspect(error);
  expect(printed.match(/it is invalid-event/g)).toHaveLength(1);
  expect(printed).not.toMatch(/RawHeaders|undefined|cause/);
});

test('a topic that is refused costs few requests, however its events lie among others', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const published = count(512).map((data) => publisher.publish(data % 2 ? 'forbidden' : 'a', { data }));
  const results = await outcomes(published);
  expect(results.filter((result) => result === 'ERR_REFUSED')).toHaveLength(256);
  expect(hub.data).toEqual(count(512).filter((n) => n % 2 === 0));
  expect(hub.requests.length).toBeLessThan(30);
});

test('a proxy that takes only short bodies gets all in shorter ones', async () => {
  const hub = await StandInHub.start();
  hub.fault = (_, { body }) => (body.length > 2_000 ? { status: 413, body: 'Request Entity Too Large' } : undefined);
  await using publisher = publisherFor(hub);
  await Promise.all(count(1_000).map((data) => publisher.publish('a', { data })));
  expect(hub.data).toEqual(count(1_000));
});

test.each([
  ['busy', { status: 503, headers: { 'retry-after': '0' } }],
  ['too many', { status: 429 }],
  ['slow', { status: 408 }],
  ['a proxy without its hub', { status: 502, body: '<html>' }],
])('%s: the batch is sent again', async (_, fault) => {
  const hub = await StandInHub.start();
  hub.fault = (number) => (number < 3 ? fault : undefined);
  await using publisher = publisherFor(hub);
  expect(await publisher.publish('a', { data: 1 })).toBe('e.1');
  expect(new Set(hub.requests.map(({ key }) => key)).size).toBe(1);
});

test('Retry-After is waited for', async () => {
  const hub = await StandInHub.start();
  hub.fault = (number) => (number < 2 ? { status: 503, headers: { 'retry-after': '7' } } : undefined);
  const states: PublisherState[] = [];
  const waits: number[] = [];
  const clock = {
    now: () => performance.now(),
    time: () => 1_000_000,
    random: () => 0.5,
    setTimeout: (callback: () => void, ms: number) => {
      if (states.at(-1)?.phase !== 'waiting') return setTimeout(callback, ms);
      waits.push(ms);
      return setTimeout(() => ((now += ms), callback()), 0);
    },
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
  let now = 0;
  clock.now = () => now;
  await using publisher = publisherFor(hub, {
    clock,
    onState: (state) => states.push(state),
    retry: { initialMs: 200 },
  });
  await publisher.publish('a', { data: 1 });
  expect(waits).toEqual([7_100]);
  expect(states.map(({ phase }) => phase)).toEqual(['sending', 'waiting', 'sending']);
  expect(states[1]).toMatchObject({
    attempt: 2,
    retryAt: 1_007_100,
    error: { code: 'ERR_STATUS', status: 503, willRetry: true },
  });
});

test('a 401 is answered with new headers, once in a row', async () => {
  const hub = await StandInHub.start();
  let token = 1;
  hub.fault = (_, { headers }) => (headers.authorization === `Bearer ${token}` ? undefined : { status: 401 });
  const asked: unknown[] = [];
  let fresh = 1;
  await using publisher = publisherFor(hub, {
    headers: async (attempt) => {
      asked.push(attempt);
      if (attempt.unauthorized) fresh = token;
      return { authorization: `Bearer ${fresh}` };
    },
  });
  await publisher.publish('a', { data: 1 });
  token = 2;
  await publisher.publish('a', { data: 2 });
  expect(hub.data).toEqual([1, 2]);
  expect(asked).toEqual([
    { attempt: 1, unauthorized: false },
    { attempt: 1, unauthorized: false },
    { attempt: 2, unauthorized: true },
  ]);
  token = -1;
  hub.fault = () => ({ status: 401 });
  expect(await outcomes([publisher.publish('a', { data: 3 })])).toEqual(['ERR_REFUSED']);
  // The publisher goes on.
  hub.fault = () => undefined;
  await publisher.publish('a', { data: 4 });
  expect(hub.data).toEqual([1, 2, 4]);
});

test('after an answer that was lost, a refusal by rights says nothing about what is stored', async () => {
  const hub = await StandInHub.start();
  hub.fault = (number) =>
    number === 1 ? 'lose-answer' : number === 2 ? { status: 403, body: problem('forbidden') } : undefined;
  await using publisher = publisherFor(hub);
  expect(await outcomes([publisher.publish('a', { data: 1 }), publisher.publish('b', { data: 2 })])).toEqual([
    'ERR_UNCONFIRMED',
    'ERR_UNCONFIRMED',
  ]);
  await publisher.publish('a', { data: 3 });
  expect(hub.data).toEqual([1, 2, 3]);
});

test('a batch that may be stored is not sent again for longer than a hub knows its key', async () => {
  const hub = await StandInHub.start();
  let time = 1_000;
  hub.fault = (number) => {
    time += 60_000;
    return number < 10 ? 'lose-answer' : undefined;
  };
  const clock = {
    now: () => performance.now(),
    time: () => time,
    random: Math.random,
    setTimeout: (callback: () => void, ms: number) => setTimeout(callback, ms),
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
  await using publisher = publisherFor(hub, { clock, maxUnconfirmedMs: 150_000 });
  expect(await outcomes([publisher.publish('a', { data: 1 })])).toEqual(['ERR_UNCONFIRMED']);
  expect(hub.requests).toHaveLength(3);
});

test('a server that is no hub rejects what was sent to it, and says what was found', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor({ url: `${hub.url}below/it` });
  const error = await publisher.publish('a', { data: 1 }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_REFUSED', status: 404, problem: undefined, body: 'no such page' });
  hub.fault = () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' });
  await using other = publisherFor(hub);
  await expect(other.publish('a', { data: 1 })).rejects.toMatchObject({
    code: 'ERR_UNCONFIRMED',
    message: 'could not publish an event to the topic "a": found 200 text/html, expected 200 and JSON with 1 ids',
  });
});

test('an answer that does not come in time is asked for again', async () => {
  const hub = await StandInHub.start();
  hub.fault = (number) => (number === 1 ? 'silence' : undefined);
  await using publisher = publisherFor(hub, { requestTimeoutMs: 50 });
  expect(await publisher.publish('a', { data: 1 })).toBe('e.1');
  expect(hub.data).toEqual([1]);
});

test('a publisher gives up after so many attempts in a row, and tells which events may be stored', async () => {
  const hub = await StandInHub.start();
  hub.fault = () => 'lose-answer';
  const publisher = publisherFor(hub, { retry: { initialMs: 1, maxMs: 1, maxAttempts: 3 }, maxBatchEvents: 1 });
  const results = outcomes([publisher.publish('a', { data: 1 }), publisher.publish('a', { data: 2 })]);
  await expect(publisher.flush()).rejects.toMatchObject({ code: 'ERR_NETWORK', attempt: 3, willRetry: false });
  expect(await results).toEqual(['ERR_UNCONFIRMED', 'ERR_CLOSED']);
  expect(publisher.state).toMatchObject({ phase: 'closed', error: { code: 'ERR_NETWORK' } });
  expect(await outcomes([publisher.publish('a', { data: 3 })])).toEqual(['ERR_CLOSED']);
  await publisher.close();
});

test('a hub that nobody can have reached leaves no doubt', async () => {
  const publisher = publisherFor({ url: 'http://127.0.0.1:9/' }, { retry: { initialMs: 1, maxMs: 1, maxAttempts: 2 } });
  expect(await outcomes([publisher.publish('a', { data: 1 })])).toEqual(['ERR_CLOSED']);
});

test('publish waits while the queue is full, and accepted says when there was room', async () => {
  const hub = await StandInHub.start();
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  await using publisher = publisherFor(hub, {
    maxQueuedEvents: 3,
    headers: async () => {
      await held;
      return {};
    },
  });
  const published = count(5).map((data) => publisher.publish('a', { data }));
  await Promise.all(published.slice(0, 3).map(({ accepted }) => accepted));
  let isAccepted = false;
  void published[3]!.accepted.then(() => (isAccepted = true));
  await new Promise(setImmediate);
  expect(isAccepted).toBe(false);
  expect(publisher.pendingEvents).toBe(5);
  release();
  await Promise.all(published);
  expect(isAccepted).toBe(true);
  expect(hub.sizes).toEqual([3, 2]);
});

test('a full queue rejects if it is to, by events and by bytes', async () => {
  const hub = await StandInHub.start();
  // It never gets to a request.
  const headers = (): Promise<never> => new Promise(() => {});
  for (const limit of [{ maxQueuedEvents: 2 }, { maxQueuedBytes: 40 }]) {
    const publisher = publisherFor(hub, { ...limit, headers, whenFull: 'reject' });
    const results = outcomes(count(3).map((data) => publisher.publish('a', { data })));
    const done = publisher.close({ patienceMs: 1 });
    expect(await results).toEqual(['ERR_CLOSED', 'ERR_CLOSED', 'ERR_QUEUE_FULL']);
    await done;
  }
});

test('flush resolves when everything before it is settled, and close when all is', async () => {
  const hub = await StandInHub.start();
  const publisher = publisherFor(hub, { maxBatchEvents: 2 });
  const results = outcomes(['bad', 1, 2, 3].map((data) => publisher.publish('a', { data })));
  await publisher.flush();
  expect(hub.data).toEqual([1, 2, 3]);
  results.then(
    () => {},
    () => {},
  );
  const last = publisher.publish('a', { data: 4 });
  await publisher.close();
  expect(hub.data).toEqual([1, 2, 3, 4]);
  expect(await last).toBe('e.4');
  expect(await outcomes([publisher.publish('a', { data: 5 })])).toEqual(['ERR_CLOSED']);
  await publisher.flush();
});

test('a signal ends it at once, whatever it is waiting for', async () => {
  const hub = await StandInHub.start();
  const waiting = [
    { headers: () => new Promise<Record<string, string>>(() => {}) },
    { fetch: () => new Promise<never>(() => {}) },
  ];
  for (const [at, options] of waiting.entries()) {
    const controller = new AbortController();
    const publisher = publisherFor(hub, { ...options, signal: controller.signal });
    const failed = publisher.publish('a', { data: 1 }).catch((reason: unknown) => reason);
    await new Promise(setImmediate);
    controller.abort(new Error('enough'));
    expect(await failed).toMatchObject({
      code: at === 0 ? 'ERR_CLOSED' : 'ERR_UNCONFIRMED',
      message: expect.stringContaining('enough') as string,
      cause: controller.signal.reason as unknown,
    });
    await publisher.close();
  }
  const publisher = publisherFor(hub, { signal: AbortSignal.abort() });
  expect(await outcomes([publisher.publish('a', { data: 1 })])).toEqual(['ERR_CLOSED']);
  expect(hub.requests).toEqual([]);
});

test('a refusal ends the publisher if it is to, with everything before it stored and nothing after it', async () => {
  const hub = await StandInHub.start();
  const publisher = publisherFor(hub, { stopAtRefusal: true });
  const results = outcomes([1, 2, 3, 'bad', 4, 5].map((data) => publisher.publish('a', { data })));
  expect(await results).toEqual(['e.1', 'e.2', 'e.3', 'ERR_REFUSED', 'ERR_CLOSED', 'ERR_CLOSED']);
  expect(hub.data).toEqual([1, 2, 3]);
  expect(publisher.state).toMatchObject({ phase: 'closed', error: { status: 400 } });
});

test('an event that is none is refused without a request', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const wrong: [unknown, unknown, string][] = [
    [7, { data: '' }, 'topic has to be a string, found 7'],
    ['a', 'text', 'event has to be an object with data, found "text"'],
    ['a', { type: 'b' }, 'event.data is missing'],
    ['a', { data: undefined }, 'event.data is missing'],
    ['a', { data: 1n }, 'event has no JSON: Do not know how to serialize a BigInt'],
    [
      'a',
      { data: 1, typ: 'b' },
      'an event has no typ, only data, type, id, retry, key, forget, private, close, lease; did you mean type?',
    ],
    ['a', { data: 1, retry: '5' }, 'event.retry has to be a number, found "5"'],
  ];
  for (const [topic, event, message] of wrong) {
    await expect(publisher.publish(topic as string, event as { data: string })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message,
    });
  }
  expect(hub.requests).toEqual([]);
});

const PLAIN = 'publish text, an array or a plain object in its place';
const BYTES = 'publish them as base64 text, or the URL where they are';

test.each<[unknown, string]>([
  [NaN, `found NaN as data, ${PLAIN}`],
  [-Infinity, `found -Infinity as data, ${PLAIN}`],
  [new Date(NaN), `found Date as data, ${PLAIN}`],
  [new Map([[1, 2]]), `found Map as data, ${PLAIN}`],
  [new Set([1]), `found Set as data, ${PLAIN}`],
  [Promise.resolve(1), `found Promise as data, ${PLAIN}`],
  [new URLSearchParams('a=b'), `found URLSearchParams as data, ${PLAIN}`],
  [() => 1, `found Function as data, ${PLAIN}`],
  [Symbol('a'), `found Symbol as data, ${PLAIN}`],
  [Buffer.from('a'), `found bytes (Uint8Array) as data, ${BYTES}`],
  [new Float64Array(1), `found bytes (Float64Array) as data, ${BYTES}`],
  [new ArrayBuffer(1), `found bytes (ArrayBuffer) as data, ${BYTES}`],
  [new Blob(['a']), `found bytes (Blob) as data, ${BYTES}`],
  [{ a: NaN }, `found NaN as a, ${PLAIN}`],
  [{ a: [new Date(NaN)] }, `found Date as 0, ${PLAIN}`],
  [[1, undefined], `found Undefined as 1, ${PLAIN}`],
  // oxlint-disable-next-line no-sparse-arrays -- as undefined is, a hole is null in JSON
  [[1, , 3], `found Undefined as 1, ${PLAIN}`],
  [{ m: new Map() }, `found Map as m, ${PLAIN}`],
  [{ a: { s: new Set([1]) } }, `found Set as s, ${PLAIN}`],
  [{ f: () => 1 }, `found Function as f, ${PLAIN}`],
  [[Symbol('a')], `found Symbol as 0, ${PLAIN}`],
  [{ b: new Uint8Array(2) }, `found bytes (Uint8Array) as b, ${BYTES}`],
  [{ b: [Buffer.from('a')] }, `found bytes (Uint8Array) as 0, ${BYTES}`],
  [{ n: [1n] }, 'Do not know how to serialize a BigInt'],
])('data that JSON would change is refused: %o', async (data, found) => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  await expect(publisher.publish('a', { data })).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
    message: `event has no JSON: ${found}`,
  });
  expect(hub.requests).toEqual([]);
});

test('data that JSON has is published, and what has a form of its own in JSON in that form', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  class Point {
    x = 1;
  }
  const empty = Object.create(null) as object;
  for (const data of ['', 0, null, false, {}, [], empty, new Point(), new Date(0), new URL('http://a/')]) {
    await publisher.publish('a', { data });
  }
  await publisher.publish('a', { data: { at: [new Date(0), null], point: new Point(), none: undefined } });
  expect(hub.data).toEqual([
    '',
    0,
    null,
    false,
    {},
    [],
    {},
    { x: 1 },
    '1970-01-01T00:00:00.000Z',
    'http://a/',
    { at: ['1970-01-01T00:00:00.000Z', null], point: { x: 1 } },
  ]);
});

test('what is before the event that a refusal names is published, also of the same topic', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const detail = 'Line 4: Cannot append: the topic "a" is closed';
  const body = JSON.stringify({ type: '/PROTOCOL.md#topic-closed', detail });
  // The first request has the first event alone.
  hub.fault = (number) => (number === 2 ? { status: 409, body } : undefined);
  const events = [
    ['x', { data: 0 }],
    ['a', { data: 1 }],
    ['a', { data: 2, close: true }],
    ['b', { data: 3 }],
    ['a', { data: 4 }],
    ['a', { data: 5 }],
  ] as const;
  const published = events.map(([topic, event]) => publisher.publish(topic, event));
  expect(await outcomes(published)).toEqual(['e.1', 'e.2', 'e.3', 'e.4', 'ERR_REFUSED', 'ERR_REFUSED']);
  expect(hub.data).toEqual([0, 1, 2, 3]);
});

test('an event that closes its topic, or forgets a key, needs no data', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  await Promise.all([publisher.publish('a', { forget: true, key: 'k' }), publisher.publish('a', { close: true })]);
  expect(hub.events).toMatchObject([
    { topic: 'a', data: '', forget: true, key: 'k' },
    { topic: 'a', data: '', close: true },
  ]);
});

test('an error has an event that can be published again', async () => {
  const hub = await StandInHub.start();
  await using publisher = publisherFor(hub);
  const event = { data: { a: [1, 'é'] }, type: 'made', private: true };
  const error = await publisher.publish('forbidden', event).catch((reason: unknown) => reason as PublishError);
  expect(error).toBeInstanceOf(PublishError);
  await publisher.publish('a', (error as PublishError).event);
  expect(hub.events).toEqual([{ topic: 'a', ...event }]);
});

test.each([
  [{ maxBatchEvents: 10_001 }, 'maxBatchEvents has to be a number from 1 to 10000, found 10001'],
  [{ whenFull: 'drop' }, `whenFull has to be 'wait' or 'reject', found "drop"`],
  [{ store: {} }, 'store has to be an object with open(), write() and close(), found [object Object]'],
  [{ stopAtRefusal: 'false' }, 'stopAtRefusal has to be true or false, found "false"'],
  [{ withCredentials: 1 }, 'withCredentials has to be true or false, found 1'],
  [{ signal: null }, 'signal has to be an AbortSignal, found null'],
  [{ signal: 1 }, 'signal has to be an AbortSignal, found 1'],
  [{ retry: 5 }, 'retry has to be an object, found 5'],
  [{ retry: null }, 'retry has to be an object, found null'],
  [{ retry: { initialMs: 0 } }, 'retry.initialMs has to be a number from 1, found 0'],
  [
    { headers: { 'Idempotency-Key': 'k' } },
    'headers has to be without idempotency-key, which the publisher sets, found "k"',
  ],
  [{ retries: 3 }, /^there is no option retries, only headers, store, /],
])('the options %j are refused', (options, message) => {
  expect(() => new Publisher('http://127.0.0.1:9/', options as PublisherOptions)).toThrow(message);
});

test.each([
  ['ftp://127.0.0.1/', 'hubUrl has to be a URL with http: or https:, found "ftp://127.0.0.1/"'],
  ['no URL', 'hubUrl has to be a URL, found "no URL"'],
  ['http://127.0.0.1/?a', 'hubUrl has to be without a query, found "http://127.0.0.1/?a"'],
  ['http://127.0.0.1/topics', 'hubUrl has to be the URL of the hub, above topics, found "http://127.0.0.1/topics"'],
  ['http://127.0.0.1/topics/', 'hubUrl has to be the URL of the hub, above topics'],
  ['http://127.0.0.1/live/topics/a', 'hubUrl has to be the URL of the hub, above topics'],
])('the URL %s is refused', (url, message) => {
  expect(() => new Publisher(url)).toThrow(message);
});
