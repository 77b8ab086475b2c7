import { describe, expect, onTestFinished, test } from 'vitest';
import { listeners as listenersFace, mercure, topics } from '@tidings/hub';
import { systemClock } from '@tidings/server/log';
import { Listener } from './listener.ts';
import { problemOf, startHub, type Reply, type TestHub, type TestHubOptions } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, makeToken, SECRET } from './token-maker.ts';

const KEY = 'a-key-of-the-hub';
const BY_KEY = bearer(KEY);
const STREAM = { accept: 'text/event-stream' };
const OPTIONS: TestHubOptions = {
  key: KEY,
  publicUrl: AUDIENCE,
  anonymous: 'listen',
  tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] },
};

interface Described {
  readonly id: string;
  readonly subject?: string;
  readonly since: string;
}

interface Page {
  readonly topic: string;
  readonly count: number;
  readonly after?: string;
  readonly listeners: readonly Described[];
  readonly next?: string;
}

/** A clock that runs its timers soon. The time can be moved ahead. */
function quick(): { readonly clock: NonNullable<TestHubOptions['clock']>; pass: (ms: number) => void } {
  let passed = 0;
  const clock = {
    ...systemClock,
    time: () => Date.now() + passed,
    setTimeout: (run: () => void, ms: number) => systemClock.setTimeout(run, Math.min(ms, 20)),
  };
  return { clock, pass: (ms) => (passed += ms) };
}

/** A clock whose timers of a second wait until they are let go. */
function stopped(): { readonly clock: NonNullable<TestHubOptions['clock']>; go: () => void } {
  const waiting = new Set<() => void>();
  const clock = {
    ...systemClock,
    setTimeout: (run: () => void, ms: number): unknown => {
      if (ms !== 1000) return systemClock.setTimeout(run, ms);
      waiting.add(run);
      return run;
    },
    clearTimeout: (timer: unknown) => {
      if (!waiting.delete(timer as () => void)) systemClock.clearTimeout(timer);
    },
  };
  return {
    clock,
    go: () => {
      for (const run of waiting) run();
      waiting.clear();
    },
  };
}

async function pageOf(hub: TestHub, query: string, headers: Record<string, string> = BY_KEY): Promise<Page> {
  const { status, text } = await hub.ask('GET', `/listeners?${query}`, { headers });
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return JSON.parse(text) as Page;
}

function subjectsOf({ listeners }: Page): (string | undefined)[] {
  return listeners.map(({ subject }) => subject);
}

async function token(grant: object, sub: string): Promise<Record<string, string>> {
  return bearer(await makeToken(grant, { claims: { sub, jti: sub } }));
}

/** A stream that tells who listens, of which everything is awaited by its events. */
async function watch(hub: TestHub, topic: string, headers: Record<string, string> = BY_KEY): Promise<Listener> {
  const listener = await Listener.open(hub.port, `/listeners?topic=${topic}`, { ...headers, ...STREAM });
  await listener.until(() => listener.events.length > 0);
  return listener;
}

function told(listener: Listener): readonly (readonly [type: string, data: Page & Described])[] {
  return listener.events.map(({ type, data }) => [type.replace('tidings-', ''), JSON.parse(data) as Page & Described]);
}

