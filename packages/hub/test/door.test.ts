import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type TestHub } from './test-hub.ts';

/** Sends bytes as they are, and gives what is answered until the connection is closed. */
async function raw(port: number, head: string, body = ''): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${head}\r\nConnection: close\r\n\r\n${body}`, 'latin1');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

const topicsOf = async (hub: TestHub): Promise<string[]> =>
  (await hub.log.directory.list({ order: 'name', limit: 10 })).topics.map(({ topic }) => topic);

describe('the path of a request', () => {
  const HOSTS = [
    '127.0.0.1/topics/other?type=x&id=',
    '127.0.0.1?',
    '127.0.0.1#',
    '127.0.0.1\\topics',
    'a@127.0.0.1',
    '127.0.0.1 .evil',
    '127.0.0.1:x',
    '127.0.0.1:',
    '[::1',
    '::1',
    '%31',
    '',
  ];

  test.each(HOSTS)('does not come from the Host %j', async (host) => {
    const hub = await startHub();
    const answer = await raw(hub.port, `POST /topics/a HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1`, 'x');
    expect(statusOf(answer)).toBe(host === '127.0.0.1:' ? 200 : 400);
    expect(await topicsOf(hub)).toEqual(host === '127.0.0.1:' ? ['a'] : []);
  });

  const PATHS = [
    '/topics/public/..\\a',
    '/topics\\a',
    '/topics/b/../a',
    '/topics/b/%2e%2E/a',
    '/./topics/a',
    '/topics/a#b',
    '/topics/.',
    '*',
    'topics/a',
  ];

  test.each(PATHS)('is refused where others may read %s as another one', async (path) => {
    const hub = await startHub();
    const answer = await raw(hub.port, `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1`, 'x');
    expect(statusOf(answer)).toBe(400);
    expect(await topicsOf(hub)).toEqual([]);
  });

  test('may be in absolute form, whose host is the one that counts', async () => {
    const hub = await startHub();
    const ask = (host: string, method = 'GET'): Promise<string> =>
      raw(hub.port, `${method} http://${host}/healthz HTTP/1.1\r\nHost: localhost`);
    expect(statusOf(await ask('localhost'))).toBe(200);
    expect(await ask('evil.example')).toContain('host-not-allowed');
    expect(statusOf(await ask('localhost/..'))).toBe(400);
    expect(statusOf(await ask('a@localhost'))).toBe(400);
    expect(await raw(hub.port, 'GET http://localhost?x HTTP/1.1\r\nHost: localhost')).toContain(
      'There is nothing at /;',
    );
  });

  test('may be * for OPTIONS', async () => {
    const hub = await startHub();
    const answer = await raw(hub.port, 'OPTIONS * HTTP/1.1\r\nHost: localhost');
    expect([statusOf(answer), /Allow: (.*)\r/.exec(answer)?.[1]]).toEqual([
      204,
      'GET, HEAD, QUERY, POST, PUT, DELETE, OPTIONS',
    ]);
  });
});

describe('header fields', () => {
  test.each(['Host: localhost', 'Authorization: Bearer x', 'Last-Event-ID: a', 'Origin: null', 'Sec-Fetch-Site: none'])(
    'are refused where they are given twice: %s',
    async (field) => {
      const hub = await startHub();
      const head = `GET /topics/a HTTP/1.1\r\n${field.startsWith('Host') ? '' : 'Host: localhost\r\n'}`;
      const answer = await raw(hub.port, `${head}${field}\r\n${field}`);
      expect(answer).toContain('is given twice');
      expect(statusOf(answer)).toBe(400);
    },
  );

  test('may be as long as any URL together with them, but not longer themselves', async () => {
    const hub = await startHub();
    const query = Array.from({ length: 100 }, (_, n) => `match=${`${n}`.padEnd(1024, 'x')}`).join('&');
    const listener = await Listener.open(hub.port, `/topics?${query}`, { x: 'x'.repeat(16_000) });
    expect(listener.response.statusCode).toBe(200);
    const reply = await hub.ask('GET', '/topics/a', { headers: { x: 'x'.repeat(17_000) } });
    expect([reply.status, problemOf(reply)]).toEqual([431, 'headers-too-large']);
  });
});

