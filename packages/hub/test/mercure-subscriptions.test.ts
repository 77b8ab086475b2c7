import { Hub, mercure, MemoryLog } from '@tidings/hub';
import { ServerError } from '@tidings/server';
import { ManualClock } from '@tidings/server/log/testing';
import type { EventMessage } from '@tidings/wire';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import {
  allToken,
  challengeOf,
  detail,
  newToken,
  oldToken,
  PUBLIC_URL,
  RESOURCE_METADATA,
  ROOT,
  startMercure,
  subscribe,
  update,
} from './mercure-hub.ts';
import { Listener } from './listener.ts';
import { serve, type Reply, type TestHub } from './test-hub.ts';
import { bearer, ISSUER, SECRET } from './token-maker.ts';

const PATH = `${ROOT}/subscriptions`;

interface Document {
  readonly id: string;
  readonly type: string;
  readonly subscriber: string;
  readonly [name: string]: unknown;
}

const documentOf = (event: EventMessage): Document => JSON.parse(event.data) as Document;
const hubOf = (): Promise<TestHub> => startMercure({ subscriptions: true });

/** A subscriber to the events of all subscriptions of its dialect, its own among them. */
async function watch(hub: TestHub, dialect: 'new' | 'old' = 'new'): ReturnType<typeof subscribe> {
  const [query, token] =
    dialect === 'new'
      ? [`match_urlpattern=${encodeURIComponent(`${PATH}/:type/:match/:subscriber`)}`, await allToken()]
      : [`topic=${encodeURIComponent(`${PATH}{/topic}{/subscriber}`)}`, await oldToken({ subscribe: ['*'] })];
  const listener = await subscribe(hub, query, bearer(token));
  await listener.until(() => listener.published.length > 0);
  return listener;
}

async function read(hub: TestHub, path: string, token?: string, headers: Record<string, string> = {}): Promise<Reply> {
  return await hub.ask('GET', path, { headers: { ...bearer(token ?? (await allToken())), ...headers } });
}

function json(reply: Reply): { readonly subscriptions: readonly Document[]; readonly [name: string]: unknown } {
  expect(reply.status).toBe(200);
  return JSON.parse(reply.text) as ReturnType<typeof json>;
}