describe('who listens to a topic', () => {
  test('is told by name and by pattern, with subjects, and without addresses and other topics', async () => {
    const hub = await startHub(OPTIONS);
    const open = (path: string, headers = {}): Promise<Listener> =>
      Listener.open(hub.port, path, { ...STREAM, ...headers });
    await open('/topics?match=a&match=b', await token({ listen: ['a', 'b'] }, 'ann'));
    await open('/topics?match_urlpattern=*', BY_KEY);
    await open('/topics/a');
    await open('/topics/other');
    await hub.ask('GET', '/topics/a', { headers: { accept: 'application/json' } });
    const page = await pageOf(hub, 'topic=a');
    expect([page.topic, page.count, subjectsOf(page), page.next]).toEqual([
      'a',
      3,
      ['ann', 'key', undefined],
      undefined,
    ]);
    for (const each of page.listeners) {
      expect(Object.keys(each).filter((name) => name !== 'subject')).toEqual(['id', 'since']);
      expect(Math.abs(Date.parse(each.since) - Date.now())).toBeLessThan(60_000);
    }
    expect(await pageOf(hub, 'topic=a')).toEqual(page);
    expect(subjectsOf(await pageOf(hub, 'topic=b'))).toEqual(['ann', 'key']);
    const { status, text, headers } = await hub.ask('HEAD', '/listeners?topic=a', { headers: BY_KEY });
    expect([status, text, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      '',
      'application/json',
      'no-store',
    ]);
  });

  test('is told page by page, also behind a listener that has left', async () => {
    const hub = await startHub({ ...OPTIONS, clock: quick().clock });
    const open: Listener[] = [];
    for (let n = 0; n < 5; n += 1) open.push(await Listener.open(hub.port, '/topics/a', STREAM));
    const watcher = await watch(hub, 'a');
    const all = (await pageOf(hub, 'topic=a')).listeners;
    const first = await pageOf(hub, 'topic=a&limit=2');
    expect([first.count, first.listeners, first.next]).toEqual([5, all.slice(0, 2), all[1]?.id]);
    open[1]?.close();
    await watcher.until(() => watcher.events.length > 1);
    const second = await pageOf(hub, `topic=a&limit=2&after=${first.next}`);
    expect([second.count, second.after, second.listeners, second.next]).toEqual([
      4,
      all[1]?.id,
      all.slice(2, 4),
      all[3]?.id,
    ]);
    const third = await pageOf(hub, `topic=a&limit=2&after=${second.next}`);
    expect([third.listeners, third.next]).toEqual([all.slice(4), undefined]);
  });

  test('is refused for other parameters than those, and for what is none of its values', async () => {
    const hub = await startHub(OPTIONS);
    const other = await startHub(OPTIONS);
    await Listener.open(other.port, '/topics/a', STREAM);
    const [foreign] = (await pageOf(other, 'topic=a')).listeners;
    const cases: readonly (readonly [
      query: string,
      problem: string,
      detail: string,
      headers?: Record<string, string>,
    ])[] = [
      ['', 'invalid-topic', 'No topic is named; name one as /listeners?topic={topic}'],
      ['topic=', 'invalid-topic', 'The topic is empty'],
      ['topic=a&topic=b', 'invalid-parameter', 'topic is given 2 times'],
      ['topic=a&x=1', 'invalid-parameter', 'There is no query parameter \\"x\\"; allowed are topic, limit, after'],
      ['topic=a&x=1', 'invalid-parameter', 'There is no query parameter \\"x\\"; allowed are topic', STREAM],
      ['topic=a&limit=0', 'invalid-parameter', 'limit is \\"0\\"; allowed is a whole number from 1 to 1000'],
      ['topic=a&limit=1001', 'invalid-parameter', 'limit is \\"1001\\"; allowed is a whole number from 1 to 1000'],
      ['topic=a&after=1', 'invalid-parameter', 'which is no id'],
      [`topic=a&after=${foreign?.id}`, 'invalid-parameter', 'which is no id'],
      ['topic=a&limit=1', 'invalid-parameter', 'limit is for a page', STREAM],
      ['topic=a&after=1', 'invalid-parameter', 'after is for a page', STREAM],
    ];
    for (const [query, problem, detail, headers = {}] of cases) {
      const reply = await hub.ask('GET', `/listeners?${query}`, { headers: { ...BY_KEY, ...headers } });
      expect([query, reply.status, problemOf(reply)]).toEqual([query, 400, problem]);
      expect(reply.text).toContain(detail);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'QUERY']) {
      expect((await hub.ask(method, '/listeners?topic=a', { headers: BY_KEY })).status).toBe(405);
    }
    expect((await hub.ask('GET', '/listeners?topic=a&_=1', { headers: BY_KEY })).status).toBe(200);
  });

  test('is told to who has the right to it and may listen, and to no one else', async () => {
    const hub = await startHub(OPTIONS);
    await Listener.open(hub.port, '/topics/a', { ...STREAM, ...(await token({ listen: ['a'] }, 'secret-subject')) });
    const admin = { publish: ['*'], listen: ['*'], admin: true };
    const pattern = { pattern: ':name' };
    const cases: readonly (readonly [grant: object | undefined, status: number])[] = [
      [undefined, 401],
      [{}, 403],
      [{ listen: ['*'], publish: ['*'] }, 403],
      [{ presence: ['*'] }, 403],
      [{ presence: ['a'], listen: ['b'] }, 403],
      [{ presence: ['b'], listen: ['a'] }, 403],
      [{ admin: true }, 403],
      [{ ...admin, presence: [] }, 403],
      [admin, 200],
      [{ presence: ['a'], listen: ['a'] }, 200],
      [{ presence: [pattern], listen: [pattern] }, 200],
      [{ presence: ['*'], listen: ['a'] }, 200],
      [{ presence: [1], listen: ['a'] }, 401],
    ];
    for (const [grant, status] of cases) {
      const headers = grant === undefined ? {} : await token(grant, 'ann');
      for (const method of ['GET', 'HEAD']) {
        const reply = await hub.ask(method, '/listeners?topic=a', { headers });
        expect([grant, method, reply.status]).toEqual([grant, method, status]);
        if (status !== 200) expect(JSON.stringify([reply.text, reply.headers])).not.toContain('secret-subject');
      }
      if (status !== 200) {
        const reply = await hub.ask('GET', '/listeners?topic=a', { headers: { ...headers, ...STREAM } });
        expect([grant, reply.status]).toEqual([grant, status]);
      }
    }
    const ticketOf = await hub.ask('POST', '/tickets?match=a', {
      headers: await token({ ...admin, presence: ['a'] }, 'ann'),
    });
    const { ticket } = JSON.parse(ticketOf.text) as { ticket: string };
    expect((await hub.ask('GET', `/listeners?topic=a&ticket=${ticket}`)).status).toBe(403);
  });

  test('is told with the key of a hub that has another one for who administers, and never to who is only let in', async () => {
    const keys = await startHub({ key: KEY, adminKey: 'another-key-of-the-hub', anonymous: 'all' });
    expect((await pageOf(keys, 'topic=a')).count).toBe(0);
    expect((await keys.ask('GET', '/listeners?topic=a')).status).toBe(401);
    const own = await startHub({ authenticate: () => true });
    expect((await own.ask('GET', '/listeners?topic=a')).status).toBe(401);
    const named = await startHub({ authenticate: () => ({ allow: true, subject: 'ann', presence: ['a'] }) });
    expect((await named.ask('GET', '/listeners?topic=a')).status).toBe(200);
    expect(problemOf(await named.ask('GET', '/listeners?topic=b'))).toBe('forbidden');
    const keyless = await startHub();
    expect((await keyless.ask('GET', '/listeners?topic=a')).status).toBe(200);
  });

  test('counts subscribers by Mercure, and stays away where the face is not', async () => {
    const hub = await startHub({ ...OPTIONS, faces: [mercure(), topics(), listenersFace()] });
    await Listener.open(hub.port, '/.well-known/mercure?match=https%3A%2F%2Fexample.com%2F1', BY_KEY);
    await Listener.open(hub.port, '/.well-known/mercure?topic=*', BY_KEY);
    await Listener.open(hub.port, '/.well-known/mercure?topic=https%3A%2F%2Fexample.com%2F%7Bid%7D', BY_KEY);
    expect((await pageOf(hub, 'topic=https%3A%2F%2Fexample.com%2F1')).count).toBe(3);
    expect((await pageOf(hub, 'topic=other')).count).toBe(1);
    const without = await startHub({ ...OPTIONS, faces: [topics()] });
    expect((await without.ask('GET', '/listeners?topic=a', { headers: BY_KEY })).status).toBe(404);
  });
});

