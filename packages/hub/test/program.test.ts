import { Hub, isGap, MemoryLog, type HubEventsOptions, type HubOptions, type Problem } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import type { EventLog } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../server/test/deferred.ts';
import { temporaryFolder } from './test-hub.ts';

const NOT_YET = 'not yet';

type Events = ReturnType<Hub['events']>;

function hubOf(log: EventLog, options: Partial<HubOptions> = {}): Hub {
  const hub = new Hub({ log, keepAliveMs: 0, ...options });
  onTestFinished(() => hub.close({ awayMs: 0, windowMs: 0 }));
  return hub;
}

async function take(events: Events, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { done, value } = await events.next();
    if (done === true) throw new Error(`It ended after ${taken.length}`);
    taken.push(isGap(value) ? `gap ${value.reason}` : `${value.topic} ${value.data}`);
  }
  return taken;
}

/** Everything up to the end. */
async function rest(events: Events): Promise<string[]> {
  const all: string[] = [];
  for await (const event of events) all.push(isGap(event) ? `gap ${event.reason}` : `${event.topic} ${event.data}`);
  return all;
}

async function pendingNow<T>(promise: Promise<T>): Promise<T | typeof NOT_YET> {
  return Promise.race([promise, new Promise<typeof NOT_YET>((resolve) => setTimeout(() => resolve(NOT_YET), 0))]);
}

/** The name and text of what a call throws, or rejects with. */
async function refusalOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    const { problem, code, message } = error as Partial<Problem> & { code?: string };
    return `${problem ?? code}: ${message}`;
  }
  return 'nothing';
}

const logs = {
  'in memory': () => new MemoryLog({ epoch: 'e' }),
  'on disk': () => LmdbLog.open({ path: temporaryFolder() }),
};

describe.each(Object.entries(logs))('a program with a hub on a log %s', (_, open) => {
  test('publishes, and gets history and then live', async () => {
    const hub = hubOf(await open());
    const first = await hub.publish('orders/1', { data: 'before', event: 'paid' });
    expect(first).toEqual({ id: expect.stringMatching(/^\w+\.1$/), repeated: false });
    const all = hub.events({ topics: 'all', lastEventId: 'earliest' });
    const live = hub.events({ topics: ['orders/1', 'news'] });
    const orders = hub.events({ patterns: ['orders/:order'], last: 1 });
    const { value } = await all.next();
    const event = { id: first.id, topic: 'orders/1', type: 'paid', data: 'before' };
    expect(value).toEqual({ ...event, time: expect.any(Number) });
    expect(await take(orders, 1)).toEqual(['orders/1 before']);
    for (const topic of ['orders/2', 'news', 'orders/1', 'other']) await hub.publish(topic, { data: 'x' });
    expect(await take(all, 4)).toEqual(['orders/2 x', 'news x', 'orders/1 x', 'other x']);
    expect(await take(live, 2)).toEqual(['news x', 'orders/1 x']);
    expect(await take(orders, 2)).toEqual(['orders/2 x', 'orders/1 x']);
    for (const events of [all, live, orders]) expect(await pendingNow(events.next())).toBe(NOT_YET);
    expect(await take(hub.events({ topics: ['orders/1'], lastEventId: first.id }), 1)).toEqual(['orders/1 x']);
  });

  test('gets what requests publish, and requests get what it publishes', async () => {
    const hub = hubOf(await open());
    const events = hub.events({ topics: ['a'] });
    await hub.fetch(new Request('http://localhost/topics/a', { method: 'POST', body: 'by request' }));
    expect(await take(events, 1)).toEqual(['a by request']);
    await hub.publish('a', { data: 'by program' });
    const stream = await hub.fetch(new Request('http://localhost/topics/a?last=1'));
    let text = '';
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.includes('data: by program\n')) break;
    }
  });

  test('repeats a publish with an idempotency key', async () => {
    const hub = hubOf(await open());
    const publish = (data: string, topic = 'a'): ReturnType<Hub['publish']> =>
      hub.publish(topic, { data }, { idempotencyKey: 'k' });
    const first = await publish('1');
    expect(await publish('1')).toEqual({ id: first.id, repeated: true });
    expect((await publish('1', 'b')).repeated).toBe(false);
    expect(await refusalOf(() => publish('2'))).toMatch('key-reused: The Idempotency-Key was used');
    const post = { method: 'POST', body: 'of somebody', headers: { 'Idempotency-Key': 'k' } };
    expect((await hub.fetch(new Request('http://localhost/topics/a', post))).status).toBe(200);
  });

  test('is told that the hub was closed before it had everything', async () => {
    const hub = hubOf(await open());
    const { id } = await hub.publish('a', { data: '0' });
    await hub.publish('a', { data: '1' });
    const waiting = hub.events({ topics: ['a'] });
    const behind = hub.events({ topics: ['a'], lastEventId: id });
    await hub.publish('a', { data: '2' });
    expect(await take(waiting, 1)).toEqual(['a 2']);
    const next = waiting.next();
    await hub.close({ awayMs: 0, windowMs: 0 });
    expect(await next).toEqual({ done: true, value: undefined });
    await expect(behind.next()).rejects.toMatchObject({
      code: 'ERR_CLOSED',
      message: `The hub was closed before all of its events had been taken; go on after "${id}"`,
    });
    expect(await refusalOf(() => hub.events({ topics: ['a'] }))).toBe('draining: The hub is shutting down');
    expect(await refusalOf(() => hub.publish('a', { data: '3' }))).toBe('draining: The hub is shutting down');
  });
});

