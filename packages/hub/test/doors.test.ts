import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { access, createServer, health, Hub, listeners, metrics, topics } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, problemOf, startHub, type AskOptions, type Reply } from './test-hub.ts';
import { AUDIENCE, bearer, ISSUER, KEY_PAIRS, makeToken, pemOf, SECRET } from './token-maker.ts';

const APP = 'https://app.example';
const EVIL = 'https://evil.example';
const ALL = { publish: ['*'], listen: ['*'], admin: true };
const PAGE = { accept: 'application/json' };
const STREAM = { accept: 'text/event-stream' };

/** Every way into a hub, with what it is for. */
const DOORS: readonly (readonly [name: string, method: string, path: string, options?: AskOptions])[] = [
  ['publish', 'POST', '/topics/secret', { body: 'x' }],
  ['publish by the query', 'POST', '/topics?topic=secret', { body: 'x' }],
  [
    'publish a stream',
    'POST',
    '/topics/secret',
    { headers: { 'content-type': 'text/event-stream' }, body: 'data: x\n\n' },
  ],
  [
    'publish many',
    'POST',
    '/topics',
    { headers: { 'content-type': 'application/x-ndjson' }, body: '{"topic":"secret","data":"x"}' },
  ],
  ['close', 'POST', '/topics/secret?close', { body: 'x' }],
  ['listen', 'GET', '/topics/secret', { headers: STREAM }],
  ['listen to a pattern', 'GET', '/topics?match_urlpattern=*', { headers: STREAM }],
  [
    'listen by QUERY',
    'QUERY',
    '/topics',
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'match=secret' },
  ],
  ['read', 'GET', '/topics/secret', { headers: PAGE }],
  ['read from an id', 'GET', '/topics/secret?lastEventId=own', { headers: PAGE }],
  ['list', 'GET', '/topics'],
  ['list as a stream', 'GET', '/topics', { headers: STREAM }],
  ['search', 'GET', '/topics?prefix=se'],
  ['look at the head', 'HEAD', '/topics/secret'],
  ['create', 'PUT', '/topics/secret'],
  ['lease', 'PUT', '/topics/secret?lease=30s'],
  ['give a lease back', 'DELETE', '/topics/secret?lease', { headers: { 'tidings-lease': 'x' } }],
  ['delete', 'DELETE', '/topics/secret'],
  ['see who listens', 'GET', '/listeners?topic=secret'],
  ['see who listens as a stream', 'GET', '/listeners?topic=secret', { headers: STREAM }],
  ['count who listens', 'HEAD', '/listeners?topic=secret'],
  ['get a ticket', 'POST', '/tickets?match=secret'],
  ['see revocations', 'GET', '/revocations'],
  ['revoke', 'POST', '/revocations', { body: '{"subject":"ann"}' }],
  ['take a revocation back', 'DELETE', '/revocations?subject=ann'],
  ['read the metrics', 'GET', '/metrics'],
  ['look at the head of the metrics', 'HEAD', '/metrics'],
];

const SAFE = new Set(['GET', 'HEAD', 'QUERY']);