describe('a stream of who listens', () => {
  test('begins with those who do, and tells of each that comes and goes', async () => {
    const hub = await startHub({ ...OPTIONS, clock: quick().clock });
    const first = await Listener.open(hub.port, '/topics/a', { ...STREAM, ...(await token({ listen: ['a'] }, 'ann')) });
    const watcher = await watch(hub, 'a');
    expect(watcher.response.headers['content-type']).toBe('text/event-stream');
    const [[type, page] = []] = told(watcher);
    expect([type, page?.topic, page?.count, page?.listeners.map(({ subject }) => subject)]).toEqual([
      'listeners',
      'a',
      1,
      ['ann'],
    ]);
    await Listener.open(hub.port, '/topics/b', STREAM);
    const second = await Listener.open(hub.port, '/topics?match_urlpattern=*', { ...STREAM, ...BY_KEY });
    await watcher.until(() => watcher.events.length > 1);
    const [, [opened, listener] = []] = told(watcher);
    expect([opened, listener?.subject, Object.keys(listener ?? {})]).toEqual([
      'listener-opened',
      'key',
      ['id', 'subject', 'since'],
    ]);
    expect((await pageOf(hub, 'topic=a')).listeners[1]).toEqual(listener);
    first.close();
    await watcher.until(() => watcher.events.length > 2);
    second.close();
    await watcher.until(() => watcher.events.length > 3);
    expect(told(watcher).slice(2)).toEqual([
      ['listener-closed', { id: page?.listeners[0]?.id }],
      ['listener-closed', { id: listener?.id }],
    ]);
    expect((await pageOf(hub, 'topic=a')).count).toBe(0);
    expect(watcher.text).not.toContain('\nid:');
  });

  test('begins anew for a reader that has not been told of more than 1,000 changes', async () => {
    const { clock, go } = stopped();
    const hub = await startHub({ ...OPTIONS, clock });
    const watcher = await watch(hub, 'a');
    expect(told(watcher)).toEqual([['listeners', { topic: 'a', count: 0, listeners: [] }]]);
    const gone = new AbortController();
    for (let n = 0; n < 1001; n += 1) {
      const request = new Request(`${AUDIENCE}topics/a`, { headers: { ...BY_KEY, ...STREAM }, signal: gone.signal });
      expect((await hub.hub.fetch(request)).status).toBe(200);
    }
    go();
    await watcher.until(() => watcher.events.length >= 3);
    const [, [, first] = [], [, rest] = []] = told(watcher);
    expect([first?.count, first?.after, first?.listeners.length, first?.next]).toEqual([
      1001,
      undefined,
      1000,
      first?.listeners.at(-1)?.id,
    ]);
    expect([rest?.count, rest?.after, rest?.listeners.length, rest?.next]).toEqual([1001, first?.next, 1, undefined]);
    const all = await pageOf(hub, 'topic=a&limit=1000');
    expect([all.listeners, all.next]).toEqual([first?.listeners, first?.next]);
    gone.abort();
    while ((await pageOf(hub, 'topic=a')).count > 0);
    go();
    await watcher.until(() => watcher.events.length >= 4);
    expect(told(watcher)[3]).toEqual(['listeners', { topic: 'a', count: 0, listeners: [] }]);
  });

  test('ends when its rights expire, and is told so', async () => {
    const { clock, pass } = quick();
    const hub = await startHub({ ...OPTIONS, clock });
    const watcher = await watch(hub, 'a', await token({ presence: ['a'], listen: ['a'] }, 'ann'));
    pass(3_700_000);
    expect([await watcher.end(), watcher.events.at(-1)?.type]).toEqual(['complete', 'tidings-expired']);
  });

  test('is broken off when its token is revoked', async () => {
    const hub = await startHub(OPTIONS);
    const watcher = await watch(hub, 'a', await token({ presence: ['a'], listen: ['a'] }, 'ann'));
    expect((await hub.ask('POST', '/revocations', { headers: BY_KEY, body: '{"subject":"ann"}' })).status).toBe(201);
    expect(await watcher.end()).toBe('broken');
  });

  test('counts as a listener, and no more of them are let in than the limits allow', async () => {
    const refusal = (hub: TestHub): Promise<Reply> =>
      hub.ask('GET', '/listeners?topic=a', { headers: { ...BY_KEY, ...STREAM } });
    const full = await startHub({ ...OPTIONS, limits: { maxListeners: 1 } });
    await watch(full, 'a');
    expect(problemOf(await refusal(full))).toBe('too-many-listeners');
    const hub = await startHub({ ...OPTIONS, clock: quick().clock, limits: { maxPresenceStreams: 1 } });
    const watcher = await watch(hub, 'a');
    const refused = await refusal(hub);
    expect([refused.status, problemOf(refused), refused.text]).toEqual([
      503,
      'too-many-listeners',
      expect.stringContaining('There are 1 streams that tell who listens; at most 1 are allowed'),
    ]);
    expect((await pageOf(hub, 'topic=a')).count).toBe(0);
    watcher.close();
    await watcher.end();
    for (let open = true; open;) {
      const next = await Listener.open(hub.port, '/listeners?topic=a', { ...BY_KEY, ...STREAM });
      open = next.response.statusCode === 503;
    }
  });

  test('is no more of a hub than the limits allow, also if many ask for it at once', async () => {
    const { hub } = await startHub({ ...OPTIONS, clock: quick().clock, limits: { maxPresenceStreams: 2 } });
    const ask = async (): Promise<boolean> => {
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      const request = new Request(`${AUDIENCE}listeners?topic=a`, {
        headers: { ...BY_KEY, ...STREAM },
        signal: stop.signal,
      });
      const { status, body } = await hub.fetch(request);
      if (status !== 200) return false;
      return await body!
        .getReader()
        .read()
        .then(
          ({ done }) => !done,
          () => false,
        );
    };
    const open = await Promise.all(Array.from({ length: 6 }, ask));
    expect(open.filter(Boolean)).toHaveLength(2);
  });

  test('ends whole when the hub closes', async () => {
    const hub = await startHub(OPTIONS);
    const watcher = await watch(hub, 'a');
    await hub.hub.close();
    expect(await watcher.end()).toBe('complete');
  });
});

