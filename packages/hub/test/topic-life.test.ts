import { Hub, MemoryLog } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import type { Rights } from '@tidings/server';
import { describe, expect, test, vi } from 'vitest';
import { Listener } from './listener.ts';
import { ask, problemOf, serve, startHub, temporaryFolder, type Reply, type TestHub } from './test-hub.ts';

const KEY = 'a-key-of-this-hub';
const AUTHORIZED = { authorization: `Bearer ${KEY}` };

const detailOf = (reply: Reply): string => (JSON.parse(reply.text) as { detail: string }).detail;

async function lease(hub: TestHub, topic: string, ttl = '30s'): Promise<string> {
  const reply = await hub.ask('PUT', `/topics/${topic}?lease=${ttl}`);
  expect(reply.status).toBe(200);
  return (JSON.parse(reply.text) as { lease: string }).lease;
}

describe('a topic is closed', () => {
  test('with the body as its last event; listeners get it and their streams end; later ones are answered 204', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    await hub.publish('a', '1');
    const id = await hub.publish('a?close&type=done&id=x', 'bye');
    expect([id, await listener.end()]).toEqual(['x', 'complete']);
    expect(listener.published.map(({ type, data, lastEventId }) => [type, data, lastEventId])).toEqual([
      ['message', '1', hub.cursor(1)],
      ['done', 'bye', 'x'],
    ]);
    const none = await hub.ask('GET', '/topics/a');
    expect([none.status, none.text, none.headers['cache-control']]).toEqual([204, '', 'no-store']);
    expect(none.headers['content-length']).toBeUndefined();
    for (const cursor of ['x', hub.cursor(2)]) {
      expect((await hub.ask('GET', '/topics/a', { headers: { 'last-event-id': cursor } })).status).toBe(204);
    }
    const rest = await Listener.open(hub.port, '/topics/a', { 'last-event-id': hub.cursor(1) });
    expect([await rest.end(), rest.data]).toEqual(['complete', ['bye']]);
    const last = await Listener.open(hub.port, '/topics/a?last=1');
    expect([await last.end(), last.data]).toEqual(['complete', ['bye']]);
    expect(hub.hub.stats()).toMatchObject({ refused: { complete: 3 } });
  });

  test.each([{ maxListeners: 1 }, { maxListenersPerAddress: 1 }])(
    'and who has got everything is answered 204 by a hub that is full: %o',
    async (limits) => {
      const hub = await startHub({ limits });
      await hub.publish('a', '1');
      await hub.publish('a?close&id=x', 'bye');
      const listener = await Listener.open(hub.port, '/topics/b');
      const full = 'maxListeners' in limits ? 503 : 429;
      const statusOf = async (query: string, headers = {}): Promise<number> =>
        (await hub.ask('GET', `/topics/${query}`, { headers })).status;
      for (const cursor of ['x', hub.cursor(2)]) expect(await statusOf('a', { 'last-event-id': cursor })).toBe(204);
      expect(await statusOf('a')).toBe(204);
      // These have something to get, or may have, and need a place for it.
      for (const query of ['a?last=1', 'a?since=1h', 'a?lastEventId=earliest', 'a?lastEventId=unknown', 'b', 'c']) {
        expect([query, await statusOf(query)]).toEqual([query, full]);
      }
      expect(await statusOf('a', { 'last-event-id': hub.cursor(1) })).toBe(full);
      expect(await statusOf('?match=a&match=b')).toBe(full);
      expect(hub.hub.stats()).toMatchObject({ listeners: 1, refused: { complete: 3 } });
      await hub.publish('b', 'still here');
      expect(await listener.take(1)).toEqual(['still here']);
    },
  );

  test('and a full hub searches for nothing, whoever asks', async () => {
    const hub = await startHub({ limits: { maxListeners: 1 } });
    await hub.publish('a?id=x', '1');
    await hub.publish('b?close&id=x', 'bye');
    await Listener.open(hub.port, '/topics/c');
    const locate = vi.spyOn(hub.log, 'locate');
    for (const topic of ['a', 'b', 'unknown']) {
      const { status } = await hub.ask('GET', `/topics/${topic}`, { headers: { 'last-event-id': 'x' } });
      expect([topic, status]).toEqual([topic, topic === 'b' ? 204 : 503]);
    }
    expect(locate).not.toHaveBeenCalled();
  });

  test('with an event of its own if the body is empty, and stays closed', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    await hub.publish('a?close', '');
    await listener.end();
    expect(listener.published.map(({ type, data }) => [type, data])).toEqual([
      ['tidings-closed', '{"reason":"closed"}'],
    ]);
    const again = await hub.ask('POST', '/topics/a', { body: '2' });
    expect([again.status, problemOf(again), detailOf(again)]).toEqual([
      409,
      'topic-closed',
      'Cannot append: the topic "a" is closed: it can still be read; use another topic, or delete this one, if you may manage it',
    ]);
    expect(problemOf(await hub.ask('POST', '/topics/a?close'))).toBe('topic-closed');
    expect(problemOf(await hub.ask('PUT', '/topics/a?lease=5s'))).toBe('topic-closed');
  });

  test('by the last event of a batch, stored whole, or by one of its own if the batch is empty', async () => {
    const hub = await startHub();
    const headers = { 'content-type': 'text/event-stream' };
    await hub.publish('a?close', 'data: 1\n\ndata: 2\n\ndata: unfinished', headers);
    await hub.publish('b?close', ': nothing\n\n', headers);
    for (const [topic, data] of [
      ['a', ['1', '2']],
      ['b', ['{"reason":"closed"}']],
    ] as const) {
      const listener = await Listener.open(hub.port, `/topics/${topic}?lastEventId=earliest`);
      expect([await listener.end(), listener.data]).toEqual(['complete', data]);
    }
  });

  test('once, also if the request is sent again with its idempotency key', async () => {
    const hub = await startHub();
    const headers = { 'idempotency-key': 'k' };
    const first = await hub.publish('a?close', 'bye', headers);
    expect(await hub.publish('a?close', 'bye', headers)).toBe(first);
    expect(problemOf(await hub.ask('POST', '/topics/a', { headers, body: 'bye' }))).toBe('key-reused');
  });

  test('in a copy of its stream, too', async () => {
    const hub = await startHub();
    const headers = { 'content-type': 'text/event-stream' };
    const body = 'event: tidings-closed\ndata: {"reason":"closed"}\n\n';
    await hub.publish('copy', body, headers);
    expect((await hub.ask('GET', '/topics/copy')).status).toBe(204);
    const open = await startHub({ key: KEY, anonymous: 'all' });
    expect(problemOf(await open.ask('POST', '/topics/copy', { headers, body }))).toBe('unauthorized');
  });

  test('and a listener to it and others goes on', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics?match=a&match=b');
    await hub.publish('a?close', 'bye');
    await hub.publish('b', 'more');
    expect(await listener.take(2)).toEqual(['bye', 'more']);
    const again = await Listener.open(hub.port, '/topics?match=a&match=b&lastEventId=earliest');
    expect(await again.take(2)).toEqual(['bye', 'more']);
  });

  test('and is closed after a restart of the hub', async () => {
    const path = temporaryFolder();
    const before = await LmdbLog.open({ path });
    await before.append([{ topics: ['a'], fields: { data: 'bye' }, final: true }]);
    await before.close();
    const port = await serve(new Hub({ log: await LmdbLog.open({ path }) }));
    expect((await ask(port, 'GET', '/topics/a')).status).toBe(204);
    expect(problemOf(await ask(port, 'POST', '/topics/a'))).toBe('topic-closed');
  });
});

