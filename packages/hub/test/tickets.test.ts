import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { access, health, mercure, topics as topicsFace } from '@tidings/hub';
import { Listener } from './listener.ts';
import { problemOf, startHub, temporaryFolder, type Reply, type TestHub, type TestHubOptions } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, makeToken, SECRET } from './token-maker.ts';

const TOKENS: TestHubOptions = {
  publicUrl: AUDIENCE,
  tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }] },
};
const ADMIN = { publish: ['*'], listen: ['*'], admin: true };

interface Ticket {
  readonly ticket: string;
  readonly useBy: string;
  readonly expiresAt: string;
}

/** A clock of the system that a test moves ahead. */
function movable(): { readonly clock: NonNullable<TestHubOptions['clock']>; pass: (ms: number) => void } {
  let passed = 0;
  const clock = {
    now: () => performance.now() + passed,
    time: () => Date.now() + passed,
    setTimeout: (work: () => void, ms: number) => setTimeout(work, ms),
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
  return { clock, pass: (ms) => (passed += ms) };
}

async function ticketFor(hub: TestHub, query: string, headers: Record<string, string>): Promise<Ticket> {
  const reply = await hub.ask('POST', `/tickets?${query}`, { headers });
  if (reply.status !== 201) throw new Error(`${reply.status}: ${reply.text}`);
  return JSON.parse(reply.text) as Ticket;
}

describe('a ticket', () => {
  test('lets a listener in that sends no header field, with the private events of its topics and no other right', async () => {
    const hub = await startHub(TOKENS);
    const admin = bearer(await makeToken(ADMIN));
    const token = bearer(await makeToken({ listen: ['a', 'b'], publish: ['a'] }));
    await hub.publish('a?private', 'secret', admin);
    const { ticket } = await ticketFor(hub, 'match=a', token);
    expect(ticket).toMatch(/^[\w-]{32}$/);
    const listener = await Listener.open(hub.port, `/topics/a?ticket=${ticket}&lastEventId=earliest`);
    expect(await listener.take(1)).toEqual(['secret']);
    const status = async (method: string, path: string): Promise<number> =>
      (await hub.ask(method, `${path}?ticket=${ticket}`, { body: method === 'POST' ? 'x' : '' })).status;
    expect(await status('GET', '/topics/b')).toBe(403);
    expect(await status('POST', '/topics/a')).toBe(403);
    expect(await status('POST', '/tickets')).toBe(403);
    expect(await status('GET', '/revocations')).toBe(403);
  });

  test('tells neither subscriptions nor the position of the log, whatever its sender may know', async () => {
    const key = 'a-key-of-the-hub';
    const faces = [mercure({ subscriptions: true }), topicsFace(), health(), access()];
    const hub = await startHub({ ...TOKENS, key, faces });
    const all = bearer(await makeToken({ listen: ['*'], publish: ['*'] }));
    await hub.publish('b?private', 'secret', all);
    for (const sender of [all, bearer(key)]) {
      const { ticket } = await ticketFor(hub, 'match=a', sender);
      for (const path of ['', '/exact/b', '/exact/b/x']) {
        const reply = await hub.ask('GET', `/.well-known/mercure/subscriptions${path}?ticket=${ticket}`);
        expect(reply.status).toBe(403);
      }
      const known = (await hub.ask('GET', `/healthz?ticket=${ticket}`)).text;
      expect(JSON.parse(known)).not.toHaveProperty('cursor');
      expect(JSON.parse((await hub.ask('GET', '/healthz', { headers: sender })).text)).toHaveProperty('cursor');
      // An event of a topic of the ticket and of another one comes all the same.
      await hub.log.append([{ topics: ['b', 'a'], fields: { data: 'both' }, private: true }]);
      const listener = await Listener.open(hub.port, `/topics/a?ticket=${ticket}&last=1`);
      expect(await listener.take(1)).toEqual(['both']);
      listener.close();
    }
  });

  test('is good for one page at a time, too, which takes the place of what came with it before', async () => {
    const hub = await startHub(TOKENS);
    const { ticket } = await ticketFor(hub, 'match=a', bearer(await makeToken({ listen: ['a'] })));
    const stream = await Listener.open(hub.port, `/topics/a?ticket=${ticket}`);
    const page = (query: string): Promise<Reply> =>
      hub.ask('GET', `/topics/a?ticket=${ticket}${query}`, { headers: { accept: 'application/json' } });
    expect((await page('')).status).toBe(200);
    expect(await stream.end()).toBe('broken');
    const waiting = Array.from({ length: 5 }, () => page(`&wait=1m&lastEventId=${hub.cursor(0)}`));
    const broken: unknown[] = [];
    for (const each of waiting) void each.then((reply) => reply.status === 200 || broken.push(problemOf(reply)));
    await expect.poll(() => broken).toEqual(['broken-off', 'broken-off', 'broken-off', 'broken-off']);
    await hub.publish('a', '1', bearer(await makeToken(ADMIN)));
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });

  test('is good for one listener at a time, which may come back with it', async () => {
    const hub = await startHub(TOKENS);
    const { ticket } = await ticketFor(hub, 'match=a', bearer(await makeToken({ listen: ['a'] })));
    const first = await Listener.open(hub.port, `/topics/a?ticket=${ticket}`);
    const second = await Listener.open(hub.port, `/topics/a?ticket=${ticket}`);
    expect(await first.end()).toBe('broken');
    await hub.publish('a', '1', bearer(await makeToken(ADMIN)));
    expect(await second.take(1)).toEqual(['1']);
    expect(hub.hub.stats().listeners).toBe(1);
    second.close();
    const third = await Listener.open(hub.port, `/topics/a?ticket=${ticket}&lastEventId=${hub.cursor(0)}`);
    expect(await third.take(1)).toEqual(['1']);
  });

  test('is let in again where its own stream before is the last that may be', async () => {
    const hub = await startHub({ ...TOKENS, limits: { maxListenersPerAddress: 2 } });
    const token = bearer(await makeToken({ listen: ['a'] }));
    const other = await Listener.open(hub.port, '/topics/a', token);
    const { ticket } = await ticketFor(hub, 'match=a', token);
    const path = `/topics/a?ticket=${ticket}`;
    const first = await Listener.open(hub.port, path);
    // Another one of the subject is still one too many.
    expect((await hub.ask('GET', '/topics/a', { headers: token })).status).toBe(429);
    const second = await Listener.open(hub.port, path);
    expect(await first.end()).toBe('broken');
    await hub.publish('a', '1', bearer(await makeToken(ADMIN)));
    for (const listener of [other, second]) expect(await listener.take(1)).toEqual(['1']);
    expect(hub.hub.stats().listeners).toBe(2);
  });

  test('has to be used within 30 seconds, and is then good until the token ends', async () => {
    const { clock, pass } = movable();
    const hub = await startHub({ ...TOKENS, clock });
    const exp = Math.floor(Date.now() / 1000) + 600;
    const token = bearer(await makeToken({ listen: ['a'] }, { claims: { exp } }));
    const [used, unused] = [await ticketFor(hub, 'match=a', token), await ticketFor(hub, 'match=a', token)];
    expect(used.expiresAt).toBe(new Date(exp * 1000).toISOString());
    const opened = async ({ ticket }: Ticket): Promise<number> =>
      (await hub.ask('GET', `/topics/a?ticket=${ticket}`, { headers: { accept: 'application/json' } })).status;
    expect(await opened(used)).toBe(200);
    pass(31_000);
    expect([await opened(used), await opened(unused)]).toEqual([200, 401]);
    pass(600_000);
    expect(await opened(used)).toBe(401);
  });

  test('outlives the hub that made it', async () => {
    const path = temporaryFolder();
    const hub = await startHub({ ...TOKENS, path });
    const { ticket } = await ticketFor(
      hub,
      'match_urlpattern=a',
      bearer(await makeToken({ listen: [{ pattern: 'a' }] })),
    );
    const asked = `/topics?match_urlpattern=a&ticket=${ticket}`;
    expect((await hub.ask('GET', asked, { headers: { accept: 'application/json' } })).status).toBe(200);
    await hub.hub.close();
    const again = await startHub({ ...TOKENS, path });
    expect((await again.ask('GET', asked, { headers: { accept: 'application/json' } })).status).toBe(200);
  });

  test('is made for what its token allows, and for nobody without one', async () => {
    const hub = await startHub({ ...TOKENS, anonymous: 'listen' });
    const token = bearer(await makeToken({ listen: ['a'] }));
    const refusal = async (query: string, headers = {}): Promise<unknown[]> => {
      const reply = await hub.ask('POST', `/tickets?${query}`, { headers });
      return [reply.status, problemOf(reply)];
    };
    expect(await refusal('match=b', token)).toEqual([403, 'forbidden']);
    expect(await refusal('match_urlpattern=*', token)).toEqual([403, 'forbidden']);
    expect(await refusal('', token)).toEqual([400, 'invalid-parameter']);
    expect(await refusal('topic=a', token)).toEqual([400, 'invalid-parameter']);
    expect(await refusal('match=a')).toEqual([401, 'unauthorized']);
    expect(await refusal('match=a', { ...token, origin: 'https://evil.example' })).toEqual([403, 'origin-not-allowed']);
  });

  test('that nobody made is refused, and so is one of another form', async () => {
    const hub = await startHub({ ...TOKENS, anonymous: 'listen' });
    for (const ticket of ['', 'x', 'A'.repeat(32), 'A'.repeat(5000)]) {
      const reply = await hub.ask('GET', `/topics/a?ticket=${ticket}`);
      expect([reply.status, problemOf(reply)]).toEqual([401, 'unauthorized']);
    }
  });

  test('is one of at most so many of a subject', async () => {
    const { clock, pass } = movable();
    const hub = await startHub({ ...TOKENS, clock, limits: { maxTicketsPerSubject: 3 } });
    const token = bearer(await makeToken({ listen: ['a'] }));
    await Promise.all(Array.from({ length: 3 }, () => ticketFor(hub, 'match=a', token)));
    const reply = await hub.ask('POST', '/tickets?match=a', { headers: token });
    expect([reply.status, problemOf(reply)]).toEqual([429, 'too-many-tickets']);
    const other = bearer(await makeToken({ listen: ['a'] }, { claims: { sub: 'bob' } }));
    await ticketFor(hub, 'match=a', other);
    // Those that nobody used in time do not count.
    pass(31_000);
    await ticketFor(hub, 'match=a', token);
  });
});

describe('revocation', () => {
  async function revoke(hub: TestHub, what: object): Promise<void> {
    const headers = bearer(
      await makeToken(ADMIN, { claims: { sub: 'root', jti: 'root', iat: Math.floor(Date.now() / 1000) + 60 } }),
    );
    const reply = await hub.ask('POST', '/revocations', { headers, body: JSON.stringify(what) });
    if (reply.status !== 201) throw new Error(`${reply.status}: ${reply.text}`);
  }

  const status = async (hub: TestHub, token: string): Promise<number> =>
    (await hub.ask('GET', '/topics/a', { headers: { ...bearer(token), accept: 'application/json' } })).status;

  test.each([
    ['by subject', () => ({ subject: 'ann' })],
    ['by its id', () => ({ jti: 'token-1' })],
    ['by when it was issued', () => ({ before: new Date().toISOString() })],
  ])('of a token %s ends its streams, tickets and leases at once, and those of no other', async (_, what) => {
    const hub = await startHub(TOKENS);
    const grant = { listen: ['a'], publish: ['a', 'b'] };
    const token = await makeToken(grant);
    const later = Math.floor(Date.now() / 1000) + 60;
    const other = await makeToken(grant, { claims: { sub: 'bob', jti: 'token-2', iat: later } });
    const { ticket } = await ticketFor(hub, 'match=a', bearer(token));
    const ended = await Promise.all([
      Listener.open(hub.port, '/topics/a', bearer(token)),
      Listener.open(hub.port, `/topics/a?ticket=${ticket}`),
    ]);
    const kept = await Listener.open(hub.port, '/topics/a', bearer(other));
    for (const [topic, by] of [
      ['a', token],
      ['b', other],
    ] as const)
      expect((await hub.ask('PUT', `/topics/${topic}?lease=1h`, { headers: bearer(by) })).status).toBe(200);
    // The program's own leases are of nobody who has a token, whatever they say of their holder.
    const own = ['ann', '"ann"', '{"subject":"ann"}', 'null'];
    for (const holder of own) await hub.log.topics.lease(`0 ${holder}`, 3_600_000, { holder });
    await revoke(hub, what());
    for (const listener of ended) expect(await listener.end()).toBe('broken');
    expect([await status(hub, token), await status(hub, other)]).toEqual([401, 200]);
    expect((await hub.ask('GET', `/topics/a?ticket=${ticket}`)).status).toBe(401);
    expect(await kept.take(1)).toEqual(['{"reason":"lease-expired"}']);
    for (const topic of ['b', ...own.map((holder) => `0 ${holder}`)])
      expect((await hub.log.topics.status(topic)).leasedUntil, `the lease of ${topic}`).toBeGreaterThan(Date.now());
  });

  test('is not for tokens of a subject that are issued later', async () => {
    const hub = await startHub(TOKENS);
    await revoke(hub, { subject: 'ann', before: new Date(Date.now() - 60_000).toISOString() });
    const iat = Math.floor(Date.now() / 1000);
    const [before, after, unknown] = await Promise.all(
      [iat - 120, iat, undefined].map((issued) => makeToken({ listen: ['a'] }, { claims: { iat: issued } })),
    );
    expect([await status(hub, before!), await status(hub, after!), await status(hub, unknown!)]).toEqual([
      401, 200, 401,
    ]);
  });

  test('up to a time takes back nothing of what was revoked up to a later one', async () => {
    const token = await makeToken({ listen: ['a'] });
    for (const subject of [{ subject: 'ann' }, {}]) {
      const hub = await startHub(TOKENS);
      await revoke(hub, { ...subject, before: new Date().toISOString() });
      await revoke(hub, { ...subject, before: new Date(Date.now() - 3_600_000).toISOString() });
      expect(await status(hub, token)).toBe(401);
    }
  });

  test('of a subject names its issuer where there are several, and nobody who cannot be', async () => {
    const other = { issuer: 'builds', keys: [{ secret: `other ${SECRET}` }] };
    const hub = await startHub({
      publicUrl: AUDIENCE,
      tokens: { issuers: [{ issuer: ISSUER, keys: [{ secret: SECRET }] }, other] },
    });
    const token = await makeToken({ listen: ['a'] });
    const headers = bearer(await makeToken(ADMIN, { claims: { sub: 'root' } }));
    for (const subject of ['ann', 'key', 'sub ann', `${ISSUER}/#ann`, 'token token-1', 'x of builds']) {
      const reply = await hub.ask('POST', '/revocations', { headers, body: JSON.stringify({ subject }) });
      expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
      expect(reply.text).toContain(`such as ${ISSUER}#…, builds#…`);
    }
    expect(await status(hub, token)).toBe(200);
    for (const subject of [`${ISSUER}#ann`, 'builds#a b', 'token x of builds', 'a token without a subject of builds'])
      expect((await hub.ask('POST', '/revocations', { headers, body: JSON.stringify({ subject }) })).status).toBe(201);
    expect(await status(hub, token)).toBe(401);
  });

  test('outlives the hub, is listed, and can be taken back', async () => {
    const path = temporaryFolder();
    const hub = await startHub({ ...TOKENS, path });
    const token = await makeToken({ listen: ['a'] });
    await revoke(hub, { subject: 'ann' });
    await revoke(hub, { jti: 'token-9' });
    await hub.hub.close();
    const again = await startHub({ ...TOKENS, path });
    expect(await status(again, token)).toBe(401);
    const headers = bearer(await makeToken(ADMIN, { claims: { sub: 'root' } }));
    const listed = JSON.parse((await again.ask('GET', '/revocations', { headers })).text) as { revocations: object[] };
    expect(listed.revocations).toEqual([
      { subject: 'ann', before: expect.any(String), at: expect.any(String) },
      { jti: 'token-9', at: expect.any(String) },
    ]);
    // Not over a socket: the answer has no body, which a `Response` has to be made for.
    const restore = async (query: string): Promise<number> =>
      (await again.hub.fetch(new Request(`${again.url}/revocations?${query}`, { method: 'DELETE', headers }))).status;
    expect(await restore('subject=ann')).toBe(204);
    expect(await status(again, token)).toBe(200);
    expect([
      await restore('subject=ann'),
      await restore('all'),
      await restore(''),
      await restore('all&token=a'),
    ]).toEqual([404, 404, 400, 400]);
  });

  test.each([
    ['', /cannot be read/],
    ['{}', /says nothing; it needs subject, jti/],
    ['{"user":"ann"}', /has no .*user.*; allowed are subject, jti, before/],
    ['{"subject":1}', /a subject that is no text/],
    ['{"jti":"a","subject":"b"}', /a token is revoked alone/],
    ['{"before":"yesterday"}', /yesterday.* as before; allowed is a time/],
    ['{"before":"9036-01-01"}', /has the time 9036-01-01T00:00:00.000Z as before, which has not come/],
    [`{"subject":"ann","before":${JSON.stringify(new Date(Date.now() + 60_000))}}`, /which has not come/],
  ])('of %s is refused', async (body, why) => {
    const hub = await startHub(TOKENS);
    const reply = await hub.ask('POST', '/revocations', { headers: bearer(await makeToken(ADMIN)), body });
    expect([reply.status, problemOf(reply), reply.text]).toEqual([
      400,
      'invalid-parameter',
      expect.stringMatching(why),
    ]);
  });
});

describe('a request that began before its token was revoked', () => {
  /** A request whose body comes in two parts, with something done between them. Gives the status and text of its answer. */
  function inParts(
    hub: TestHub,
    {
      method,
      path,
      headers,
      parts,
    }: { method: string; path: string; headers: object; parts: readonly [string, string] },
    between: () => Promise<unknown>,
  ): Promise<[number, string]> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: hub.port, method, path, headers: { ...headers }, agent: false },
        (response) => {
          void text(response).then((body) => resolve([response.statusCode ?? 0, body]), reject);
        },
      );
      sent.on('error', reject);
      sent.write(parts[0], () => {
        void between().then(() => sent.end(parts[1]), reject);
      });
    });
  }

  const STREAM = { 'content-type': 'text/event-stream' };
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
  const LINES = { 'content-type': 'application/x-ndjson' };
  const REQUESTS: readonly (readonly [
    name: string,
    method: string,
    path: string,
    headers: object,
    parts: readonly [string, string],
  ])[] = [
    ['publishes', 'POST', '/topics/a', {}, ['x', 'y']],
    ['publishes a stream', 'POST', '/topics/a?close', STREAM, ['data: 1\n', '\n']],
    ['publishes a live stream', 'POST', '/topics/a', STREAM, ['data: 1\n', '\n']],
    ['publishes lines', 'POST', '/topics', LINES, ['{"topic":"a",', '"data":"x"}']],
    ['creates a topic', 'PUT', '/topics/a', {}, ['{"keep":', '"all"}']],
    ['listens by a form', 'QUERY', '/topics', FORM, ['match=', 'a']],
    ['revokes', 'POST', '/revocations', {}, ['{"subject":', '"bob"}']],
  ];

  test.each(REQUESTS)('and %s does nothing any more', async (_, method, path, headers, parts) => {
    const hub = await startHub(TOKENS);
    const root = bearer(await makeToken(ADMIN, { claims: { sub: 'root', jti: 'root' } }));
    const token = bearer(await makeToken(ADMIN));
    const revoke = (): Promise<unknown> =>
      hub.ask('POST', '/revocations', { headers: root, body: '{"jti":"token-1"}' });
    const sent = { method, path, headers: { ...headers, ...token }, parts };
    const [status, answer] = await inParts(hub, sent, revoke);
    expect([status, answer]).toEqual([401, expect.stringContaining('The token has been revoked')]);
    expect((await hub.log.topics.status('a')).state).toBe('unknown');
    expect(await hub.log.values.list('revoked/')).toHaveLength(1);
  });

  test('leaves no lease, however many ask for one meanwhile', async () => {
    const hub = await startHub(TOKENS);
    const root = bearer(await makeToken(ADMIN, { claims: { sub: 'root', jti: 'root' } }));
    const token = bearer(await makeToken(ADMIN));
    const topics = Array.from({ length: 60 }, (_, index) => `t${index}`);
    const asked = topics.map((topic, index) =>
      index === 30
        ? hub.ask('POST', '/revocations', { headers: root, body: '{"jti":"token-1"}' })
        : hub.ask('PUT', `/topics/${topic}?lease=1h`, { headers: token }),
    );
    await Promise.all(asked);
    // A lease that is ended closes its topic soon.
    await expect.poll(async () => (await hub.log.topics.leases()).length, { timeout: 10_000 }).toBe(0);
  });

  test('does not fill the room that revocations need', async () => {
    const hub = await startHub({ ...TOKENS, limits: { maxTicketsPerSubject: 100_000 } });
    const query = Array.from({ length: 90 }, (_, index) => `match=${String(index).padStart(100, 'x')}`).join('&');
    const token = bearer(await makeToken({ listen: ['*'] }));
    for (;;) {
      const replies = await Promise.all(
        Array.from({ length: 100 }, () => hub.ask('POST', `/tickets?${query}`, { headers: token })),
      );
      if (replies.some(({ status }) => status === 429)) break;
    }
    const root = bearer(await makeToken(ADMIN, { claims: { sub: 'root', jti: 'root' } }));
    expect((await hub.ask('POST', '/revocations', { headers: root, body: '{"subject":"ann"}' })).status).toBe(201);
  });
});

describe('a stream', () => {
  test('ends with the event tidings-expired when its token does, and a ticket with it', async () => {
    const hub = await startHub(TOKENS);
    const exp = Math.ceil(Date.now() / 1000) + 1;
    const token = bearer(await makeToken({ listen: ['a'] }, { claims: { exp } }));
    const { ticket } = await ticketFor(hub, 'match=a', token);
    const streams = [
      await Listener.open(hub.port, '/topics/a', token),
      await Listener.open(hub.port, `/topics/a?ticket=${ticket}`),
    ];
    for (const stream of streams) {
      expect(await stream.end()).toBe('complete');
      expect(stream.events.at(-1)).toMatchObject({ type: 'tidings-expired', data: '{"reason":"expired"}' });
    }
    expect((await hub.ask('GET', '/topics/a', { headers: token })).status).toBe(401);
  });
});