describe('a subscription', () => {
  test('is told by a private update of the type mercure, whose topic is the path of its URL, when it begins and when it ends', async () => {
    const hub = await hubOf();
    const watcher = await watch(hub);
    const anonymous = await subscribe(hub, `match_urlpattern=*`);
    const listener = await subscribe(hub, `match=${encodeURIComponent('https://example.com/a b')}`);
    await watcher.until(() => watcher.published.length === 3);
    const begun = watcher.published[2]!;
    const document = documentOf(begun);
    const { subscriber, id } = document;
    expect(subscriber).toMatch(/^urn:uuid:[\da-f-]{36}$/);
    // Each variable of the path is percent-encoded once.
    expect(id).toBe(`${PATH}/exact/https%3A%2F%2Fexample.com%2Fa%20b/${encodeURIComponent(subscriber)}`);
    expect(document).toEqual({
      id,
      type: 'subscription',
      match_type: 'exact',
      match: 'https://example.com/a b',
      subscriber,
      active: true,
    });
    expect([begun.type, begun.lastEventId]).toEqual(['mercure', expect.stringMatching(/^#/)]);
    listener.close();
    await watcher.until(() => watcher.published.length === 4);
    expect(documentOf(watcher.published[3]!)).toEqual({ ...document, active: false });
    // They are private.
    await update(hub, 'a', 'public');
    expect(await anonymous.take(1)).toEqual(['public']);
  });

  test('has the id of its connection, which the hub makes for each', async () => {
    const hub = await hubOf();
    const token = bearer(await allToken());
    for (let count = 0; count < 2; count += 1) await subscribe(hub, 'match=a&match=b', token);
    const { subscriptions } = json(await read(hub, PATH));
    const ids = subscriptions.map(({ subscriber }) => subscriber);
    expect([ids.length, new Set(ids).size, ids[0] === ids[1]]).toEqual([4, 2, true]);
  });

  test('has its path as the topic: a grant on it alone is enough', async () => {
    const hub = await hubOf();
    const grant = { match: `${PATH}/exact/a/:subscriber`, match_type: 'urlpattern' };
    const listener = await subscribe(hub, 'match=*', bearer(await newToken([detail(['subscribe'], [grant])])));
    await subscribe(hub, 'match=b&match=a');
    await listener.until(() => listener.published.length === 1);
    expect(documentOf(listener.published[0]!)['match']).toBe('a');
  });

  test('of the old dialect has no type, and a document of its own', async () => {
    const hub = await hubOf();
    const watcher = await watch(hub, 'old');
    await subscribe(hub, 'topic=/books/{id}&topic=x');
    await watcher.until(() => watcher.published.length === 3);
    const event = watcher.published[1]!;
    const { subscriber } = documentOf(event);
    expect(event.type).toBe('message');
    expect(documentOf(event)).toEqual({
      '@context': 'https://mercure.rocks/',
      id: `${PATH}/%2Fbooks%2F%7Bid%7D/${encodeURIComponent(subscriber)}`,
      type: 'Subscription',
      topic: '/books/{id}',
      subscriber,
      active: true,
    });
    expect(documentOf(watcher.published[2]!)).toMatchObject({ topic: 'x', subscriber });
  });

  test('has the payload of the first detail to subscribe whose topics match its matcher, taken as a topic', async () => {
    const hub = await hubOf();
    const watcher = await watch(hub);
    const token = await newToken([
      detail(['publish'], ['*'], 'wrong'),
      detail(['subscribe'], [{ match: 'https://example.com/:x', match_type: 'urlpattern' }], { name: 'first' }),
      detail(['subscribe'], ['*'], { name: 'second' }),
    ]);
    await subscribe(hub, 'match=https://example.com/a&match=b', bearer(token));
    await watcher.until(() => watcher.published.length === 3);
    expect(watcher.published.slice(1).map((event) => documentOf(event)['payload'])).toEqual([
      { name: 'first' },
      { name: 'second' },
    ]);
  });

  test('of the old dialect has the payload of the claim', async () => {
    const hub = await hubOf();
    const watcher = await watch(hub, 'old');
    await subscribe(hub, 'topic=a', bearer(await oldToken({ subscribe: [], payload: [1] })));
    await watcher.until(() => watcher.published.length === 2);
    expect(documentOf(watcher.published[1]!)['payload']).toEqual([1]);
  });

  test('with a path that is longer than a topic may be is answered 400', async () => {
    const hub = await hubOf();
    expect((await hub.ask('GET', `${ROOT}?match=${'a'.repeat(1000)}`)).status).toBe(400);
  });

  test('is told to nobody, and not listed, unless the hub is asked to', async () => {
    const hub = await startMercure();
    await subscribe(hub, 'match=a');
    expect((await read(hub, PATH)).status).toBe(404);
    await update(hub, 'a', 'x');
    expect(hub.position.seq).toBe(1);
  });

  test('is told once the log takes events again, and not at all if it has ended by then', async () => {
    const log = new MemoryLog();
    const clock = new ManualClock(Date.now());
    const failures: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => void failures.push(line) });
    const tokens = { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] };
    const faces = [mercure({ subscriptions: true })];
    const hub = new Hub({ log, clock, logger, tokens, faces, publicUrl: PUBLIC_URL, anonymous: 'listen' });
    const port = await serve(hub);
    const watcher = await Listener.open(port, `${ROOT}?match=*`, bearer(await allToken()));
    await watcher.until(() => watcher.published.length === 1);
    log.append = () => Promise.reject(new ServerError('ERR_NOT_STORED', 'No room'));
    const short = await Listener.open(port, `${ROOT}?match=short`);
    short.close();
    await Listener.open(port, `${ROOT}?match=long`);
    await expect.poll(() => [failures.length, hub.stats().listeners]).toEqual([2, 2]);
    log.append = (events, options) => MemoryLog.prototype.append.call(log, events, options);
    clock.advance(1000);
    await watcher.until(() => watcher.published.length === 2);
    expect(documentOf(watcher.published[1]!)).toMatchObject({ match: 'long', active: true });
  });

  test('counts for its sender, by its matchers and their size, and more are refused for a while', async () => {
    const clock = new ManualClock(Date.now());
    const hub = await startMercure({ subscriptions: true }, { clock, limits: { maxSubscriptionEventsPerSecond: 10 } });
    const matchers = (count: number, length: number): string =>
      Array.from({ length: count }, (_, index) => `match=${String(index).padStart(length, 'x')}`).join('&');
    const by = async (sub: string): Promise<object> =>
      bearer(await newToken([detail(['subscribe'], ['a'])], { claims: { sub } }));
    const status = async (query: string, sub: string): Promise<unknown[]> => {
      const { response } = await Listener.open(hub.port, `${ROOT}?${query}`, { ...(await by(sub)) });
      return [response.statusCode, response.headers['retry-after']];
    };
    expect(await status(matchers(6, 3), 'ann')).toEqual([200, undefined]);
    expect(await status('match=a', 'ann')).toEqual([429, '1']);
    // Each has more than a KiB.
    expect(await status(matchers(10, 800), 'bob')).toEqual([200, undefined]);
    expect(await status('match=a', 'bob')).toEqual([429, '5']);
    clock.advance(2000);
    expect(await status('match=a', 'ann')).toEqual([200, undefined]);
    expect((await status('match=a', 'bob'))[0]).toBe(429);
  });

  test('of HEAD is none', async () => {
    const hub = await hubOf();
    await hub.ask('HEAD', `${ROOT}?match=a`);
    expect(json(await read(hub, PATH)).subscriptions).toEqual([]);
  });
});