describe('hub.publish()', () => {
  test('checks what a request is checked for', async () => {
    const hub = hubOf(new MemoryLog(), { limits: { maxEventBytes: 10, maxRetryMs: 1000 } });
    const refusals = [
      () => hub.publish('', { data: 'x' }),
      () => hub.publish('a\n', { data: 'x' }),
      () => hub.publish(7 as unknown as string, { data: 'x' }),
      () => hub.publish('a', { data: 'x'.repeat(11) }),
      () => hub.publish('a', { data: 'x', event: 'tidings-heartbeat' }),
      () => hub.publish('a', { data: 'x', retry: 1001 }),
      () => hub.publish('a', { data: 'x', id: 'earliest' }),
      () => hub.publish('a', { event: 'a\nb' }),
      () => hub.publish('a', {}),
      () => hub.publish('a', undefined as unknown as object),
      () => hub.publish('a', { data: 'x' }, { idempotencyKey: '' }),
      () => hub.publish('a', { data: 'x' }, { forget: true }),
      () => hub.publish('a', { data: 'x' }, { leases: 'token' as unknown as string[] }),
      () => hub.publish('a', { data: 'x' }, { privat: true } as object),
    ];
    const texts: string[] = [];
    for (const refused of refusals) texts.push(await refusalOf(refused));
    expect(texts).toEqual([
      'invalid-topic: The topic is empty; it must be 1 to 1024 bytes of UTF-8',
      'invalid-topic: The topic "a\\n" has a control character',
      'invalid-topic: The topic is number, but must be a string',
      "too-large: The event's data is 11 bytes; the limit is 10",
      'invalid-event: The type "tidings-heartbeat" is the hub\'s own: types that begin with tidings- cannot be published',
      "invalid-event: The event's retry is 1001 milliseconds; the limit is 1000",
      'invalid-event: The id "earliest" is reserved: an id may not be "earliest" and may not begin with "#"',
      'invalid-event: The event type "a\\nb" has a control character, which is not allowed',
      'invalid-event: There is nothing to publish: an event needs data, event, id or retry, and has none',
      "invalid-event: The fields of an event are undefined, but must be an object such as { data: 'hello' }",
      'invalid-parameter: The idempotencyKey must be a string of 1 to 255 characters',
      'invalid-parameter: The option forget needs the option key, which names the key to forget',
      'ERR_INVALID_OPTION: The option leases is a string, but must be an array of tokens',
      'ERR_INVALID_OPTION: There is no option privat; allowed are private, key, forget, final, leases, idempotencyKey, rights; did you mean private?',
    ]);
  });

  test.each<[object, object, string]>([
    [
      { type: 'paid', data: '1' },
      {},
      'The fields of an event have "type"; allowed are data, event, id, retry, comment; did you mean event?',
    ],
    [{ data: '1', close: true }, {}, 'did you mean final, beside the fields?'],
    [{ data: '1', key: 'gold' }, {}, 'did you mean key, beside the fields?'],
    [{ data: '1' }, { close: true }, 'did you mean final?'],
    [{ data: '1' }, { latestKey: 'gold' }, 'did you mean key?'],
    [{ data: '1' }, { lease: 'x' }, 'did you mean leases?'],
  ])('says how a thing is called here that has another name in requests: %o, %o', async (fields, options, text) => {
    const hub = hubOf(new MemoryLog());
    expect(await refusalOf(() => hub.publish('a', fields, options))).toContain(text);
  });

  test('forgets keys, closes topics and has leases, as requests do', async () => {
    const log = new MemoryLog();
    const hub = hubOf(log);
    const events = hub.events({ topics: ['prices'] });
    await hub.publish('prices', {}, { key: 'gold', forget: true });
    await hub.publish('prices', { event: 'gone' }, { key: 'gold', forget: true });
    const { token } = await log.topics.lease('prices', 60_000);
    expect(await refusalOf(() => hub.publish('prices', { data: '1' }))).toMatch('lease-lost: ');
    await hub.publish('prices', { data: '1' }, { leases: [token] });
    await hub.publish('prices', {}, { leases: [token], final: true });
    const seen: object[] = [];
    for await (const { id: _, topic: _topic, time: _time, ...item } of events) seen.push(item);
    expect(seen).toEqual([
      { type: 'tidings-forgotten', data: '{"key":"gold"}', key: 'gold', forget: true },
      { type: 'gone', data: '', key: 'gold', forget: true },
      { type: 'message', data: '1' },
      { type: 'tidings-closed', data: '{"reason":"closed"}' },
    ]);
    expect(await refusalOf(() => hub.publish('prices', { data: '2' }))).toMatch('topic-closed: ');
    await hub.publish('news', { data: 'last' }, { final: true });
    expect(await rest(hub.events({ topics: ['news'], last: 1 }))).toEqual(['news last']);
  });

  test('takes the rights of a sender', async () => {
    const hub = hubOf(new MemoryLog());
    const mine = { allow: true, subject: 'ada', publish: ['mine'] } as const;
    expect((await hub.publish('mine', { data: 'x' }, { rights: mine })).repeated).toBe(false);
    expect(await refusalOf(() => hub.publish('other', { data: 'x' }, { rights: mine }))).toBe(
      'forbidden: The rights of ada do not allow it to publish to "other"',
    );
    expect(await refusalOf(() => hub.publish('mine', { event: 'tidings-gap' }, { rights: mine }))).toMatch(
      'forbidden: The rights of ada do not allow it to publish events of the type tidings-gap',
    );
    expect(await refusalOf(() => hub.publish('mine', { data: 'x' }, { rights: false }))).toBe(
      'forbidden: The rights are a refusal, or have expired',
    );
    const gap = JSON.stringify({ after: 'e.1', resumedAt: 'e.2', reason: 'trimmed' });
    expect((await hub.publish('mine', { event: 'tidings-gap', data: gap })).repeated).toBe(false);
  });

  test('reports what is refused and nobody waits for', async () => {
    const log = new MemoryLog();
    const reports: unknown[] = [];
    const note = (level: string) => (about: unknown, message: string) => reports.push([level, about, message]);
    const logger = { error: note('error'), warn: note('warn'), debug: note('debug'), isLevelEnabled: () => true };
    const hub = hubOf(log, { logger: logger as unknown as NonNullable<HubOptions['logger']> });
    await hub.publish('a', { data: 'x' }, { rights: { allow: true, subject: 'ada', publish: 'all' } });
    expect(reports).toEqual([['debug', { topic: 'a', subject: 'ada', events: 1 }, 'The program published an event']]);
    const { promise, resolve } = deferred<unknown>();
    logger.error = (about: unknown, message: string) => {
      resolve([(about as { err: Problem }).err.problem, message]);
      return 0;
    };
    void hub.publish('', { data: 'x' });
    expect(await promise).toEqual(['invalid-topic', 'The program could not publish an event']);
  });
});

