import { checkBinding, Hub, HubError, MemoryLog, type AnonymousAccess } from '@tidings/hub';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type Reply, type TestHub } from './test-hub.ts';

const KEY = 'a-key-of-the-hub';
const bearer = (key: string): { authorization: string } => ({ authorization: `Bearer ${key}` });

/** What is answered to a publish and to a listener. */
async function statuses(hub: TestHub, headers: Record<string, string> = {}): Promise<number[]> {
  const publish = await hub.ask('POST', '/topics/a', { headers, body: 'x' });
  const listener = await Listener.open(hub.port, '/topics/a', headers);
  const many = await Listener.open(hub.port, '/topics?match=a', headers);
  const topics = await hub.ask('GET', '/topics', { headers });
  return [publish.status, listener.response.statusCode!, many.response.statusCode!, topics.status];
}

describe('a hub without a key', () => {
  test.each(['localhost', 'LOCALHOST:99', '127.0.0.1', '127.9.9.9:1', '[::1]:80', 'hub.localhost'])(
    'answers as %s',
    async (host) => {
      const hub = await startHub();
      expect(await statuses(hub, { host })).toEqual([200, 200, 200, 200]);
    },
  );

  test.each(['example.com', 'localhost.example.com', '127.0.0.1.example.com', '192.168.1.2', '[::2]', '0.0.0.0'])(
    'does not answer as %s, not even its page and its health',
    async (host) => {
      const hub = await startHub({ html: '<p>page</p>' });
      for (const [method, path] of [
        ['GET', '/topics/a'],
        ['POST', '/topics/a'],
        ['GET', '/topics'],
        ['GET', '/'],
        ['GET', '/healthz'],
      ] as const) {
        const reply = await hub.ask(method, path, { headers: { host } });
        expect([reply.status, problemOf(reply)]).toEqual([403, 'host-not-allowed']);
      }
    },
  );

  test('may listen on loopback addresses only', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) checkBinding(host, {});
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.com']) {
      expect(() => checkBinding(host, {})).toThrow(expect.objectContaining({ code: 'ERR_NOT_LOOPBACK' }));
      expect(() => checkBinding(host, { anonymous: 'none' })).toThrow(HubError);
      checkBinding(host, { key: KEY });
      checkBinding(host, { anonymous: 'listen' });
    }
  });
});

describe('a hub with a key', () => {
  test('asks for it', async () => {
    const hub = await startHub({ key: KEY });
    expect(await statuses(hub)).toEqual([401, 401, 401, 401]);
    expect(await statuses(hub, bearer(KEY))).toEqual([200, 200, 200, 200]);
    expect(await statuses(hub, { authorization: `bearer  ${KEY}` })).toEqual([200, 200, 200, 200]);
    expect(await statuses(hub, { ...bearer(KEY), host: 'example.com' })).toEqual([200, 200, 200, 200]);
    const reply = await hub.ask('GET', '/topics/a');
    expect([problemOf(reply), reply.headers['www-authenticate']]).toEqual(['unauthorized', 'Bearer']);
    expect(JSON.parse(reply.text)).toMatchObject({
      detail: 'The request has no key, and needs it to listen to "a": send Authorization: Bearer <key>',
    });
  });

  test.each([`${KEY}x`, KEY.slice(1), 'x', KEY.toUpperCase()])('does not take %s for it', async (key) => {
    const hub = await startHub({ key: KEY, anonymous: 'all' });
    expect(await statuses(hub, bearer(key))).toEqual([401, 401, 401, 401]);
  });

  test.each(['Bearer', 'Bearer ', 'Bearer a b', KEY])(
    'takes %j as Authorization for no anonymous request',
    async (authorization) => {
      const hub = await startHub({ key: KEY, anonymous: 'all' });
      expect(await statuses(hub, { authorization })).toEqual([401, 401, 401, 401]);
      const reply = await hub.ask('GET', '/topics/a', { headers: { authorization } });
      expect([problemOf(reply), reply.headers['www-authenticate']]).toEqual(['unauthorized', 'Bearer']);
      expect(reply.text).toContain('Authorization shows nothing: it must be Bearer, a space and the key or token');
    },
  );

  test('leaves other schemes to proxies', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'listen' });
    expect(await statuses(hub, { authorization: 'Basic eDp5' })).toEqual([401, 200, 200, 200]);
  });

  test('has another key for who administers it', () => {
    for (const key of [KEY, ['another-key-of-it', KEY]])
      expect(() => new Hub({ log: new MemoryLog(), key, adminKey: KEY })).toThrow(
        'The option adminKey is a key of publishers and listeners, too, but must be another one',
      );
  });

  const OPENED: readonly [anonymous: AnonymousAccess, statuses: number[]][] = [
    ['none', [401, 401, 401, 401]],
    ['listen', [401, 200, 200, 200]],
    ['publish', [200, 401, 401, 401]],
    ['all', [200, 200, 200, 200]],
  ];

  test.each(OPENED)('that is opened to everyone for %s', async (anonymous, expected) => {
    const hub = await startHub({ key: KEY, anonymous });
    expect(await statuses(hub)).toEqual(expected);
    expect(await statuses(hub, bearer(KEY))).toEqual([200, 200, 200, 200]);
  });

  test('keeps private events from anonymous listeners, and of their matchers too', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'all' });
    const listeners = await Promise.all(
      ['/topics/a', '/topics?match=a', '/topics?match_urlpattern=*'].map((path) => Listener.open(hub.port, path)),
    );
    await hub.publish('a?private', 'secret', bearer(KEY));
    await hub.publish('a', 'open');
    for (const listener of listeners) expect(await listener.take(1)).toEqual(['open']);
  });

  test('shows its page and its health without it', async () => {
    const hub = await startHub({ key: KEY, html: '<p>page</p>' });
    expect((await hub.ask('GET', '/')).status).toBe(200);
    expect((await hub.ask('GET', '/healthz')).status).toBe(200);
  });
});