test('no publisher at /topics can forge what the face for Mercure tells of subscriptions, nor close or delete it', async () => {
  const hub = await startHub({ ...OPTIONS, faces: [mercure({ subscriptions: true }), topics()] });
  const path = '/.well-known/mercure/subscriptions';
  const own = [
    path,
    `${path}/exact/a/urn%3Auuid%3A1`,
    `https://hub.example${path}/a/1`,
    `https://elsewhere.example${path}`,
    // Each is relative to one scheme and absolute for the other.
    `http:${path}/a/1`,
    `https:${path}/a/1`,
    'mercure/subscriptions/a/1',
    '/.well-known/mercure/%73ubscriptions/a/1',
    'mercure\\subscriptions\\a',
    '/x/../.well-known/mercure/subscriptions/a/1',
  ];
  for (const topic of own) {
    const name = encodeURIComponent(topic);
    const asked: readonly (readonly [method: string, path: string, type: string, body: string])[] = [
      ['POST', `/topics?topic=${name}`, 'text/plain', 'x'],
      ['POST', `/topics?topic=${name}&close`, 'text/plain', 'x'],
      ['POST', `/topics?topic=${name}`, 'text/event-stream', 'data: x\n\n'],
      ['POST', '/topics', 'application/x-ndjson', JSON.stringify({ topic, data: 'x' })],
      [
        'POST',
        '/topics',
        'application/cloudevents+json',
        JSON.stringify({ specversion: '1.0', id: '1', source: 's', type: 't', topic }),
      ],
      ['PUT', `/topics?topic=${name}`, 'application/json', '{}'],
      ['PUT', `/topics?topic=${name}&lease=30s`, 'text/plain', ''],
      ['DELETE', `/topics?topic=${name}`, 'text/plain', ''],
    ];
    for (const [method, at, type, body] of asked) {
      const reply = await hub.ask(method, at, { headers: { ...BY_KEY, 'content-type': type }, body });
      expect([topic, method, type, reply.status, problemOf(reply)]).toEqual([
        topic,
        method,
        type,
        400,
        'invalid-topic',
      ]);
      expect(reply.text).toContain('is for events of the hub itself (its face mercure), which nobody else may write');
    }
    await expect(hub.hub.publish(topic, { data: 'x' })).rejects.toMatchObject({ problem: 'invalid-topic' });
  }
  for (const topic of ['mercure/a', 'subscriptions', '/.well-known/mercure/subscriptionsx', '/.well-known/mercure']) {
    const reply = await hub.ask('POST', `/topics?topic=${encodeURIComponent(topic)}`, { headers: BY_KEY, body: 'x' });
    expect([topic, reply.status]).toEqual([topic, 200]);
  }
  const free = await startHub(OPTIONS);
  expect(
    (await free.ask('POST', `/topics?topic=${encodeURIComponent(path)}`, { headers: BY_KEY, body: 'x' })).status,
  ).toBe(200);
});