describe.each(Object.entries(logs))('hub.events() of one topic on a log %s', (_, open) => {
  test('ends after the final event, and also where the topic was closed before', async () => {
    const log = await open();
    const hub = hubOf(log);
    await hub.publish('a', { data: '1' });
    const live = hub.events({ topics: ['a'] });
    const several = hub.events({ topics: ['a', 'b'] });
    const waiting = live.next();
    await log.append([{ topics: ['a'], fields: { data: '2' }, final: true }]);
    await hub.publish('b', { data: '3' });
    expect((await waiting).value).toMatchObject({ data: '2' });
    expect(await rest(live)).toEqual([]);
    expect(await take(several, 2)).toEqual(['a 2', 'b 3']);
    const again = (options: HubEventsOptions): Promise<string[]> => rest(hub.events({ topics: ['a'], ...options }));
    expect(await again({})).toEqual([]);
    expect(await again({ last: 1 })).toEqual(['a 2']);
    expect(await again({ lastEventId: 'earliest' })).toEqual(['a 1', 'a 2']);
    expect(await again({ lastEventId: 'nobody knows it' })).toEqual(['gap unknown', 'a 1', 'a 2']);
  });

  test('a private final event ends it for who has seen something of the topic', async () => {
    const log = await open();
    const hub = hubOf(log);
    await hub.publish('a', { data: '1' });
    const seen = hub.events({ topics: ['a'], rights: true });
    const nothing = hub.events({ topics: ['hidden'], rights: true });
    await log.append([{ topics: ['a'], fields: { data: '2' }, private: true, final: true }]);
    await log.append([{ topics: ['hidden'], fields: { data: '3' }, private: true, final: true }]);
    expect(await rest(seen)).toEqual([]);
    expect(await pendingNow(nothing.next())).toBe(NOT_YET);
  });

  test('ends when the topic is deleted; what was not taken by then is a gap', async () => {
    const log = await open();
    const hub = hubOf(log);
    // More than is held for a reader.
    const large = 'x'.repeat(70_000);
    const first = await hub.publish('a', { data: '1' });
    await hub.publish('a', { data: large });
    await hub.publish('a', { data: large });
    const live = hub.events({ topics: ['a'], last: 1 });
    const all = hub.events({ topics: 'all' });
    const behind = hub.events({ topics: ['a'], lastEventId: 'earliest' });
    const late = hub.events({ topics: ['a'], lastEventId: first.id });
    expect(await take(behind, 1)).toEqual(['a 1']);
    expect(await take(live, 1)).toEqual([`a ${large}`]);
    await log.topics.delete('a');
    await hub.publish('a', { data: '2' });
    expect(await rest(live)).toEqual([]);
    expect(await rest(behind)).toEqual([`a ${large}`, 'gap deleted']);
    // It began at the call, before the deletion.
    expect(await rest(late)).toEqual(['gap deleted']);
    expect(await take(hub.events({ topics: ['a'], lastEventId: first.id }), 2)).toEqual(['gap deleted', 'a 2']);
    expect(await take(all, 1)).toEqual(['a 2']);
    expect(await take(hub.events({ topics: ['a'], last: 1 }), 1)).toEqual(['a 2']);
  });
});