describe('a topic is created', () => {
  test('with 201, or with 200 if it is known, and 412 if it was not to be', async () => {
    const hub = await startHub();
    const put = (body: string, headers = {}): Promise<Reply> => hub.ask('PUT', '/topics/a', { headers, body });
    const made = await put('{"ttl":"24h"}');
    expect([made.status, JSON.parse(made.text)]).toEqual([201, { topic: 'a', created: true, ttl: '1d', keep: 'all' }]);
    const again = await put('{"ttl":"90s","keep":"latest"}');
    expect([again.status, JSON.parse(again.text)]).toEqual([
      200,
      { topic: 'a', created: false, ttl: '90s', keep: 'latest' },
    ]);
    const refused = await put('', { 'if-none-match': '*' });
    expect([refused.status, problemOf(refused), detailOf(refused)]).toEqual([
      412,
      'topic-exists',
      'Cannot create the topic "a": it exists already, and is open; choose another name, or set its options without this condition',
    ]);
    expect((await hub.ask('PUT', '/topics?topic=b', { headers: { 'if-none-match': '*' } })).status).toBe(201);
    expect((await hub.ask('HEAD', '/topics/b')).headers).toMatchObject({
      'tidings-state': 'open',
      'tidings-events': '0',
    });
  });

  test.each([
    ['{', 'The options of the topic cannot be read: it is no JSON: it ends too early'],
    ['[]', 'The options of the topic cannot be read: it is an array, not an object'],
    ['{"keep":"all","keep":"latest"}', 'The options of the topic cannot be read: it has the member "keep" twice'],
    ['{"tll":"1h"}', 'The options of the topic have no "tll"; allowed are ttl, keep; did you mean ttl?'],
    [
      '{"ttl":5}',
      'The options of the topic have 5 as ttl; allowed is a number with a unit (ms, s, m, h, d, w), such as 30s, from 1s to 36500d',
    ],
    ['{"keep":"some"}', 'The options of the topic have "some" as keep; allowed are "all", "latest"'],
  ])('but not with %s', async (body, detail) => {
    const hub = await startHub();
    const reply = await hub.ask('PUT', '/topics/a', { body });
    expect([problemOf(reply), detailOf(reply)]).toEqual(['invalid-parameter', detail]);
    expect((await hub.ask('HEAD', '/topics/a')).headers['tidings-state']).toBe('unknown');
  });

  test('but not with another condition, nor with too much, nor with an unknown parameter', async () => {
    const hub = await startHub();
    const other = await hub.ask('PUT', '/topics/a', { headers: { 'if-none-match': '"x"' } });
    expect(detailOf(other)).toBe('If-None-Match is "\\"x\\""; allowed is *');
    expect(problemOf(await hub.ask('PUT', '/topics/a', { body: ' '.repeat(5000) }))).toBe('too-large');
    const notText = await hub.ask('PUT', '/topics/a', { body: Buffer.from([0xff]) });
    expect(detailOf(notText)).toBe('The options of the topic are not valid UTF-8');
    expect(problemOf(await hub.ask('PUT', '/topics/a?ttl=1h'))).toBe('invalid-parameter');
  });
});