describe('HEAD', () => {
  test.each(['/', '/healthz', '/topics', '/topics/a', '/topics?match=a', '/topics/a?last=5'])(
    'of %s is answered as GET is, without a body, and takes no place',
    async (path) => {
      const hub = await startHub({ html: '<p>page</p>', limits: { maxListeners: 1 } });
      for (let n = 0; n < 3; n += 1) {
        const reply = await hub.ask('HEAD', path);
        expect([reply.status, reply.text]).toEqual([200, '']);
        // The length of what GET gives, which nobody knows of a stream.
        const isStream = reply.headers['content-type'] === 'text/event-stream';
        const { 'content-length': length } = reply.headers;
        expect(length).toBe(isStream ? undefined : String(Buffer.byteLength((await hub.ask('GET', path)).text)));
      }
      const options = await hub.ask('OPTIONS', path);
      expect(options.headers['allow']).toContain('GET, HEAD');
      expect(await hub.ask('HEAD', `${path.split('?')[0]}?nonsense`)).toMatchObject({ text: '' });
      expect((await Listener.open(hub.port, '/topics/a')).response.statusCode).toBe(200);
    },
  );

  test('is not asked of a face as anything but GET', async () => {
    const methods: string[] = [];
    const hub = await startHub({
      faces: [
        () => ({
          name: 'own',
          match: ({ pathname }) => (pathname === '/own' ? ['GET', 'POST'] : undefined),
          handle: ({ request }) => {
            methods.push(`${request.method} ${request.header('host')} ${request.address}`);
            return { status: 200, headers: {}, body: 'body' };
          },
        }),
      ],
    });
    const reply = await hub.ask('HEAD', '/own', { headers: { host: 'localhost' } });
    expect([reply.status, reply.text, reply.headers['content-length']]).toEqual([200, '', '4']);
    expect(methods).toEqual(['GET localhost 127.0.0.1']);
    expect((await hub.ask('OPTIONS', '/own')).headers['allow']).toBe('GET, HEAD, POST, OPTIONS');
    expect((await hub.ask('OPTIONS', '/nothing')).headers['allow']).toBe('OPTIONS');
  });
});

describe('a hub without a key', () => {
  const ORIGIN = 'https://app.example';
  const FOREIGN: readonly [what: string, headers: Record<string, string>][] = [
    [
      'an image of another site',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    ],
    ['a page of another port', { 'sec-fetch-site': 'same-site' }],
    [
      'a frame of another site',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    ],
    ['an EventSource of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a page of another site in an old browser', { origin: 'https://evil.example' }],
    ['a sandboxed frame', { origin: 'null' }],
  ];

  test.each(FOREIGN)('refuses %s, whatever it asks for', async (_, headers) => {
    const hub = await startHub({ allowedOrigins: [ORIGIN], html: '<p>page</p>' });
    for (const [method, path] of [
      ['GET', '/topics/a'],
      ['GET', '/topics?match=a'],
      ['GET', '/topics'],
      ['QUERY', '/topics'],
      ['POST', '/topics/a'],
      ['GET', '/healthz'],
      ['GET', '/'],
      ['OPTIONS', '/topics/a'],
    ] as const) {
      const reply = await hub.ask(method, path, { headers });
      expect([path, reply.status, problemOf(reply)]).toEqual([path, 403, 'origin-not-allowed']);
    }
  });

  test('lets its own page in, programs, allowed origins, and links to the page', async () => {
    const hub = await startHub({ allowedOrigins: [ORIGIN], html: '<p>page</p>' });
    for (const headers of [
      {},
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
      { origin: ORIGIN, 'sec-fetch-site': 'cross-site' },
      { origin: hub.url, 'sec-fetch-site': 'same-origin' },
    ]) {
      await hub.publish('a', 'x', headers);
      const listener = await Listener.open(hub.port, '/topics/a', headers);
      expect(listener.response.statusCode).toBe(200);
    }
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await hub.ask('GET', '/', { headers: link })).status).toBe(200);
    expect((await hub.ask('GET', '/topics/a', { headers: link })).status).toBe(403);
  });

  test('refuses a publish of another site that only a Referer tells of', async () => {
    const hub = await startHub();
    const headers = { referer: 'https://evil.example/page' };
    expect(problemOf(await hub.ask('POST', '/topics/a', { headers, body: 'x' }))).toBe('origin-not-allowed');
    await hub.publish('a', 'x', { referer: `${hub.url}/` });
  });

  test('refuses a preflight by another name', async () => {
    const hub = await startHub();
    const headers = { host: 'evil.example', origin: 'http://evil.example', 'access-control-request-method': 'POST' };
    expect(problemOf(await hub.ask('OPTIONS', '/topics/a', { headers }))).toBe('host-not-allowed');
  });
});