describe('hub.events()', () => {
  test('gives private events to the program, and to rights that have them', async () => {
    const hub = hubOf(new MemoryLog());
    await hub.publish('a', { data: 'secret' }, { private: true });
    await hub.publish('a', { data: 'public' });
    const seen = (options: HubEventsOptions): Promise<string[]> =>
      take(hub.events({ topics: ['a'], lastEventId: 'earliest', ...options }), 1);
    expect(await seen({})).toEqual(['a secret']);
    expect(await seen({ rights: true })).toEqual(['a public']);
    expect(await seen({ rights: { allow: true, private: ['a'] } })).toEqual(['a secret']);
  });

  test('resolves patterns against the public URL, as rights have them', async () => {
    const publicUrl = 'https://example.com/events/';
    const base = `${publicUrl}topics/`;
    const hub = hubOf(new MemoryLog(), { publicUrl, key: '0123456789abcdef' });
    await hub.publish('rooms/1', { data: 'x' });
    const rights = { allow: true, listen: [{ pattern: 'rooms/:room', base }] } as const;
    for (const pattern of ['rooms/:room', { pattern: 'rooms/:room', base }]) {
      expect(await take(hub.events({ patterns: [pattern], last: 1, rights }), 1)).toEqual(['rooms/1 x']);
    }
    expect(await refusalOf(() => hub.events({ patterns: ['rooms/*'], rights }))).toBe(
      'forbidden: Cannot listen: the rights do not cover every topic that matches "rooms/*"',
    );
    expect(await refusalOf(() => hub.events({ topics: 'all', rights }))).toBe(
      'forbidden: Cannot listen: the rights do not cover all topics',
    );
  });

  test('refuses what it does not understand', async () => {
    const hub = hubOf(new MemoryLog());
    const texts: string[] = [];
    for (const options of [
      {},
      { topic: 'a' },
      { topics: 'a' },
      { topics: [] },
      { patterns: 'a' },
      { patterns: ['(a|b)'] },
      { topics: ['.'] },
      { topics: ['a'], last: 1.5 },
      undefined,
    ]) {
      texts.push(await refusalOf(() => hub.events(options as HubEventsOptions)));
    }
    expect(texts).toEqual([
      "ERR_INVALID_OPTION: Nothing is asked for: name topics or patterns, or topics: 'all' for everything",
      'ERR_INVALID_OPTION: There is no option topic; allowed are topics, patterns, lastEventId, last, since, types, rights, signal; did you mean topics?',
      "ERR_INVALID_OPTION: The option topics must be 'all' or an array of strings, such as ['orders']",
      "ERR_INVALID_OPTION: Nothing is asked for: name topics or patterns, or topics: 'all' for everything",
      "ERR_INVALID_OPTION: The option patterns must be an array of URL patterns, such as ['rooms/:room']",
      expect.stringMatching(/^invalid-parameter: The URL pattern "\(a\|b\)" is not allowed/),
      'invalid-topic: The topic "." is not allowed, because URLs drop it',
      'ERR_INVALID_OPTION: The option last is 1.5, but must be an integer from 0',
      'ERR_INVALID_OPTION: The options are undefined, but must be an object with any of topics, patterns, lastEventId, last, since, types, rights, signal',
    ]);
  });
});