describe('a lease', () => {
  test('makes its holder the one producer, until it is given back', async () => {
    const hub = await startHub();
    const reply = await hub.ask('PUT', '/topics/a?lease=30s');
    const { lease: token, until, ...rest } = JSON.parse(reply.text) as { lease: string; until: string };
    expect(rest).toEqual({ topic: 'a', ms: 30_000 });
    expect(new Date(until).toISOString()).toBe(until);
    const taken = await hub.ask('PUT', '/topics/a?lease=5s');
    expect([taken.status, problemOf(taken)]).toEqual([409, 'leased']);
    expect(Number(taken.headers['retry-after'])).toBeGreaterThan(0);
    const without = await hub.ask('POST', '/topics/a', { body: 'x' });
    expect([without.status, problemOf(without)]).toEqual([409, 'lease-lost']);
    const wrong = await hub.ask('POST', '/topics/a', { headers: { 'tidings-lease': 'f'.repeat(32) }, body: 'x' });
    expect(problemOf(wrong)).toBe('lease-lost');
    expect(detailOf(wrong)).not.toBe(detailOf(without));
    await hub.publish('a', 'mine', { 'tidings-lease': token });
    await hub.publish('a', 'data: stream\n\n', { 'tidings-lease': token, 'content-type': 'text/event-stream' });
    const renewed = await hub.ask('PUT', '/topics/a?lease=60s', { headers: { 'tidings-lease': token } });
    expect(JSON.parse(renewed.text)).toMatchObject({ lease: token, ms: 60_000 });
    const back = await hub.ask('DELETE', '/topics/a?lease', { headers: { 'tidings-lease': token } });
    expect([back.status, back.text]).toEqual([204, '']);
    await hub.publish('a', 'everyone');
    expect(problemOf(await hub.ask('DELETE', '/topics/a?lease', { headers: { 'tidings-lease': token } }))).toBe(
      'lease-lost',
    );
    const listener = await Listener.open(hub.port, '/topics/a?lastEventId=earliest');
    expect(await listener.take(3)).toEqual(['mine', 'stream', 'everyone']);
  });

  test('that ends while the topic is open closes the topic', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    await lease(hub, 'a', '1s');
    await listener.end();
    expect(listener.published.map(({ type, data }) => [type, data])).toEqual([
      ['tidings-closed', '{"reason":"lease-expired"}'],
    ]);
  });

  test('is given back by a close', async () => {
    const hub = await startHub();
    const token = await lease(hub, 'a');
    await hub.publish('a?close', 'bye', { 'tidings-lease': token });
    expect((await hub.ask('GET', '/topics/a')).status).toBe(204);
  });

  test.each([
    [
      'PUT',
      '/topics/a?lease',
      {},
      'The query parameter lease is ""; allowed is a number with a unit (ms, s, m, h, d, w), such as 30s, from 1s to 1d',
    ],
    [
      'PUT',
      '/topics/a?lease=25h',
      {},
      'The query parameter lease is "25h"; allowed is a number with a unit (ms, s, m, h, d, w), such as 30s, from 1s to 1d',
    ],
    [
      'PUT',
      '/topics/a?lease=5s',
      { 'tidings-lease': 'a, b' },
      'The Tidings-Lease header field has 2 tokens; allowed is one',
    ],
    ['DELETE', '/topics/a?lease', {}, 'The lease to give back is not named: send its token as Tidings-Lease'],
    [
      'POST',
      '/topics/a',
      { 'tidings-lease': 'a b' },
      'The Tidings-Lease header field must be the token that PUT ?lease was answered, or several with commas between them',
    ],
  ])('is not taken by %s %s with %o', async (method, path, headers, detail) => {
    const reply = await (await startHub()).ask(method, path, { headers });
    expect([problemOf(reply), detailOf(reply)]).toEqual(['invalid-parameter', detail]);
  });
});