describe('options of access are checked at the door', () => {
  const BAD: readonly [what: string, options: object][] = [
    ['a key that is too short', { key: 'fifteen-letters' }],
    ['a key with a space', { key: 'a key with spaces in it' }],
    ['a key that is not ASCII', { key: 'ein schlüssel!!!' }],
    ['a key for administering that is one of the keys', { key: ['another-key-of-it', KEY], adminKey: KEY }],
    ['an unknown anonymous access', { anonymous: 'everything' }],
    ['an origin with a path', { allowedOrigins: ['https://example.com/'] }],
    ['an origin without a scheme', { allowedOrigins: ['example.com'] }],
    ['the origin *', { allowedOrigins: ['*'] }],
    ['a key beside authenticate', { key: KEY, authenticate: () => true }],
    ['anonymous access beside authenticate', { anonymous: 'all', authenticate: () => true }],
  ];

  test.each(BAD)('%s is refused', (_, options) => {
    expect(() => new Hub({ log: new MemoryLog(), ...options })).toThrow(
      expect.objectContaining({ name: 'HubError', code: 'ERR_INVALID_OPTION' }),
    );
  });
});

describe('cross-origin requests', () => {
  const ORIGIN = 'https://app.example';

  test('of an allowed origin may read with credentials, and publish', async () => {
    const hub = await startHub({ allowedOrigins: [ORIGIN] });
    const headers = { origin: ORIGIN };
    const listener = await Listener.open(hub.port, '/topics/a', headers);
    for (const answer of [
      listener.response.headers,
      (await hub.ask('POST', '/topics/a', { headers, body: 'x' })).headers,
      (await hub.ask('GET', '/topics', { headers })).headers,
      (await hub.ask('GET', '/nothing', { headers })).headers,
    ]) {
      expect(answer).toMatchObject({
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-credentials': 'true',
        vary: 'Origin',
      });
    }
    expect(await listener.take(1)).toEqual(['x']);
  });

  test.each(['https://evil.example', 'http://app.example', 'https://app.example:444', 'null'])(
    'of the origin %s may neither read nor publish',
    async (origin) => {
      const hub = await startHub({ allowedOrigins: [ORIGIN] });
      const headers = { origin };
      const listener = await Listener.open(hub.port, '/topics/a', headers);
      expect(listener.response.headers['access-control-allow-origin']).toBeUndefined();
      expect(listener.response.headers['vary']).toBe('Origin');
      const reply = await hub.ask('POST', '/topics/a', { headers, body: 'x' });
      expect([reply.status, problemOf(reply)]).toEqual([403, 'origin-not-allowed']);
      expect(hub.position.seq).toBe(0);
    },
  );

  test('are refused by a hub without an allowlist, also with the key', async () => {
    const hub = await startHub({ key: KEY });
    const headers = { ...bearer(KEY), origin: ORIGIN };
    expect(problemOf(await hub.ask('POST', '/topics/a', { headers, body: 'x' }))).toBe('origin-not-allowed');
  });

  test('are not those of a page of the hub itself', async () => {
    const hub = await startHub();
    await hub.publish('a', 'x', { origin: hub.url });
    await hub.publish('a', 'x', { origin: 'http://localhost:123', host: 'localhost:123' });
    const proxied = await startHub({ key: KEY });
    await proxied.publish('a', 'x', { ...bearer(KEY), origin: 'http://hub.example', host: 'hub.example' });
    const other = await hub.ask('POST', '/topics/a', { headers: { origin: 'http://localhost:1' }, body: 'x' });
    expect(problemOf(other)).toBe('origin-not-allowed');
  });

  /** Asks before a request, as a browser does. */
  const preflight = (hub: TestHub, origin: string, more: Record<string, string> = {}): Promise<Reply> =>
    hub.ask('OPTIONS', '/topics/a', { headers: { origin, 'access-control-request-method': 'POST', ...more } });

  test('have a preflight that names the methods, and the header fields that were asked for', async () => {
    const hub = await startHub({ key: KEY, allowedOrigins: [ORIGIN] });
    const fields = 'authorization,content-type,idempotency-key';
    const reply = await preflight(hub, ORIGIN, { 'access-control-request-headers': fields });
    expect([reply.status, reply.text]).toEqual([204, '']);
    expect(reply.headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
      'access-control-allow-headers': fields,
      'access-control-max-age': '600',
      vary: 'Origin',
    });
    const plain = await preflight(hub, ORIGIN);
    expect([plain.status, plain.headers['access-control-allow-headers']]).toEqual([204, undefined]);
  });

  test.each(['https://evil.example', 'null'])('of the origin %s are refused before they are made', async (origin) => {
    for (const options of [{ allowedOrigins: [ORIGIN] }, {}]) {
      const hub = await startHub({ key: KEY, ...options });
      const refused = await preflight(hub, origin);
      expect([refused.status, problemOf(refused)]).toEqual([403, 'origin-not-allowed']);
      expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('OPTIONS that is no preflight is answered what is allowed, whoever asks for it', async () => {
    const hub = await startHub({ key: KEY, allowedOrigins: [ORIGIN] });
    for (const headers of [
      {},
      { origin: ORIGIN },
      { origin: hub.url },
      { origin: 'https://evil.example' },
      { 'access-control-request-method': 'POST' },
      // A page of the hub itself asks for no permission of this kind.
      { origin: hub.url, 'access-control-request-method': 'POST' },
    ]) {
      const reply = await hub.ask('OPTIONS', '/topics/a', { headers });
      expect([reply.status, reply.text, reply.headers['allow']]).toEqual([
        204,
        '',
        'GET, HEAD, POST, PUT, DELETE, OPTIONS',
      ]);
      expect(reply.headers['access-control-allow-methods']).toBeUndefined();
    }
  });
});

test.each([
  ['https://other.example', 'A page of https://other.example may not publish here: allow its origin, with the option'],
  ['null', 'A page without an origin may not publish here: load it from a server, and allow the origin of that, with'],
])('a page of the origin %s is told what would allow it', async (origin, said) => {
  const hub = await startHub({ key: KEY });
  const reply = await hub.ask('POST', '/topics/a', { headers: { ...bearer(KEY), origin }, body: 'x' });
  const { detail } = JSON.parse(reply.text) as { readonly detail: string };
  expect(detail).toContain(said);
  expect(detail).toMatch(
    /with the option allowedOrigins of the hub, or --cors-origin of tidings serve\. If it is the page of the hub itself, behind a proxy, set publicUrl/,
  );
});
