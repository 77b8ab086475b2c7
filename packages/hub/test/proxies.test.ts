import type { OutgoingHttpHeaders } from 'node:http';
import { fromRequest } from '../src/http/request.ts';
import { Proxies, type ProxyOptions } from '../src/access/proxies.ts';
import { Hub, MemoryLog } from '@tidings/hub';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type TestHub } from './test-hub.ts';

/** What a hub makes of a request that has come from an address. */
function resolve(options: ProxyOptions, address: string | undefined, headers: Record<string, string>): string {
  const asked = { ...fromRequest(new Request('http://10.0.0.9:4000//topics/a?x', { headers })), address };
  const { address: found, peer, url } = new Proxies(options).resolve(asked);
  expect(peer?.remoteAddress ?? found).toBe(found);
  return `${found} ${url}`;
}

const AS_ASKED = 'http://10.0.0.9:4000//topics/a?x';

describe('proxies that are trusted', () => {
  test.each([
    // Nobody is believed by default.
    [{}, '127.0.0.1', { 'x-forwarded-for': '1.2.3.4' }, `127.0.0.1 ${AS_ASKED}`],
    [['loopback'], '127.0.0.1', { 'x-forwarded-for': '1.2.3.4' }, `1.2.3.4 ${AS_ASKED}`],
    [['loopback'], '::1', { 'x-forwarded-for': '[2001:db8::1]:80' }, `2001:db8::1 ${AS_ASKED}`],
    [['loopback'], '::ffff:127.0.0.1', { 'x-forwarded-for': '1.2.3.4:5' }, `1.2.3.4 ${AS_ASKED}`],
    [['loopback'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4' }, `10.0.0.1 ${AS_ASKED}`],
    [['private'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4' }, `1.2.3.4 ${AS_ASKED}`],
    [['192.0.2.7'], '192.0.2.7', { 'x-forwarded-for': '1.2.3.4' }, `1.2.3.4 ${AS_ASKED}`],
    [['unix'], undefined, { 'x-forwarded-for': '1.2.3.4' }, `1.2.3.4 ${AS_ASKED}`],
    [['loopback'], undefined, { 'x-forwarded-for': '1.2.3.4' }, `undefined ${AS_ASKED}`],
    // What stands before the nearest address that is no proxy's was written by that client.
    [
      ['loopback', '10.0.0.0/8'],
      '127.0.0.1',
      { 'x-forwarded-for': '9.9.9.9, 1.2.3.4, 10.1.1.1' },
      `1.2.3.4 ${AS_ASKED}`,
    ],
    [['private'], '10.0.0.1', { 'x-forwarded-for': '10.0.0.2, 10.0.0.3' }, `10.0.0.2 ${AS_ASKED}`],
    [['private'], '10.0.0.1', { 'x-forwarded-for': '1.2.3.4, unknown, 10.0.0.3' }, `10.0.0.3 ${AS_ASKED}`],
    [['private'], '10.0.0.1', { 'x-forwarded-for': 'garbage, 1.2.3.4, 10.0.0.3' }, `1.2.3.4 ${AS_ASKED}`],
    [['loopback'], '127.0.0.1', { 'x-forwarded-for': '9.9.9.9,' }, `127.0.0.1 ${AS_ASKED}`],
    [['unix'], undefined, { 'x-forwarded-for': 'unix:' }, `undefined ${AS_ASKED}`],
    [['loopback'], '127.0.0.1', {}, `127.0.0.1 ${AS_ASKED}`],
    [
      ['loopback'],
      '127.0.0.1',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'hub.example:8443' },
      '127.0.0.1 https://hub.example:8443//topics/a?x',
    ],
    [['loopback'], '127.0.0.1', { 'x-forwarded-proto': 'HTTPS' }, '127.0.0.1 https://10.0.0.9:4000//topics/a?x'],
    [['loopback'], '127.0.0.1', { 'x-forwarded-host': 'evil, near' }, '127.0.0.1 http://near//topics/a?x'],
    // The header that is not asked for was written by a client.
    [['loopback'], '127.0.0.1', { forwarded: 'for=1.2.3.4;proto=https' }, `127.0.0.1 ${AS_ASKED}`],
  ] as const)('%j, a request from %s with %j', (trusted, address, headers, expected) => {
    const options = Array.isArray(trusted) ? { trustedProxies: trusted as readonly string[] } : {};
    expect(resolve(options, address, headers)).toBe(expected);
  });

  test.each([
    ['for=1.2.3.4', `1.2.3.4 ${AS_ASKED}`],
    [
      'For="[2001:db8::1]:4711";Proto=https;host="hub.example:8443"',
      '2001:db8::1 https://hub.example:8443//topics/a?x',
    ],
    ['for=9.9.9.9;proto=http, for=1.2.3.4;proto=https', '1.2.3.4 https://10.0.0.9:4000//topics/a?x'],
    ['for="1.2.3.4, for=9.9.9.9", for=5.6.7.8', `5.6.7.8 ${AS_ASKED}`],
    ['for=_hidden', `127.0.0.1 ${AS_ASKED}`],
    ['for="_hidden:_port"', `127.0.0.1 ${AS_ASKED}`],
    ['for=unknown', `127.0.0.1 ${AS_ASKED}`],
    ['for="1.2.3.4:_port"', `1.2.3.4 ${AS_ASKED}`],
    ['for=garbage, for=1.2.3.4', `1.2.3.4 ${AS_ASKED}`],
    ['proto=https', '127.0.0.1 https://10.0.0.9:4000//topics/a?x'],
    ['for=1.2.3.4 ; by=x', `1.2.3.4 ${AS_ASKED}`],
  ])('Forwarded: %s', (forwarded, expected) => {
    const options: ProxyOptions = { trustedProxies: ['loopback'], proxyHeader: 'forwarded' };
    expect(resolve(options, '127.0.0.1', { forwarded, 'x-forwarded-for': '9.9.9.9' })).toBe(expected);
  });

  test.each([
    ['x-forwarded', { 'x-forwarded-for': 'garbage' }],
    ['x-forwarded', { 'x-forwarded-for': '300.1.1.1' }],
    ['x-forwarded', { 'x-forwarded-for': '1.2.3.4, garbage' }],
    ['x-forwarded', { 'x-forwarded-for': '1.2.3.4, garbage, 127.0.0.1' }],
    ['x-forwarded', { 'x-forwarded-proto': 'ftp' }],
    ['x-forwarded', { 'x-forwarded-host': 'a/b' }],
    ['x-forwarded', { 'x-forwarded-host': 'user@host' }],
    ['x-forwarded', { 'x-forwarded-host': 'a:99999' }],
    ['x-forwarded', { 'x-forwarded-host': '' }],
    ['forwarded', { forwarded: 'for=1.2.3.4;for=5.6.7.8' }],
    ['forwarded', { forwarded: 'for' }],
    ['forwarded', { forwarded: 'for="[::1"' }],
    ['forwarded', { forwarded: 'for=hidden' }],
    ['forwarded', { forwarded: 'for=1.2.3.4, for=""' }],
    ['forwarded', { forwarded: 'host="a\\\\b"' }],
    ['forwarded', { forwarded: 'for="1.2.3.4' }],
  ] as const)('%s with %j, which breaks the grammar, is refused', async (proxyHeader, headers) => {
    const hub = await startHub({ anonymous: 'all', trustedProxies: ['loopback'], proxyHeader });
    const reply = await hub.ask('GET', '/healthz', { headers });
    expect(problemOf(reply)).toBe('invalid-parameter');
    // Nobody reads them where nobody is trusted.
    const other = await startHub({ anonymous: 'all' });
    expect((await other.ask('GET', '/healthz', { headers })).status).toBe(200);
  });

  test('listeners are counted by the address that a proxy tells', async () => {
    const hub = await startHub({
      anonymous: 'all',
      trustedProxies: ['loopback'],
      limits: { maxListenersPerAddress: 1 },
    });
    const listen = (from: string): Promise<Listener> =>
      Listener.open(hub.port, '/topics/a', { 'x-forwarded-for': from });
    expect((await listen('1.2.3.4')).response.statusCode).toBe(200);
    expect((await listen('1.2.3.5')).response.statusCode).toBe(200);
    expect((await listen('1.2.3.4')).response.statusCode).toBe(429);
    expect((await listen('::ffff:102:304')).response.statusCode).toBe(429);
    expect((await listen('2001:db8::1')).response.statusCode).toBe(200);
    expect((await listen('2001:0DB8:0:0::2')).response.statusCode).toBe(429);
  });

  test('a listener that came through one is given what was before, and is gone when its connection is', async () => {
    const hub = await startHub({ anonymous: 'all', trustedProxies: ['loopback'] });
    await hub.publish('a', 'before');
    const told = { 'x-forwarded-for': '1.2.3.4' };
    const listener = await Listener.open(hub.port, '/topics/a?last=1', told);
    expect(await listener.take(1)).toEqual(['before']);
    expect(hub.hub.stats().listeners).toBe(1);
    listener.close();
    await expect.poll(() => hub.hub.stats().listeners).toBe(0);
  });
});

describe('a hub without a key', () => {
  test.each([
    [{ trustedProxies: ['loopback'] }, 'trustedProxies is ["loopback"]'],
    [{ trustedProxies: ['unix'] }, 'trustedProxies is ["unix"]'],
    [{ publicUrl: 'https://hub.example/' }, 'publicUrl is "https://hub.example/"'],
    [{ publicUrl: 'http://192.0.2.1/' }, 'publicUrl is "http://192.0.2.1/"'],
  ])('is not made for a proxy: %j', (options, message) => {
    const log = new MemoryLog();
    const refused = expect.objectContaining({ code: 'ERR_NOT_LOOPBACK', message: expect.stringContaining(message) });
    expect(() => new Hub({ log, ...options })).toThrow(refused);
    expect(() => new Hub({ log, ...options, anonymous: 'none' })).toThrow(refused);
    for (const access of [{ key: 'a-key-of-sixteen-or-more' }, { anonymous: 'listen' as const }]) {
      expect(new Hub({ log, ...options, ...access })).toBeInstanceOf(Hub);
    }
    expect(new Hub({ log, ...options, authenticate: () => true })).toBeInstanceOf(Hub);
  });

  test('may have a public URL and an empty list of proxies if only its machine reaches it', () => {
    const log = new MemoryLog();
    for (const publicUrl of ['http://localhost:8080/', 'https://127.0.0.1/', 'http://[::1]/events/']) {
      expect(new Hub({ log, publicUrl, trustedProxies: [] })).toBeInstanceOf(Hub);
    }
  });

  test.each([
    { forwarded: 'for=192.0.2.1' },
    { 'x-forwarded-for': '192.0.2.1' },
    { 'x-forwarded-host': 'localhost' },
    { 'x-forwarded-proto': 'https' },
    { 'x-real-ip': '192.0.2.1' },
    { via: '1.1 proxy' },
  ])('refuses what a proxy passes on: %j', async (headers) => {
    const hub = await startHub({ html: '<p>page</p>' });
    for (const [method, path] of [
      ['POST', '/topics/a'],
      ['GET', '/topics/a'],
      ['OPTIONS', '/topics/a'],
      ['GET', '/healthz'],
      ['GET', '/'],
    ] as const) {
      const reply = await hub.ask(method, path, { headers });
      expect([reply.status, problemOf(reply)]).toEqual([403, 'host-not-allowed']);
      expect(reply.text).toContain(`header field ${Object.keys(headers)[0]}`);
    }
  });

  test('refuses requests that come from another address, whatever host they name', async () => {
    const hub = new Hub({ log: new MemoryLog() });
    onTestFinished(() => hub.close());
    const statusFrom = async (address: string | undefined): Promise<number> => {
      const asked = { ...fromRequest(new Request('http://localhost:4000/healthz')), address };
      return (await hub.handle(asked)).status;
    };
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', undefined])
      expect(await statusFrom(address)).toBe(200);
    for (const address of ['192.168.1.2', '::ffff:192.168.1.2', '2001:db8::1'])
      expect(await statusFrom(address)).toBe(403);
  });
});

describe('a hub behind a proxy that ends TLS', () => {
  const publish = async (hub: TestHub, headers: OutgoingHttpHeaders): Promise<number> =>
    (await hub.ask('POST', '/topics/a', { headers, body: 'x' })).status;

  test('takes what its page publishes, by its public URL', async () => {
    const hub = await startHub({ anonymous: 'all', publicUrl: 'https://hub.example:8443/events/' });
    for (const host of ['127.0.0.1:4000', 'hub.example', 'hub.example:8443']) {
      expect(await publish(hub, { host, origin: 'https://hub.example:8443' })).toBe(200);
    }
    for (const origin of ['https://hub.example', 'http://hub.example:8443', 'https://evil.example', 'null']) {
      expect(await publish(hub, { host: 'other', origin })).toBe(403);
      // Nor is it one by the name in the request.
      if (origin !== 'null') expect(await publish(hub, { host: new URL(origin).host, origin })).toBe(403);
    }
  });

  test('takes what its page publishes, by what the proxy tells', async () => {
    const hub = await startHub({ anonymous: 'all', trustedProxies: ['loopback'] });
    const told = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'hub.example' };
    expect(await publish(hub, { ...told, origin: 'https://hub.example' })).toBe(200);
    expect(await publish(hub, { ...told, origin: 'https://evil.example' })).toBe(403);
    // What others tell means nothing (PROTOCOL §9.13).
    expect(await publish(await startHub({ anonymous: 'all' }), { ...told, origin: 'https://hub.example' })).toBe(403);
    expect(await publish(await startHub({ anonymous: 'all' }), { ...told, origin: 'https://evil.example' })).toBe(403);
  });

  test('is the same below a prefix, whether the proxy passes that on or takes it away', async () => {
    const hub = await startHub({ anonymous: 'all', publicUrl: 'https://hub.example/events', html: '<p>page</p>' });
    for (const prefix of ['', '/events']) {
      expect((await hub.ask('GET', `${prefix}/`)).text).toBe('<p>page</p>');
      expect((await hub.ask('GET', `${prefix}/healthz`)).status).toBe(200);
      expect((await hub.ask('POST', `${prefix}/topics/a%2F%2Fb`, { body: 'x' })).status).toBe(200);
      const { topics } = JSON.parse((await hub.ask('GET', `${prefix}/topics`)).text) as { topics: unknown[] };
      expect(topics).toMatchObject([{ topic: 'a//b' }]);
      // The type of an error is compared as it is, whatever the prefix.
      expect((await hub.ask('GET', `${prefix}/nothing`)).text).toContain('"type":"/PROTOCOL.md#not-found"');
    }
    const moved = await hub.ask('GET', '/events');
    expect([moved.status, moved.headers.location]).toEqual([308, 'https://hub.example/events/']);
    expect((await hub.ask('GET', '/eventstopics')).status).toBe(404);
  });

  test('matches patterns against its public URL', async () => {
    const hub = await startHub({ anonymous: 'all', publicUrl: 'https://hub.example/events/' });
    for (const pattern of ['https://hub.example/events/topics/rooms/:id', 'rooms/:id', '/events/topics/rooms/*']) {
      const listener = await Listener.open(hub.port, `/topics?match_urlpattern=${encodeURIComponent(pattern)}`);
      await hub.publish('rooms/7', 'x');
      expect(await listener.take(1)).toEqual(['x']);
      listener.close();
    }
  });
});

test('a topic may be named in the query, whatever its name', async () => {
  const hub = await startHub();
  for (const topic of [
    'a/b',
    'a//b',
    '/a',
    'a/',
    'a/../b',
    '../a',
    '%2F',
    'a?b#c',
    'a b+c',
    'é\u{1F600}',
    '\\',
    'topics',
  ]) {
    const query = new URLSearchParams({ topic, type: 'greeting' }).toString();
    const listener = await Listener.open(hub.port, `/topics?match=${encodeURIComponent(topic)}`);
    expect((await hub.ask('POST', `/topics?${query}`, { body: 'x' })).status).toBe(200);
    await listener.take(1);
    expect(listener.published).toMatchObject([{ type: 'greeting', data: 'x' }]);
    listener.close();
  }
});

test.each([
  ['/topics', 'invalid-topic'],
  ['/topics?topic=', 'invalid-topic'],
  ['/topics?topic=..', 'invalid-topic'],
  ['/topics?topic=a&topic=b', 'invalid-parameter'],
  ['/topics/a?topic=a', 'invalid-parameter'],
])('POST %s is refused as %s', async (path, problem) => {
  const hub = await startHub();
  expect(problemOf(await hub.ask('POST', path, { body: 'x' }))).toBe(problem);
});