test.each([
  ['DELETE', 'Tidings-Lease', 'add the query parameter lease to give the lease back'],
  ['DELETE', 'Idempotency-Key', 'add the query parameter lease'],
  ['DELETE', 'If-Match', 'leave it out to delete the topic with its events'],
  ['DELETE', 'If-None-Match', 'leave it out to delete'],
  ['PUT', 'Tidings-Lease', 'add the query parameter lease to lease the topic or renew its lease'],
  ['PUT', 'Idempotency-Key', 'add the query parameter lease'],
  ['PUT', 'If-Match', 'leave it out to create the topic or set its options'],
])('%s without lease is refused with %s, and changes nothing', async (method, field, hint) => {
  const hub = await startHub();
  await hub.ask('PUT', '/topics/a', { body: '{"keep":"latest"}' });
  const token = await lease(hub, 'a');
  await hub.publish('a', '1', { 'tidings-lease': token });
  for (const path of ['/topics/a', '/topics?topic=a']) {
    const reply = await hub.ask(method, path, { headers: { [field]: token } });
    expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
    expect(detailOf(reply)).toContain(hint);
  }
  const { state, options, leasedUntil } = await hub.log.topics.status('a');
  expect([state, options]).toEqual(['open', { keep: 'latest' }]);
  expect(leasedUntil).toBeGreaterThan(0);
});

describe('a topic is deleted', () => {
  test('with its events; listeners are ended, come back and are told', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    const other = await Listener.open(hub.port, '/topics?match=a&match=b');
    const id = await hub.publish('a', '1');
    await listener.take(1);
    const reply = await hub.ask('DELETE', '/topics/a');
    expect([reply.status, JSON.parse(reply.text)]).toEqual([200, { topic: 'a', existed: true }]);
    expect(await listener.end()).toBe('complete');
    expect((await hub.ask('HEAD', '/topics/a')).headers['tidings-state']).toBe('unknown');
    const back = await Listener.open(hub.port, '/topics/a', { 'last-event-id': id });
    await hub.publish('a', 'new');
    await back.take(2);
    expect(back.published.map(({ type }) => type)).toEqual(['tidings-gap', 'message']);
    expect(JSON.parse(back.data[0]!)).toMatchObject({ after: id, reason: 'deleted' });
    expect(await other.take(2)).toEqual(['1', 'new']);
    expect(JSON.parse((await hub.ask('DELETE', '/topics/none')).text)).toEqual({ topic: 'none', existed: false });
  });

  test('after it was closed, and can begin again', async () => {
    const hub = await startHub();
    await hub.publish('a?close', 'bye');
    await hub.ask('DELETE', '/topics?topic=a');
    await hub.publish('a', 'again');
    const listener = await Listener.open(hub.port, '/topics/a?lastEventId=earliest');
    expect(await listener.take(1)).toEqual(['again']);
  });
});