describe('every door of a hub that takes tokens', () => {
  let port = 0;
  let close = async (): Promise<void> => {};
  let log: LmdbLog;

  beforeAll(async () => {
    const path = mkdtempSync(join(tmpdir(), 'tidings-doors-'));
    log = await LmdbLog.open({ path });
    const keys = [{ secret: SECRET }, { text: pemOf(KEY_PAIRS.RS256.publicKey) }];
    const hub = new Hub({
      log,
      faces: [topics(), listeners(), health(), access(), metrics()],
      key: 'a-key-of-the-hub',
      publicUrl: AUDIENCE,
      allowedOrigins: [APP],
      tokens: { issuers: [{ issuer: ISSUER, keys, algorithms: ['HS256', 'RS256'] }] },
    });
    const server = createServer(hub);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
    await log.append([{ topics: ['secret'], fields: { data: 'the secret', id: 'own' } }]);
    const admin = bearer(await makeToken(ALL, { claims: { sub: 'root', jti: 'root' } }));
    await ask(port, 'POST', '/revocations', { headers: admin, body: '{"jti":"revoked"}' });
    close = async () => {
      await hub.close({ finishMs: 0 });
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
      rmSync(path, { recursive: true, force: true });
    };
  });

  afterAll(() => close());

  const now = Math.floor(Date.now() / 1000);
  const BY_HEADER: readonly (readonly [name: string, make: () => Promise<string | undefined>, status: number])[] = [
    ['nothing', async () => undefined, 401],
    ['another key', async () => 'a-key-of-no-hub-at-all', 401],
    ['a token that has expired', () => makeToken(ALL, { claims: { exp: now - 1 } }), 401],
    ['a token that is not valid yet', () => makeToken(ALL, { claims: { nbf: now + 600 } }), 401],
    ['a token for another hub', () => makeToken(ALL, { claims: { aud: 'https://other.example/' } }), 401],
    ['a token of another issuer', () => makeToken(ALL, { claims: { iss: 'https://other.example' } }), 401],
    ['a token of another algorithm', () => makeToken(ALL, { header: { alg: 'HS512' } }), 401],
    [
      'a token with the public key as its secret',
      () => makeToken(ALL, { key: Buffer.from(pemOf(KEY_PAIRS.RS256.publicKey)) }),
      401,
    ],
    ['a token that was revoked', () => makeToken(ALL, { claims: { jti: 'revoked' } }), 401],
    ['a token for another topic', () => makeToken({ publish: ['other'], listen: ['other'], presence: ['other'] }), 403],
    ['a token that allows nothing', () => makeToken({}), 403],
  ];

  /** What came of a door that should have been shut. */
  function expectShut(reply: Reply, method: string, status: number): void {
    expect([reply.status, method === 'HEAD' ? undefined : problemOf(reply)]).toEqual([
      status,
      method === 'HEAD' ? undefined : status === 401 ? 'unauthorized' : 'forbidden',
    ]);
    expect(JSON.stringify([reply.text, reply.headers])).not.toMatch(/the secret|tidings-(?:state|events|newest)/);
  }

  for (const [credential, make, status] of BY_HEADER) {
    test(`is shut for ${credential}`, async () => {
      const token = await make();
      const headers = token === undefined ? {} : bearer(token);
      for (const [, method, path, options = {}] of DOORS) {
        const reply = await ask(port, method, path, { ...options, headers: { ...options.headers, ...headers } });
        expectShut(reply, method, status);
        if (token !== undefined) expect(reply.text).not.toContain(token);
      }
      const { newest } = await log.topics.status('secret');
      expect(newest).toEqual({ seq: 1, id: 'own' });
    });
  }

  test('is shut for a token in a cookie that another site makes a browser send, if it changes something', async () => {
    const cookie = `tidings_token=${await makeToken(ALL)}`;
    for (const [name, method, path, options = {}] of DOORS) {
      if (SAFE.has(method)) continue;
      for (const from of [{ origin: EVIL }, { 'sec-fetch-site': 'cross-site' }, { referer: `${EVIL}/page` }, {}]) {
        const reply = await ask(port, method, path, { ...options, headers: { ...options.headers, ...from, cookie } });
        expect([name, reply.status, problemOf(reply)]).toEqual([name, 403, 'origin-not-allowed']);
      }
    }
  });

  test('lets no page of another site read what it gets with a cookie', async () => {
    const cookie = `tidings_token=${await makeToken(ALL)}`;
    for (const [, method, path, options = {}] of DOORS) {
      if (!SAFE.has(method) || JSON.stringify(options).includes('event-stream') || method === 'QUERY') continue;
      const headers = { ...options.headers, cookie };
      const evil = await ask(port, method, path, { ...options, headers: { ...headers, origin: EVIL } });
      expect([evil.headers['access-control-allow-origin'], evil.headers['cross-origin-resource-policy']]).toEqual([
        undefined,
        'same-origin',
      ]);
      const app = await ask(port, method, path, { ...options, headers: { ...headers, origin: APP } });
      expect(app.headers).toMatchObject({
        'access-control-allow-origin': APP,
        'access-control-allow-credentials': 'true',
      });
    }
  });

  test('tells whether the hub is healthy, and nothing of its events', async () => {
    const reply = await ask(port, 'GET', '/healthz');
    expect([reply.status, Object.keys(JSON.parse(reply.text) as object)]).toEqual([
      200,
      ['status', 'epoch', 'listeners', 'may'],
    ]);
    expect(
      (await ask(port, 'GET', '/healthz', { headers: bearer(await makeToken(ALL, { claims: { exp: 1 } })) })).status,
    ).toBe(401);
  });
});

test('every door of a hub without a key is shut for a page that has taken a name of its own for it', async () => {
  const hub = await startHub({ faces: [topics(), listeners(), health(), access(), metrics()] });
  await hub.publish('secret', 'the secret');
  for (const [name, method, path, options = {}] of DOORS) {
    const reply = await hub.ask(method, path, { ...options, headers: { ...options.headers, host: 'evil.example' } });
    expect([name, reply.status]).toEqual([name, 403]);
    if (method !== 'HEAD') expect(problemOf(reply)).toBe('host-not-allowed');
  }
});