describe('the active subscriptions', () => {
  test('are a document of application/json, with a cursor in its Link, and an ETag', async () => {
    const hub = await hubOf();
    const watcher = await watch(hub);
    await subscribe(hub, 'match=a&match_urlpattern=b');
    await watcher.until(() => watcher.published.length === 3);
    const reply = await read(hub, PATH);
    const { id, type, subscriptions } = json(reply);
    expect([id, type, reply.headers['content-type']]).toEqual([PATH, 'subscriptions', 'application/json']);
    const events = watcher.published.map(documentOf);
    expect(subscriptions).toEqual(events);
    expect(reply.headers.link).toBe(
      `<https://hub.example${ROOT}>; rel="mercure"; last-event-id="#${hub.cursor(3)}"; type="mercure"; content-type="application/json"`,
    );
    const tag = reply.headers.etag!;
    expect(tag).toMatch(/^"[\w-]+"$/);
    const same = await read(hub, PATH, undefined, { 'if-none-match': `"x", W/${tag}` });
    expect([same.status, same.text, same.headers.etag]).toEqual([304, '', tag]);
    await subscribe(hub, 'match=c');
    const changed = await read(hub, PATH, undefined, { 'if-none-match': tag });
    expect(json(changed).subscriptions).toHaveLength(4);
  });

  test('can be read by matcher, and one by one', async () => {
    const hub = await hubOf();
    const listener = await subscribe(hub, 'match=/a');
    await subscribe(hub, 'match=/a&match=b');
    await subscribe(hub, 'match_urlpattern=/a');
    const { subscriptions } = json(await read(hub, `${PATH}/exact/%2Fa`));
    expect(subscriptions.map(({ match, match_type: type }) => [match, type])).toEqual([
      ['/a', 'exact'],
      ['/a', 'exact'],
    ]);
    expect(json(await read(hub, subscriptions[0]!.id))).toEqual(subscriptions[0]);
    expect(json(await read(hub, `${PATH}/exact/unknown`)).subscriptions).toEqual([]);
    listener.close();
    await expect.poll(async () => (await read(hub, subscriptions[0]!.id)).status).toBe(404);
  });

  test.each(['/exact', '/exact/a/b', '/exact/a/b/c', '/exact//', '/%zz', '/exact/a/'])('404 for %s', async (rest) => {
    const hub = await hubOf();
    expect((await read(hub, PATH + rest)).status).toBe(404);
  });

  test('of the old dialect are a document of application/ld+json, with the cursor in it', async () => {
    const hub = await hubOf();
    const token = await oldToken({ subscribe: [`${PATH}{/topic}{/subscriber}`] });
    await subscribe(hub, 'topic=/a&topic=b');
    await subscribe(hub, 'match=new');
    const reply = await read(hub, PATH, token);
    const { subscriptions, ...root } = json(reply);
    expect(reply.headers['content-type']).toBe('application/ld+json');
    expect(root).toEqual({
      '@context': 'https://mercure.rocks/',
      id: PATH,
      type: 'Subscriptions',
      lastEventID: expect.stringMatching(/^#/) as unknown,
    });
    expect(subscriptions.map(({ type, topic }) => [type, topic])).toEqual([
      ['Subscription', '/a'],
      ['Subscription', 'b'],
    ]);
    expect(json(await read(hub, `${PATH}/%2Fa`, token)).subscriptions).toEqual([subscriptions[0]]);
    expect(json(await read(hub, subscriptions[0]!.id, token))).toMatchObject({
      ...subscriptions[0],
      '@context': 'https://mercure.rocks/',
    });
    expect((await read(hub, `${PATH}/%2Fa/unknown`, token)).status).toBe(404);
  });

  test('are told by a cursor behind which every change follows', async () => {
    const hub = await hubOf();
    await (await watch(hub)).until(() => true);
    const [, cursor = ''] = /last-event-id="([^"]+)"/.exec((await read(hub, PATH)).headers.link as string) ?? [];
    await subscribe(hub, 'match=new');
    const listener = await subscribe(hub, 'match=*', { ...bearer(await allToken()), 'last-event-id': cursor });
    await listener.until(() => listener.published.some((event) => documentOf(event)['match'] === 'new'));
    expect(listener.response.headers['mercure-last-event-id']).toBe(cursor);
  });

  test('need a token, and a subscribe grant on the path, query aside', async () => {
    const hub = await hubOf();
    const nobody = await hub.ask('GET', PATH);
    expect([nobody.status, challengeOf(nobody)]).toEqual([401, `Bearer ${RESOURCE_METADATA}`]);
    const publisher = await read(hub, PATH, await newToken([detail(['publish'], ['*'])]));
    expect([publisher.status, challengeOf(publisher)]).toEqual([
      403,
      `Bearer error="insufficient_scope", ${RESOURCE_METADATA}`,
    ]);
    const token = await newToken([detail(['subscribe'], [`${PATH}/exact/a`])]);
    expect((await read(hub, `${PATH}/exact/a?x=y`, token)).status).toBe(200);
    expect((await read(hub, PATH, token)).status).toBe(403);
    expect((await read(hub, `${PATH}/exact/b`, token)).status).toBe(403);
  });
});