describe('a page of the hub behind a proxy', () => {
  const PAGE = 'https://hub.example';
  test.each([
    ['that passes the host on', { host: 'hub.example', origin: 'http://hub.example' }],
    ['that says nothing, as the browser says', { host: 'backend:1', origin: PAGE, 'sec-fetch-site': 'same-origin' }],
  ])('%s may publish', async (_, headers) => {
    const hub = await startHub({ anonymous: 'all' });
    expect(await hub.publish('a', 'x', headers)).toBe(hub.cursor(1));
  });

  test.each([
    ['another host', { host: 'hub.example', origin: 'https://evil.example' }],
    ['another port', { host: 'hub.example:1', origin: 'http://hub.example:2' }],
    ['another port than that of the scheme', { host: 'hub.example', origin: 'http://hub.example:8080' }],
    ['another scheme', { host: 'hub.example', origin: PAGE }],
    ['a host that a stranger names', { host: '127.0.0.1', origin: PAGE, 'x-forwarded-host': 'hub.example' }],
    [
      'its own host, but of another site, as the browser says',
      { host: 'hub.example', origin: 'http://hub.example', 'sec-fetch-site': 'cross-site' },
    ],
    ['something that no browser says', { host: 'hub.example', 'sec-fetch-site': 'Cross-Site' }],
    [
      'another page, by its Referer',
      { host: 'hub.example', referer: 'http://hub.example:8080/', 'sec-fetch-site': 'none' },
    ],
    ['another site, as the browser says', { host: 'hub.example', 'sec-fetch-site': 'cross-site' }],
  ])('is not one of %s', async (_, headers) => {
    const hub = await startHub({ anonymous: 'all' });
    expect(problemOf(await hub.ask('POST', '/topics/a', { headers, body: 'x' }))).toBe('origin-not-allowed');
  });

  test('does not choose by its host or its scheme what patterns are resolved against', async () => {
    const hub = await startHub({ anonymous: 'all' });
    const patterns = [`${PAGE}/topics/a`, 'http://localhost/topics/b'].map(encodeURIComponent);
    const path = `/topics?match_urlpattern=${patterns.join('&match_urlpattern=')}`;
    const listener = await Listener.open(hub.port, path, { host: 'hub.example', 'x-forwarded-proto': 'https' });
    await hub.publish('a', 'x');
    await hub.publish('b', 'y');
    expect(await listener.take(1)).toEqual(['y']);
  });
});

describe('no other site can embed', () => {
  test.each(['/topics/a', '/topics', '/healthz', '/nothing', '/'])('%s', async (path) => {
    const hub = await startHub({ html: '<p>page</p>' });
    const { headers } = (await Listener.open(hub.port, path)).response;
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  test('the page, whose policy is that of its document and forbids frames', async () => {
    const policy = "default-src 'none'; script-src 'sha256-x'";
    const html = `<meta http-equiv="Content-Security-Policy" content="${policy}"><p>page</p>`;
    const { headers } = await (await startHub({ html })).ask('GET', '/');
    expect(headers).toMatchObject({
      'content-security-policy': `${policy}; frame-ancestors 'none'`,
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
    });
    const plain = await (await startHub({ html: '<p>page</p>' })).ask('GET', '/');
    expect(plain.headers['content-security-policy']).toMatch(
      /^default-src 'none';.*connect-src 'self';.*frame-ancestors 'none'$/,
    );
  });
});