describe('HEAD of a topic', () => {
  test('tells its state, its events and their cursors, and takes no place', async () => {
    const hub = await startHub({ limits: { maxListeners: 1 } });
    await Listener.open(hub.port, '/topics/x');
    const fields = async (path = '/topics/a'): Promise<unknown[]> => {
      const { status, headers } = await hub.ask('HEAD', path);
      const names = ['state', 'events', 'earliest', 'newest'];
      return [status, ...names.map((name) => headers[`tidings-${name}`])];
    };
    expect(await fields()).toEqual([200, 'unknown', '0', undefined, undefined]);
    await hub.publish('a?id=own', '1');
    await hub.publish('a', '2');
    expect(await fields()).toEqual([200, 'open', '2', hub.cursor(1), hub.cursor(2)]);
    await hub.publish('a?close', '3');
    expect(await fields()).toEqual([204, 'closed', '3', hub.cursor(1), hub.cursor(3)]);
    expect(await fields('/topics/a?lastEventId=own')).toEqual([200, 'closed', '3', hub.cursor(1), hub.cursor(3)]);
    expect(await fields('/topics/a?x')).toEqual([400, undefined, undefined, undefined, undefined]);
  });

  test('tells until when a topic is leased, as the list tells that it is, to who gets its private events', async () => {
    const now = Date.now();
    const hub = await startHub({ key: KEY, anonymous: 'listen', now: () => now });
    await hub.publish('a', '1', AUTHORIZED);
    const told = async (headers: Record<string, string>): Promise<unknown> => {
      const head = await hub.ask('HEAD', '/topics/a', { headers });
      const list = JSON.parse((await hub.ask('GET', '/topics?prefix=', { headers })).text) as {
        topics: { leased?: boolean }[];
      };
      return [head.headers['tidings-leased-until'], list.topics.map(({ leased }) => leased)];
    };
    expect(await told(AUTHORIZED)).toEqual([undefined, [undefined]]);
    const answer = await hub.ask('PUT', '/topics/a?lease=30s', { headers: AUTHORIZED });
    const { until, lease: token } = JSON.parse(answer.text) as { until: string; lease: string };
    expect(await told(AUTHORIZED)).toEqual([until, [true]]);
    expect(await told({})).toEqual([undefined, [undefined]]);
    await hub.ask('DELETE', '/topics/a?lease', { headers: { ...AUTHORIZED, 'tidings-lease': token } });
    expect(await told(AUTHORIZED)).toEqual([undefined, [undefined]]);
  });

  test('tells the options of a topic that was created, in the form that PUT takes, to whoever it tells the state', async () => {
    const filtered: Rights = { allow: true, filter: () => false };
    const hub = await startHub({
      authenticate: ({ header }) => (header('x-filtered') ? filtered : { allow: true, publish: 'all', admin: true }),
      allowedOrigins: ['https://app.example'],
    });
    const told = async (headers: Record<string, string> = {}): Promise<unknown[]> => {
      const head = await hub.ask('HEAD', '/topics/a', { headers });
      return ['state', 'ttl', 'keep'].map((name) => head.headers[`tidings-${name}`]);
    };
    await hub.publish('a?private', '1');
    expect(await told()).toEqual(['unknown', undefined, undefined]);
    await hub.ask('PUT', '/topics/a', { body: '{"ttl":"90m","keep":"latest"}' });
    expect(await told()).toEqual(['open', '90m', 'latest']);
    expect(await told({ 'x-filtered': 'yes' })).toEqual(['open', '90m', 'latest']);
    await hub.ask('PUT', '/topics/a');
    expect(await told()).toEqual(['open', undefined, 'all']);
    await hub.publish('a?close', 'bye');
    const { status, headers } = await hub.ask('HEAD', '/topics/a', { headers: { origin: 'https://app.example' } });
    expect([status, headers['tidings-keep']]).toEqual([204, 'all']);
    expect(headers['access-control-expose-headers']).toContain('Tidings-Newest, Tidings-Keep');
    await hub.ask('DELETE', '/topics/a');
    expect(await told()).toEqual(['unknown', undefined, undefined]);
  });

  test('tells what is kept of a topic as it is: by its own option, else by the first rule for it, and so does PUT', async () => {
    const rules = [
      { topics: ['rule', 'both', 'all'], keep: 'latest' as const },
      { topics: ['rule'], keep: 'all' as const },
    ];
    const hub = await startHub({ key: KEY, anonymous: 'listen', retention: { perTopic: rules } });
    const told = async (topic: string): Promise<unknown> =>
      (await hub.ask('HEAD', `/topics/${topic}`)).headers['tidings-keep'];
    const put = async (topic: string, body: string): Promise<unknown> =>
      (JSON.parse((await hub.ask('PUT', `/topics/${topic}`, { headers: AUTHORIZED, body })).text) as { keep: string })
        .keep;
    expect(await told('rule')).toBeUndefined();
    expect([await put('both', '{"ttl":"1h"}'), await put('all', '{"keep":"all"}'), await put('own', '{}')]).toEqual([
      'latest',
      'all',
      'all',
    ]);
    await hub.ask('POST', '/topics/rule?private', { headers: AUTHORIZED, body: '1' });
    expect(await told('rule')).toBeUndefined();
    await hub.ask('POST', '/topics/rule', { headers: AUTHORIZED, body: '2' });
    expect(await Promise.all(['rule', 'both', 'all', 'own'].map(told))).toEqual(['latest', 'latest', 'all', 'all']);
  });

  test('tells a page of an allowed origin, too', async () => {
    const origin = 'https://app.example';
    const hub = await startHub({ anonymous: 'all', allowedOrigins: [origin] });
    await hub.publish('a?close', 'bye');
    const { headers } = await hub.ask('HEAD', '/topics/a', { headers: { origin } });
    expect(headers['access-control-expose-headers']).toBe(
      'Retry-After, Tidings-State, Tidings-Events, Tidings-Earliest, Tidings-Newest, Tidings-Keep',
    );
    const none = await hub.ask('GET', '/topics/a', { headers: { origin } });
    expect([none.status, none.headers['access-control-allow-origin']]).toEqual([204, origin]);
    const asked = {
      origin,
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'tidings-lease',
    };
    const preflight = await hub.ask('OPTIONS', '/topics/a', { headers: asked });
    expect(preflight.headers['access-control-allow-methods']).toBe('GET, HEAD, POST, PUT, DELETE');
    expect(preflight.headers['access-control-allow-headers']).toBe('tidings-lease');
  });

  test('shows nothing of private events to who may not get them', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'listen' });
    const strangers = async (path = '/topics/a'): Promise<unknown> => {
      const { status, headers } = await hub.ask('HEAD', path);
      return [status, Object.entries(headers).filter(([name]) => name.startsWith('tidings-'))];
    };
    const unknown = await strangers('/topics/never');
    await hub.publish('a?private', '1', AUTHORIZED);
    expect(await strangers()).toEqual(unknown);
    await hub.publish('a?private&close', '2', AUTHORIZED);
    expect(await strangers()).toEqual(unknown);
    const listener = await Listener.open(hub.port, '/topics/a');
    expect(listener.response.statusCode).toBe(200);
    await hub.ask('DELETE', '/topics/a', { headers: AUTHORIZED });
    await hub.publish('b', 'public', AUTHORIZED);
    expect(await strangers()).toEqual(unknown);
    expect(listener.ended).toBe('no');
  });

  test('tells everyone of a topic that was created, until there is a private event and after it', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'listen' });
    const state = async (): Promise<unknown> => (await hub.ask('HEAD', '/topics/a')).headers['tidings-state'];
    await hub.ask('PUT', '/topics/a', { headers: AUTHORIZED });
    expect(await state()).toBe('open');
    await hub.publish('a?private&close', '1', AUTHORIZED);
    expect(await state()).toBe('open');
  });

  test('tells only the state and what is kept to who has a filter', async () => {
    const rights: Rights = { allow: true, publish: 'all', filter: () => false };
    const hub = await startHub({ authenticate: () => rights });
    await hub.publish('a', '1');
    const { headers } = await hub.ask('HEAD', '/topics/a');
    expect(Object.keys(headers).filter((name) => name.startsWith('tidings-'))).toEqual([
      'tidings-state',
      'tidings-keep',
    ]);
  });
});

describe('the right to manage', () => {
  const refusal = async (hub: TestHub, method: string, path: string): Promise<unknown> => {
    const reply = await hub.ask(method, path);
    return [problemOf(reply), problemOf(reply) && detailOf(reply)];
  };

  test('is needed to create and delete, and publishing is enough to close and lease', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'all' });
    const detail = 'The request has no key, and needs it to manage "a": send Authorization: Bearer <key>';
    expect(await refusal(hub, 'PUT', '/topics/a')).toEqual(['unauthorized', detail]);
    expect(await refusal(hub, 'DELETE', '/topics/a')).toEqual(['unauthorized', detail]);
    expect((await hub.ask('PUT', '/topics/a', { headers: AUTHORIZED })).status).toBe(201);
    const token = await lease(hub, 'a');
    await hub.publish('a?close', 'bye', { 'tidings-lease': token });
    expect((await hub.ask('DELETE', '/topics/a', { headers: AUTHORIZED })).status).toBe(200);
  });

  test('is of the topics that rights name', async () => {
    const rights: Rights = { allow: true, subject: 'jobs', publish: ['a', 'b'], manage: ['a'] };
    const hub = await startHub({ authenticate: () => rights });
    expect((await hub.ask('PUT', '/topics/a')).status).toBe(201);
    expect(await refusal(hub, 'DELETE', '/topics/b')).toEqual([
      'forbidden',
      'The rights of jobs do not allow it to manage "b"',
    ]);
    expect(await refusal(hub, 'PUT', '/topics/c?lease=5s')).toEqual([
      'forbidden',
      'The rights of jobs do not allow it to publish to "c"',
    ]);
  });

  test('is not that of a page of another origin', async () => {
    const hub = await startHub({ anonymous: 'all', authenticate: undefined });
    for (const [method, path] of [
      ['PUT', '/topics/a'],
      ['PUT', '/topics/a?lease=5s'],
      ['DELETE', '/topics/a'],
      ['DELETE', '/topics/a?lease'],
    ] as const) {
      const reply = await hub.ask(method, path, { headers: { origin: 'https://evil.example' } });
      expect(['origin-not-allowed', 'unauthorized']).toContain(problemOf(reply));
    }
  });
});

test('a hub whose log keeps no states of topics says so', async () => {
  const memory = new MemoryLog();
  const log = new Proxy(memory, {
    get(target, name) {
      const value: unknown = name === 'topics' ? undefined : Reflect.get(target, name);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
  const port = await serve(new Hub({ log }));
  for (const [method, path] of [
    ['PUT', '/topics/a'],
    ['PUT', '/topics/a?lease=5s'],
    ['DELETE', '/topics/a'],
    ['POST', '/topics/a?close'],
  ] as const) {
    const reply = await ask(port, method, path);
    expect([reply.status, problemOf(reply)]).toEqual([501, 'unsupported']);
  }
  for (const member of [{ lease: 'x' }, { close: true }]) {
    const body = JSON.stringify({ topic: 'a', data: '', ...member });
    const reply = await ask(port, 'POST', '/topics', { headers: { 'content-type': 'application/x-ndjson' }, body });
    expect([reply.status, problemOf(reply)]).toEqual([501, 'unsupported']);
  }
  const head = await ask(port, 'HEAD', '/topics/a');
  expect([head.status, head.headers['tidings-state']]).toEqual([200, undefined]);
});

test('a parameter without a value is refused with one, and so nothing is closed, made private, forgotten or given back by mistake', async () => {
  const hub = await startHub();
  const stream = { 'content-type': 'text/event-stream' };
  for (const query of [
    'close=false',
    'private=0',
    'key=a&forget=false',
    'close=',
    'private=true',
    'key=a&forget=true',
  ]) {
    const reply = await hub.ask('POST', `/topics/${query.replace(/[^a-z]/g, '')}?${query}`, { body: 'x' });
    const isRefused = /false|0/.test(query);
    expect([query, reply.status]).toEqual([query, isRefused ? 400 : 200]);
    if (isRefused) expect(problemOf(reply)).toBe('invalid-parameter');
  }
  const parts = await hub.ask('POST', '/topics/a?private=no', { headers: stream, body: '' });
  expect([problemOf(parts), detailOf(parts)]).toEqual([
    'invalid-parameter',
    'The query parameter private is "no"; allowed is private without a value, or private=true. Leave it out otherwise',
  ]);
  const token = await lease(hub, 'a');
  const headers = { 'tidings-lease': token };
  expect(problemOf(await hub.ask('DELETE', '/topics/a?lease=30s', { headers }))).toBe('invalid-parameter');
  expect((await hub.ask('DELETE', '/topics/a?lease', { headers })).status).toBe(204);
});

test('the cursors of HEAD, and where a page ends, are those of the events, also after a restart', async () => {
  const path = temporaryFolder();
  const before = await LmdbLog.open({ path });
  const receipts = [
    await before.append([{ topics: ['a'], fields: { data: '1' } }]),
    await before.append([{ topics: ['a'], fields: { data: '2' } }]),
  ];
  await before.close();
  const port = await serve(new Hub({ log: await LmdbLog.open({ path }) }));
  const [first, second] = receipts.map(({ id }) => id);
  const head = async (): Promise<unknown[]> => {
    const { headers } = await ask(port, 'HEAD', '/topics/a');
    return [headers['tidings-earliest'], headers['tidings-newest']];
  };
  expect(await head()).toEqual([first, second]);
  const headers = { accept: 'application/json' };
  const page = async (query: string): Promise<unknown> => {
    return (JSON.parse((await ask(port, 'GET', `/topics/a?${query}`, { headers })).text) as { next: unknown }).next;
  };
  expect(await page('limit=1')).toBe(first);
  expect(await page(`lastEventId=${second}`)).not.toBe(second);
  const third = (await ask(port, 'POST', '/topics/a', { body: '3' })).text;
  expect(await head()).toEqual([first, third]);
  await ask(port, 'POST', '/topics/a?id=mine', { body: '4' });
  expect((await head())[1]).toBe(third.replace(/\d+$/, (seq) => String(Number(seq) + 1)));
});

test('a request for a lease has nothing that creates a topic', async () => {
  const hub = await startHub();
  const put = (options: object): Promise<Reply> => hub.ask('PUT', '/topics/a?lease=30s', options);
  for (const [options, found] of [
    [{ body: '{"ttl":"24h"}' }, 'a body'],
    [{ headers: { 'if-none-match': '*' } }, 'the header field If-None-Match'],
  ] as const) {
    const reply = await put(options);
    expect(problemOf(reply)).toBe('invalid-parameter');
    expect(detailOf(reply)).toContain(`has ${found}, which is only for creating a topic`);
  }
  expect((await put({})).status).toBe(200);
});

test('a lease that is not needed is refused with what is wrong with it', async () => {
  const hub = await startHub();
  const token = await lease(hub, 'b');
  const send = async (path: string, body: string, headers: object): Promise<unknown[]> => {
    const reply = await hub.ask('POST', path, { headers: { 'tidings-lease': token, ...headers }, body });
    return [problemOf(reply), detailOf(reply)];
  };
  const lines = { 'content-type': 'application/x-ndjson' };
  const line = (topic: string): string => `${JSON.stringify({ topic, data: '' })}\n`;
  expect(await send('/topics/a', 'x', {})).toEqual([
    'lease-lost',
    'Cannot append: the topic "a" is not leased, or no longer, but a lease was given: leave it out, or lease the topic anew',
  ]);
  expect(await send('/topics', line('a') + line('c'), lines)).toEqual([
    'lease-lost',
    'Cannot append: none of its topics is leased, or no longer, but a lease was given: leave it out, or lease a topic anew',
  ]);
  expect(await send('/topics/b', 'x', { 'tidings-lease': `${token}, other` })).toEqual([
    'lease-lost',
    'Cannot append: one of the leases that were given belongs to none of its topics, or no longer: leave it out',
  ]);
});

describe('a lease that is asked for with an idempotency key', () => {
  const askFor = (hub: TestHub, topic: string, key: string, headers: object = {}): Promise<Reply> =>
    hub.ask('PUT', `/topics/${topic}?lease=30s`, { headers: { 'idempotency-key': key, ...headers } });

  test('is the same when it is asked for again, of the same sender and on the same topic', async () => {
    const authenticate = ({ header }: { header(name: string): string | undefined }): Rights => ({
      allow: true,
      publish: 'all',
      subject: header('x-sender') ?? 'nobody',
    });
    const hub = await startHub({ authenticate });
    const first = await askFor(hub, 'a', 'k');
    const { lease: token } = JSON.parse(first.text) as { lease: string };
    expect(JSON.parse((await askFor(hub, 'a', 'k')).text)).toMatchObject({ topic: 'a', lease: token, ms: 30_000 });
    const others = [
      askFor(hub, 'a', 'other'),
      askFor(hub, 'a', 'k', { 'x-sender': 'another' }),
      hub.ask('PUT', '/topics/a?lease=30s'),
    ];
    for (const reply of await Promise.all(others)) {
      expect([problemOf(reply), reply.headers['retry-after']]).toEqual(['leased', '30']);
    }
    expect(JSON.parse((await askFor(hub, 'b', 'k')).text)).not.toMatchObject({ lease: token });
    // The key of a publish is another one.
    await hub.publish('a', 'x', { 'idempotency-key': 'k', 'tidings-lease': token });
    expect(JSON.parse((await askFor(hub, 'a', 'k')).text)).toMatchObject({ lease: token });
  });

  test('cannot be renewed by the same request, and the key has the form of one', async () => {
    const hub = await startHub();
    const token = await lease(hub, 'a');
    const reply = await askFor(hub, 'a', 'k', { 'tidings-lease': token });
    expect([problemOf(reply), detailOf(reply)]).toEqual([
      'invalid-parameter',
      'The request has Tidings-Lease and Idempotency-Key; allowed is one of them: a renewal can be sent again as it is',
    ]);
    expect(problemOf(await askFor(hub, 'b', 'é'))).toBe('invalid-parameter');
    expect(problemOf(await askFor(hub, 'b', 'k'.repeat(256)))).toBe('invalid-parameter');
  });
});

describe('lines of JSON', () => {
  const post = (hub: TestHub, lines: readonly object[], headers: object = {}): Promise<Reply> =>
    hub.ask('POST', '/topics', {
      headers: { 'content-type': 'application/x-ndjson', accept: 'application/json', ...headers },
      body: lines.map((line) => JSON.stringify(line)).join('\n'),
    });

  test('name the leases of their topics, beside those of the header field, and renew them', async () => {
    const hub = await startHub();
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((topic) => lease(hub, topic)));
    const lines = [
      { topic: 'a', data: 1, lease: a },
      { topic: 'b', data: 2, lease: b },
      { topic: 'a', data: 3, lease: a },
      { topic: 'c', data: 4 },
      { topic: 'd', data: 5 },
    ];
    expect(problemOf(await post(hub, lines))).toBe('lease-lost');
    const reply = await post(hub, lines, { 'tidings-lease': c, 'idempotency-key': 'k' });
    expect(JSON.parse(reply.text)).toEqual({ ids: [1, 2, 3, 4, 5].map((seq) => hub.cursor(seq)) });
    await hub.log.topics.delete('a');
    const again = await post(hub, lines, { 'tidings-lease': c, 'idempotency-key': 'k' });
    expect(again.text).toBe(reply.text);
    const other = lines.map((line) => ({ ...line, lease: 'x' }));
    expect(problemOf(await post(hub, other, { 'tidings-lease': c, 'idempotency-key': 'k' }))).toBe('key-reused');
  });

  test('close their topics', async () => {
    const hub = await startHub();
    const a = await lease(hub, 'a');
    const listeners = await Promise.all(['a', 'b'].map((topic) => Listener.open(hub.port, `/topics/${topic}`)));
    const lines = [
      { topic: 'a', data: 1, lease: a, close: false },
      { topic: 'a', data: '', lease: a, close: true },
      { topic: 'b', data: '', type: 'done', close: true },
    ];
    expect((await post(hub, lines)).status).toBe(200);
    expect(await Promise.all(listeners.map((listener) => listener.end()))).toEqual(['complete', 'complete']);
    expect(listeners.map(({ published }) => published.map(({ type, data }) => [type, data]))).toEqual([
      [
        ['message', '1'],
        ['tidings-closed', '{"reason":"closed"}'],
      ],
      [['done', '']],
    ]);
    for (const topic of ['a', 'b']) expect(problemOf(await post(hub, [{ topic, data: 1 }]))).toBe('topic-closed');
    const behind = [
      { topic: 'c', data: '', close: true },
      { topic: 'c', data: 1 },
    ];
    expect(problemOf(await post(hub, behind))).toBe('topic-closed');
    expect((await hub.log.topics.status('c')).state).toBe('unknown');
  });

  test.each([
    [{ lease: '' }, 'its lease is no token that PUT ?lease was answered'],
    [{ lease: 'a,b' }, 'its lease is no token that PUT ?lease was answered'],
    [{ lease: 'x'.repeat(257) }, 'its lease is no token that PUT ?lease was answered'],
    [{ lease: 1 }, 'its lease is a number, but must be a string'],
    [{ close: 'true' }, 'its close is a string, but must be a boolean'],
  ])('are refused with %j', async (members, found) => {
    const hub = await startHub();
    const reply = await post(hub, [
      { topic: 'a', data: '' },
      { topic: 'a', data: '', ...members },
    ]);
    expect([problemOf(reply), detailOf(reply)]).toEqual(['invalid-event', `Line 2: ${found}`]);
  });

  test('name a bounded number of leases', async () => {
    const hub = await startHub();
    const lines = Array.from({ length: 1001 }, (_, n) => ({ topic: 'a', data: '', lease: `t${n}` }));
    const reply = await post(hub, lines);
    expect([problemOf(reply), detailOf(reply)]).toEqual([
      'too-large',
      'The batch names 1001 leases; at most 1000 are allowed',
    ]);
    expect(problemOf(await post(hub, lines.slice(1)))).toBe('lease-lost');
  });
});
