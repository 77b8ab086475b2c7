import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { explainMercureToken, explainToken, Hub, MemoryLog, type TokenIssuerOptions } from '@tidings/hub';
import { type Clock, systemClock } from '@tidings/server/live';
import { ServerError } from '@tidings/server/log';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { problemOf, startHub, type Reply, type TestHub, type TestHubOptions } from './test-hub.ts';
import {
  AUDIENCE,
  bearer,
  forge,
  ISSUER,
  KEY_PAIRS,
  makeToken,
  pemOf,
  SECRET,
  type TokenParts,
} from './token-maker.ts';

const BY_SECRET: TokenIssuerOptions = { issuer: ISSUER, keys: [{ secret: SECRET }] };
const ALL = { publish: ['*'], listen: ['*'] };

function hubOf(issuers: readonly TokenIssuerOptions[] = [BY_SECRET], more: TestHubOptions = {}): Promise<TestHub> {
  return startHub({ publicUrl: AUDIENCE, tokens: { issuers }, ...more });
}

/** What a hub says to a publish with a token: `ok`, or why it refuses it. */
async function verdict(hub: TestHub, token: string): Promise<string> {
  const reply = await hub.ask('POST', '/topics/a', { headers: bearer(token), body: 'x' });
  return reply.status === 200 ? 'ok' : `${reply.status} ${detailOf(reply)}`;
}

function detailOf({ text }: Reply): string {
  return (JSON.parse(text) as { detail: string }).detail;
}

describe('a token', () => {
  const now = Math.floor(Date.now() / 1000);
  const REFUSED: readonly [what: string, parts: TokenParts, why: RegExp][] = [
    ['of another type', { header: { typ: 'JWT' } }, /type of the token \(typ\) is "JWT", but must be at\+jwt/],
    ['without a type', { header: { typ: undefined } }, /has no type \(typ\), but must be at\+jwt/],
    [
      'of another issuer',
      { claims: { iss: 'https://other.example' } },
      /issuer of the token \(iss\) is "https:\/\/other.example"/,
    ],
    ['without an issuer', { claims: { iss: undefined } }, /names no issuer/],
    [
      'for somebody else',
      { claims: { aud: 'https://other.example/' } },
      /not for this hub \(aud\): it has to be for https:\/\/hub.example\//,
    ],
    ['for nobody', { claims: { aud: undefined } }, /no aud|not for this hub/],
    ['without an end', { claims: { exp: undefined } }, /has no exp/],
    ['that has expired', { claims: { exp: now - 1 } }, /has expired \(exp\)/],
    [
      'whose end is in milliseconds',
      { claims: { exp: now * 1000 } },
      /an exp of \d{13}, which can only be milliseconds/,
    ],
    [
      'whose beginning is in milliseconds',
      { claims: { nbf: now * 1000 } },
      /a nbf of \d{13}, which can only be millis/,
    ],
    ['that was issued in milliseconds', { claims: { iat: now * 1000 } }, /an iat of \d{13}, which can only be millis/],
    ['whose end is a text', { claims: { exp: '2036' } }, /an exp that is no time in seconds since 1970/],
    ['that is not valid yet', { claims: { nbf: now + 3600 } }, /not valid yet \(nbf\)/],
    [
      'of another algorithm of the same kind of key',
      { header: { alg: 'HS384' } },
      /algorithm of the token \(alg\) is "HS384"/,
    ],
    ['with another secret', { key: Buffer.from('another secret of at least 32 bytes') }, /signature of the token/],
    [
      'whose claim has an unknown member',
      { claims: { tidings: { listen: ['a'], read: ['a'] } } },
      /claim tidings of the token has the unknown member "read"; allowed are publish/,
    ],
    ['whose claim is no object', { claims: { tidings: [] } }, /claim tidings of the token is no object/],
    ['whose matchers are no array', { claims: { tidings: { publish: '*' } } }, /a member publish that is no array/],
    [
      'with a pattern that is not allowed',
      { claims: { tidings: { publish: [{ pattern: '(' }] } } },
      /a matcher in publish \(number 1\) that is not allowed: The URL pattern "\(" is not allowed: it has/,
    ],
    [
      'with too many matchers',
      { claims: { tidings: { publish: Array.from({ length: 101 }, String) } } },
      /more than 100 matchers in publish/,
    ],
    [
      'with an admin that is a text',
      { claims: { tidings: { admin: 'true' } } },
      /admin that is neither true nor false/,
    ],
  ];

  test.each(REFUSED)('%s is refused, and says why', async (_, parts, why) => {
    const hub = await hubOf([{ ...BY_SECRET, algorithms: ['HS256'] }]);
    const token = await makeToken(ALL, parts);
    const reply = await hub.ask('POST', '/topics/a', { headers: bearer(token), body: 'x' });
    expect([reply.status, problemOf(reply)]).toEqual([401, 'unauthorized']);
    expect(detailOf(reply)).toMatch(why);
    expect(reply.headers['www-authenticate']).toMatch(/^Bearer error="invalid_token", error_description="[^"\\]+"$/);
    expect(reply.text).not.toContain(token);
  });

  test('is not taken on trust: without a signature, with none, and with a public key as a secret', async () => {
    const pem = pemOf(KEY_PAIRS.RS256.publicKey);
    const hub = await hubOf([{ issuer: ISSUER, keys: [{ text: pem }] }]);
    const claims = { iss: ISSUER, aud: AUDIENCE, exp: now + 3600, tidings: ALL };
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await verdict(hub, forge({ alg, typ: 'at+jwt' }, claims))).toMatch(/^401 .*(algorithm|no signed token)/);
    }
    const confused = await makeToken(ALL, { key: Buffer.from(pem) });
    expect(await verdict(hub, confused)).toMatch(/^401 .*algorithm of the token \(alg\) is "HS256"/);
    const good = await makeToken(ALL, { header: { alg: 'RS256' }, key: KEY_PAIRS.RS256.privateKey });
    expect(await verdict(hub, good)).toBe('ok');
    const [head, body, signature = ''] = good.split('.');
    const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
    expect(await verdict(hub, `${head}.${changed}.${signature}`)).toMatch(/^401 .*signature/);
    expect(await verdict(hub, `${head}.${body}.`)).toMatch(/^401/);
    expect(await verdict(hub, `${head}.${body}`)).toMatch(/^401 .*no signed token/);
    expect(await verdict(hub, 'x'.repeat(9000))).toMatch(/^401 .*no signed token/);
    // An extension that nobody knows (RFC 7515, 4.1.11).
    const critical = await makeToken(ALL, {
      header: { alg: 'RS256', crit: ['x'], x: 1 },
      key: KEY_PAIRS.RS256.privateKey,
    }).catch(() => '');
    if (critical !== '') expect(await verdict(hub, critical)).toMatch(/^401/);
  });

  test('that no hub takes is told without a key, too', async () => {
    const times = { exp: now + 3600 };
    const own = { ...times, iss: 'a', aud: AUDIENCE, tidings: ALL };
    const old = { ...times, mercure: { publish: ['*'] } };
    const refusals = async (header: object): Promise<readonly (string | undefined)[]> => {
      const ours = await explainToken(forge({ typ: 'at+jwt', ...header }, own), { keys: [] });
      return [ours.refusal, (await explainMercureToken(forge(header, old), { keys: [] }))?.refusal];
    };
    for (const [header, said] of [
      [{ alg: 'none' }, /\(alg\) is "none", which no hub takes; allowed are HS256,/],
      [{ alg: 'ES256K' }, /\(alg\) is "ES256K", which no hub takes/],
      [{}, /^The token has no algorithm \(alg\)/],
      [{ alg: 'ES256', crit: ['x'], x: 1 }, /the critical parameters \(crit\) "x", which no hub knows/],
      [{ alg: 'ES256', crit: [] }, /\(crit\) "", which no hub knows/],
    ] as const) {
      const told: unknown = expect.stringMatching(said);
      expect(await refusals(header)).toEqual([told, told]);
    }
    for (const alg of ['HS256', 'EdDSA', 'Ed25519']) expect(await refusals({ alg })).toEqual([undefined, undefined]);
  });

  test('is checked by those keys of a set that fit the algorithms, and a set without any names its keys', async () => {
    const jwks = (...names: (keyof typeof KEY_PAIRS)[]): string =>
      JSON.stringify({
        keys: names.map((name) => ({ ...KEY_PAIRS[name].publicKey.export({ format: 'jwk' }), kid: `of ${name}` })),
      });
    const issuer = (text: string): TokenIssuerOptions => ({ issuer: ISSUER, keys: [{ text }], algorithms: ['RS256'] });
    const hub = await hubOf([issuer(jwks('RS256', 'ES256', 'EdDSA'))]);
    const sign = (alg: keyof typeof KEY_PAIRS): Promise<string> =>
      makeToken(ALL, { header: { alg }, key: KEY_PAIRS[alg].privateKey });
    expect(await verdict(hub, await sign('RS256'))).toBe('ok');
    expect(await verdict(hub, await sign('ES256'))).toMatch(/^401 .*algorithm/);
    await expect(hubOf([issuer(jwks('ES256', 'EdDSA'))])).rejects.toThrow(
      'The option tokens.issuers.0.keys.0 has no key that can be used with RS256; found "of ES256" (one for ES256), "of EdDSA" (one for EdDSA, Ed25519)',
    );
  });

  test('is asked for by a hub that has no key, and a ticket is named among the parameters', async () => {
    const hub = await hubOf();
    const reply = await hub.ask('GET', '/topics/a');
    expect([reply.status, detailOf(reply)]).toEqual([
      401,
      'The request has no token, and needs one to listen to "a": send Authorization: Bearer <token>',
    ]);
    const both = await hubOf([BY_SECRET], { key: 'a-key-of-the-hub-1' });
    expect(detailOf(await both.ask('GET', '/topics/a'))).toContain('The request has no key or token');
    const open = await hubOf([BY_SECRET], { anonymous: 'listen' });
    expect(detailOf(await open.ask('GET', '/topics/a?tiket=x'))).toMatch(
      /allowed are .*, ticket; did you mean ticket\?$/,
    );
  });

  test('of each kind of key is taken, whatever form the key has', async () => {
    for (const [alg, { publicKey, privateKey }] of Object.entries(KEY_PAIRS)) {
      const jwk = { ...publicKey.export({ format: 'jwk' }), kid: alg };
      const forms = [pemOf(publicKey), JSON.stringify(jwk), JSON.stringify({ keys: [jwk] })];
      const hub = await hubOf(forms.map((text, index) => ({ issuer: `${ISSUER}/${index}`, keys: [{ text }] })));
      for (const index of forms.keys()) {
        const claims = { iss: `${ISSUER}/${index}` };
        expect(await verdict(hub, await makeToken(ALL, { header: { alg }, key: privateKey, claims }))).toBe('ok');
      }
    }
    const { privateKey, publicKey } = KEY_PAIRS.RS256;
    const hub = await hubOf([{ issuer: ISSUER, keys: [{ text: pemOf(publicKey) }] }]);
    for (const alg of ['RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
      expect(await verdict(hub, await makeToken(ALL, { header: { alg }, key: privateKey }))).toBe('ok');
  });

  test('is checked by the keys of its own issuer alone', async () => {
    const other = { issuer: 'https://other.example', keys: [{ secret: `other ${SECRET}` }] };
    const hub = await hubOf([BY_SECRET, other]);
    const byOther = { key: Buffer.from(`other ${SECRET}`) };
    expect(await verdict(hub, await makeToken(ALL, { ...byOther, claims: { iss: 'https://other.example' } }))).toBe(
      'ok',
    );
    expect(await verdict(hub, await makeToken(ALL, byOther))).toMatch(/^401 .*signature/);
    expect(await verdict(hub, await makeToken(ALL, { claims: { iss: 'https://other.example' } }))).toMatch(
      /^401 .*signature/,
    );
  });

  test('of a subject is not one of the same subject of another issuer', async () => {
    const other = { issuer: 'https://other.example', keys: [{ secret: `other ${SECRET}` }] };
    const hub = await hubOf([BY_SECRET, other]);
    const ours = bearer(await makeToken(ALL));
    const theirs = bearer(
      await makeToken(ALL, { key: Buffer.from(`other ${SECRET}`), claims: { iss: 'https://other.example' } }),
    );
    const key = { 'idempotency-key': 'one' };
    expect((await hub.ask('PUT', '/topics/a?lease=30s', { headers: { ...ours, ...key } })).status).toBe(200);
    expect((await hub.ask('PUT', '/topics/a?lease=30s', { headers: { ...theirs, ...key } })).status).toBe(409);
    const refused = await hub.ask('DELETE', '/topics/a', { headers: ours });
    expect(detailOf(refused)).toContain('The rights of https://issuer.example#ann do not allow');
    const nobody = bearer(await makeToken(ALL, { claims: { sub: undefined, jti: undefined } }));
    expect(detailOf(await hub.ask('DELETE', '/topics/a', { headers: nobody }))).toContain(
      'The rights of a token without a subject of https://issuer.example do not allow',
    );
  });

  test('names its key among several', async () => {
    const { RS256, EdDSA } = KEY_PAIRS;
    const keys = Object.entries({ one: RS256, two: EdDSA }).map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
    }));
    const strange = [
      { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' },
      { kty: 'RSA', use: 'enc' },
    ];
    const hub = await hubOf([{ issuer: ISSUER, keys: [{ text: JSON.stringify({ keys: [...strange, ...keys] }) }] }]);
    const signed = (kid: string | undefined): Promise<string> =>
      makeToken(ALL, { header: { alg: 'EdDSA', kid }, key: EdDSA.privateKey });
    expect(await verdict(hub, await signed('two'))).toBe('ok');
    expect(await verdict(hub, await signed(undefined))).toBe('ok');
    expect(await verdict(hub, await signed('one'))).toMatch(/^401 .*a key \(kid\) that its issuer does not have/);
  });

  test('of a secret that is too short for its algorithm is told how long that has to be', async () => {
    const hub = await hubOf();
    const long = await makeToken(ALL, { header: { alg: 'HS512' }, key: Buffer.alloc(64) });
    expect(await verdict(hub, long)).toMatch(/"HS512", which needs a secret of 64 bytes or more, and that of its/);
  });

  test('is for a hub whose URL it has with or without the last slash, and with no other difference', async () => {
    const url = 'https://hub.example/events';
    const verdicts = async (tokens: TestHubOptions): Promise<readonly string[]> => {
      const hub = await startHub({ publicUrl: url, ...tokens });
      const tried = [
        url,
        `${url}/`,
        `${url}//`,
        'https://hub.example/event',
        'https://hub.example',
        'https://hub.example/',
      ];
      const found: string[] = [];
      for (const aud of tried) found.push((await verdict(hub, await makeToken(ALL, { claims: { aud } }))).slice(0, 3));
      return found;
    };
    const by = (audience?: string): TestHubOptions => ({ tokens: { issuers: [{ ...BY_SECRET, audience }] } });
    expect(await verdicts(by())).toEqual(['ok', 'ok', '401', '401', '401', '401']);
    expect(await verdicts(by(url))).toEqual(['ok', '401', '401', '401', '401', '401']);
    expect(await verdicts(by('https://hub.example'))).toEqual(['401', '401', '401', '401', 'ok', 'ok']);
  });

  test('may be a little early or late by the clock of the hub, as far as the option allows', async () => {
    const hub = await startHub({ publicUrl: AUDIENCE, tokens: { issuers: [BY_SECRET], clockToleranceMs: 60_000 } });
    expect(await verdict(hub, await makeToken(ALL, { claims: { exp: now - 30 } }))).toBe('ok');
    expect(await verdict(hub, await makeToken(ALL, { claims: { exp: now - 3600 } }))).toMatch(/^401 .*exp/);
    expect(await verdict(hub, await makeToken(ALL, { claims: { nbf: now + 30 } }))).toBe('ok');
    expect(await verdict(hub, await makeToken(ALL, { claims: { nbf: now + 3600 } }))).toMatch(/^401 .*nbf/);
  });

  test('gives the rights that it names and no others', async () => {
    const hub = await hubOf();
    const grant = { publish: ['a', { pattern: 'orders/:id' }], listen: ['b'] };
    const headers = bearer(await makeToken(grant));
    const publish = async (topic: string): Promise<number> =>
      (await hub.ask('POST', `/topics/${topic}`, { headers, body: 'x' })).status;
    expect(await Promise.all(['a', 'orders%2F1', 'orders', 'b', '*'].map(publish))).toEqual([200, 200, 403, 403, 403]);
    const read = async (path: string): Promise<number> =>
      (await hub.ask('GET', path, { headers: { ...headers, accept: 'application/json' } })).status;
    expect(await Promise.all(['/topics/b', '/topics/a', '/topics?match=b&match=a', '/topics'].map(read))).toEqual([
      200, 403, 403, 403,
    ]);
    const manage = await hub.ask('DELETE', '/topics/a', { headers });
    expect([manage.status, detailOf(manage)]).toEqual([
      403,
      expect.stringContaining('The rights of ann do not allow it to manage "a"'),
    ]);
  });

  test('covers the same topics whatever host and scheme its sender names', async () => {
    const hub = await hubOf([{ ...BY_SECRET, audience: AUDIENCE }], { publicUrl: undefined });
    const grant = [{ pattern: 'https://tenant.example/*' }, { pattern: 'open/:name' }];
    const told = { host: 'tenant.example', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'tenant.example' };
    const headers = { ...bearer(await makeToken({ publish: grant, listen: grant })), accept: 'application/json' };
    const statuses = async (topic: string, more: object): Promise<number[]> => {
      const asked = { headers: { ...headers, ...more }, body: 'x' };
      return [
        (await hub.ask('POST', `/topics?topic=${topic}`, asked)).status,
        (await hub.ask('GET', `/topics?match=${topic}`, { headers: asked.headers })).status,
      ];
    };
    for (const more of [{}, told]) {
      expect(await statuses('payroll', more)).toEqual([403, 403]);
      expect(await statuses('open%2F1', more)).toEqual([200, 200]);
      expect(await statuses('https%3A%2F%2Ftenant.example%2F1', more)).toEqual([200, 200]);
      const pattern = await hub.ask('GET', '/topics?match_urlpattern=open/:name', { headers: { ...headers, ...more } });
      expect(pattern.status).toBe(200);
    }
  });

  test('gives the private events of the topics that it may listen to, and of no others', async () => {
    const hub = await hubOf();
    const all = bearer(await makeToken({ ...ALL, admin: true }));
    await hub.publish('a?private', 'secret a', all);
    await hub.publish('b?private', 'secret b', all);
    await hub.publish('b', 'open b', all);
    const headers = { ...bearer(await makeToken({ listen: ['a'] })), accept: 'application/json' };
    expect((await hub.ask('GET', '/topics/a', { headers })).text).toContain('secret a');
    const other = { ...bearer(await makeToken({ listen: [{ pattern: 'b' }] })), accept: 'application/json' };
    expect((await hub.ask('GET', '/topics?match_urlpattern=b', { headers: other })).text).toContain('secret b');
    expect((await hub.ask('GET', '/topics/a', { headers: other })).status).toBe(403);
  });

  test('administers a hub if it says so', async () => {
    const hub = await hubOf();
    const revocations = async (grant: object): Promise<number> =>
      (await hub.ask('GET', '/revocations', { headers: bearer(await makeToken(grant)) })).status;
    expect([await revocations({ admin: true }), await revocations(ALL)]).toEqual([200, 403]);
  });

  test('in the URL is refused, with what to do instead', async () => {
    const hub = await hubOf();
    const token = await makeToken(ALL);
    for (const name of ['authorization', 'access_token', 'token']) {
      const reply = await hub.ask('GET', `/topics/a?${name}=${token}`);
      expect([reply.status, detailOf(reply)]).toEqual([
        400,
        expect.stringContaining('get a ticket with POST /tickets'),
      ]);
      expect(reply.text).not.toContain(token);
    }
  });

  test('in a cookie is taken, and changes something only for pages of the hub or of allowed origins', async () => {
    const hub = await hubOf([BY_SECRET], { allowedOrigins: ['https://app.example'] });
    const cookie = `other=1; tidings_token=${await makeToken(ALL)}`;
    const read = await hub.ask('GET', '/topics/a', { headers: { cookie, accept: 'application/json' } });
    expect(read.status).toBe(200);
    const publish = async (headers: Record<string, string>): Promise<number> =>
      (await hub.ask('POST', '/topics/a', { headers: { cookie, ...headers }, body: 'x' })).status;
    expect(await publish({ origin: 'https://app.example' })).toBe(200);
    expect(await publish({ origin: 'https://hub.example' })).toBe(200);
    expect(await publish({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await publish({ origin: 'https://evil.example' })).toBe(403);
    expect(await publish({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await publish({ referer: 'https://evil.example/', 'sec-fetch-site': 'none' })).toBe(403);
    for (const origin of ['http://hub.example', 'https://hub.example:8443']) {
      expect(await publish({ host: 'hub.example', origin })).toBe(403);
    }
    expect(await publish({ origin: 'null' })).toBe(403);
    expect(await publish({})).toBe(403);
  });

  test('in a cookie is taken where a proxy has its own Authorization, and nobody is let in by one that shows nothing', async () => {
    const hub = await hubOf([BY_SECRET], { anonymous: 'listen' });
    await hub.publish('a?private', 'secret', bearer(await makeToken(ALL)));
    const read = (headers: Record<string, string>): Promise<Reply> =>
      hub.ask('GET', '/topics/a', { headers: { accept: 'application/json', ...headers } });
    const cookie = `tidings_token=${await makeToken(ALL)}`;
    expect((await read({ cookie, authorization: 'Basic eDp5' })).text).toContain('secret');
    for (const authorization of ['Bearer', 'Bearer a b', await makeToken(ALL)])
      expect((await read({ cookie, authorization })).status).toBe(401);
  });

  test('is not needed with the key of the hub, and everyone has what anonymous says', async () => {
    const hub = await hubOf([BY_SECRET], { key: ['a-key-of-the-hub', 'the-next-key-of-it'], anonymous: 'listen' });
    for (const key of ['a-key-of-the-hub', 'the-next-key-of-it']) expect(await verdict(hub, key)).toBe('ok');
    expect(await verdict(hub, 'another-key-of-it')).toMatch(/^401 .*neither a key of this hub nor a signed token/);
    expect((await hub.ask('GET', '/topics/a', { headers: { accept: 'application/json' } })).status).toBe(200);
    expect((await hub.ask('POST', '/topics/a', { body: 'x' })).status).toBe(401);
  });

  test('gives what everyone may do, too, but private events of its own topics alone', async () => {
    const hub = await hubOf([BY_SECRET], { anonymous: 'listen' });
    const all = bearer(await makeToken(ALL));
    for (const topic of ['a', 'b']) {
      await hub.publish(`${topic}?private`, `secret ${topic}`, all);
      await hub.publish(topic, `open ${topic}`, all);
    }
    const read = (path: string, headers = {}): Promise<Reply> =>
      hub.ask('GET', path, { headers: { accept: 'application/json', ...headers } });
    const token = bearer(await makeToken({ listen: ['a'] }));
    const both = await read('/topics?match=a&match=b', token);
    expect(both.status).toBe(200);
    expect(['secret a', 'open a', 'secret b', 'open b'].filter((data) => both.text.includes(data))).toEqual([
      'secret a',
      'open a',
      'open b',
    ]);
    for (const grant of [undefined, { publish: ['a'] }]) {
      const { text } = await read('/topics?match=a&match=b', bearer(await makeToken(grant)));
      expect([text.includes('open a'), text.includes('secret')]).toEqual([true, false]);
    }
    expect((await hub.ask('POST', '/topics/a', { headers: token, body: 'x' })).status).toBe(403);
    const expired = bearer(await makeToken(ALL, { claims: { exp: now - 1 } }));
    expect((await read('/topics/a', expired)).status).toBe(401);
    const open = await hubOf([BY_SECRET], { anonymous: 'publish' });
    expect(await verdict(open, await makeToken({ listen: ['b'] }))).toBe('ok');
    expect((await open.ask('DELETE', '/topics/a', { headers: token })).status).toBe(403);
    // Why events cannot be stored is told to who may publish to all topics by a right of its own.
    vi.spyOn(open.log, 'append').mockRejectedValue(new ServerError('ERR_NOT_STORED', 'the disk is full'));
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await verdict(open, await makeToken({ listen: ['b'] }))).toMatch(/^507/);
    const health = async (headers: object): Promise<boolean> =>
      (await open.ask('GET', '/healthz', { headers: { ...headers } })).text.includes('the disk is full');
    expect([await health(token), await health(all)]).toEqual([false, true]);
  });
});

describe('keys at a URL', () => {
  interface KeyServer {
    url: string;
    keys: object[];
    /** Another answer than these. */
    text?: string | undefined;
    isDown: boolean;
    asked: number;
  }

  async function serveKeys(): Promise<KeyServer> {
    const state: KeyServer = { url: '', keys: [], isDown: false, asked: 0 };
    const server = createServer((_, response) => {
      state.asked += 1;
      if (state.isDown) response.writeHead(503).end();
      else response.end(state.text ?? JSON.stringify({ keys: state.keys }));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    return state;
  }

  function jwk(kid: keyof typeof KEY_PAIRS): object {
    return { ...KEY_PAIRS[kid].publicKey.export({ format: 'jwk' }), kid };
  }

  function signed(alg: keyof typeof KEY_PAIRS): Promise<string> {
    const claims = { iat: undefined, exp: Math.floor(Date.now() / 1000) + 3 * 24 * 3600 };
    return makeToken(ALL, { header: { alg, kid: alg }, key: KEY_PAIRS[alg].privateKey, claims });
  }

  /** A hub whose time the test moves. */
  async function clocked(server: KeyServer): Promise<{ hub: TestHub; pass: (ms: number) => void }> {
    let passed = 0;
    const hub = await startHub({
      publicUrl: AUDIENCE,
      tokens: { issuers: [{ issuer: ISSUER, keys: [{ url: server.url }] }] },
      clock: {
        now: () => performance.now() + passed,
        time: () => Date.now() + passed,
        setTimeout: (work: () => void, ms: number) => setTimeout(work, ms),
        clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
      },
    });
    return { hub, pass: (ms) => (passed += ms) };
  }

  test('are kept, and asked for again when they may have changed', async () => {
    const server = await serveKeys();
    server.keys = [jwk('ES256')];
    const { hub, pass } = await clocked(server);
    expect(await verdict(hub, await signed('ES256'))).toBe('ok');
    expect(await verdict(hub, await signed('ES256'))).toBe('ok');
    expect(server.asked).toBe(1);
    server.keys = [jwk('EdDSA')];
    // A stranger who names keys that do not exist does not make the hub ask each time.
    for (let n = 0; n < 5; n += 1) expect(await verdict(hub, await signed('EdDSA'))).toMatch(/^401/);
    expect(server.asked).toBe(1);
    pass(31_000);
    expect(await verdict(hub, await signed('EdDSA'))).toBe('ok');
    expect(await verdict(hub, await signed('ES256'))).toMatch(/^401/);
    expect(server.asked).toBe(2);
  });

  test('that are no JSON, or not public, are told of by their URL and issuer, and secret ones let nobody in', async () => {
    const server = await serveKeys();
    server.text = '<html>';
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    const issuers = [{ issuer: ISSUER, keys: [{ url: `${server.url}?key=hidden` }] }];
    let passed = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + passed };
    const hub = await startHub({ publicUrl: AUDIENCE, tokens: { issuers }, clock, logger: pino({}, { write }) });
    const byEC = await signed('ES256');
    const reply = await hub.ask('POST', '/topics/a', { headers: bearer(byEC), body: 'x' });
    expect([reply.status, problemOf(reply)]).toEqual([503, 'issuer-unavailable']);
    server.text = undefined;
    server.keys = [jwk('ES256'), { kty: 'oct', k: Buffer.from(SECRET).toString('base64url') }];
    for (const alg of ['ES256', 'HS256', 'HS256']) {
      passed += 700_000;
      expect(await verdict(hub, alg === 'ES256' ? byEC : await makeToken(ALL))).toMatch(
        alg === 'ES256' ? /ok/ : /^401/,
      );
    }
    expect(lines).toMatchObject(
      [
        { issuer: ISSUER, url: server.url, reason: 'what is there is no JSON', msg: /could not be got/ },
        { issuer: ISSUER, url: server.url, reason: /^there is a secret/, msg: /left out/ },
      ].map((line) => ({ ...line, reason: expect.stringMatching(line.reason), msg: expect.stringMatching(line.msg) })),
    );
    expect(JSON.stringify(lines)).not.toMatch(/hidden|stack/);
  });

  test('go on to be used for a day while their issuer is away, and then nobody is let in', async () => {
    const server = await serveKeys();
    server.keys = [jwk('ES256')];
    const { hub, pass } = await clocked(server);
    const token = await signed('ES256');
    expect(await verdict(hub, token)).toBe('ok');
    server.isDown = true;
    pass(23 * 3600_000);
    expect(await verdict(hub, token)).toBe('ok');
    pass(2 * 3600_000);
    const reply = await hub.ask('POST', '/topics/a', { headers: bearer(token), body: 'x' });
    expect([reply.status, problemOf(reply), reply.headers['retry-after']]).toEqual([503, 'issuer-unavailable', '5']);
    server.isDown = false;
    pass(31_000);
    expect(await verdict(hub, token)).toBe('ok');
  });

  test('are not used any more when their issuer has taken them back', async () => {
    const server = await serveKeys();
    server.keys = [jwk('ES256')];
    const { hub, pass } = await clocked(server);
    const token = await signed('ES256');
    expect(await verdict(hub, token)).toBe('ok');
    server.keys = [];
    pass(11 * 60_000);
    await expect.poll(() => verdict(hub, token)).toMatch(/^503/);
    server.keys = [jwk('ES256')];
    pass(31_000);
    expect(await verdict(hub, token)).toBe('ok');
  });

  test('that cannot be got may have changed: a token of one that is not known is to be sent again', async () => {
    const server = await serveKeys();
    server.keys = [jwk('ES256')];
    const { hub, pass } = await clocked(server);
    expect(await verdict(hub, await signed('ES256'))).toBe('ok');
    server.keys = [jwk('EdDSA')];
    server.isDown = true;
    pass(31_000);
    // It is so for the one that makes the hub ask, and for the next.
    for (let n = 0; n < 2; n += 1) expect(await verdict(hub, await signed('EdDSA'))).toMatch(/^503/);
    expect(await verdict(hub, await signed('ES256'))).toBe('ok');
    server.isDown = false;
    pass(31_000);
    expect(await verdict(hub, await signed('EdDSA'))).toBe('ok');
    expect(await verdict(hub, await signed('RS256'))).toMatch(/^401/);
  });

  test('that cannot be got keep nobody out whose token another key of the issuer has signed', async () => {
    const server = await serveKeys();
    server.isDown = true;
    const keys = [{ url: server.url }, { secret: SECRET }];
    const hub = await startHub({ publicUrl: AUDIENCE, tokens: { issuers: [{ issuer: ISSUER, keys }] } });
    expect(await verdict(hub, await makeToken({ publish: ['*'] }))).toBe('ok');
    // Of others nobody knows whether it is good.
    const other = await makeToken({ publish: ['*'] }, { key: Buffer.from('another secret of at least 32 bytes') });
    expect(await verdict(hub, other)).toMatch(/^503/);
  });
});

describe('options that cannot be used are refused', () => {
  const good = { secret: SECRET };
  const PRIVATE_JWK = KEY_PAIRS.EdDSA.privateKey.export({ format: 'jwk' });
  const PUBLIC_JWK = KEY_PAIRS.EdDSA.publicKey.export({ format: 'jwk' });
  test.each([
    [{ issuers: [] }, /tokens.issuers is an array.*, but must be an array of one or more issuers/],
    [{ issuers: [{ keys: [] }] }, /tokens.issuers.0.keys is an array.*, but must be/],
    [{ issuers: [{ keys: [{ secret: 'short' }] }] }, /a secret of 5 bytes, but a secret needs 32 or more/],
    [
      { issuers: [{ keys: [{ ...good, url: 'https://a' }] }] },
      /tokens.issuers.0.keys.0 is .*must be an object with one text/,
    ],
    [{ issuers: [{ keys: [{ url: 'http://issuer.example/keys' }] }] }, /must be one of https/],
    [{ issuers: [{ keys: [good], algorithms: ['none'] }] }, /algorithms is "none", but must be one or more of HS256/],
    [{ issuers: [{ keys: [good], algorithms: ['RS256'] }] }, /has a key that cannot be used with RS256/],
    [{ issuers: [{ keys: [good] }, { keys: [good] }] }, /issuers.1.issuer/],
    [{ issuers: [{ keys: [good], issuers: 'x' }] }, /There is no option tokens.issuers.0.issuers/],
    [{ issuers: [{ keys: [{ text: 'nonsense' }] }] }, /neither PEM nor JSON/],
    [
      { issuers: [{ keys: [good, { text: JSON.stringify({ kty: 'oct', k: 'c2Vj'.repeat(20) }) }] }] },
      /tokens.issuers.0.keys.1 has a secret \(a JWK of the kind oct\), but must have public keys/,
    ],
    [
      { issuers: [{ keys: [{ text: JSON.stringify(PRIVATE_JWK) }] }] },
      /keys.0 has a private key, but the hub only checks/,
    ],
    [
      { issuers: [{ keys: [{ text: JSON.stringify({ keys: [PUBLIC_JWK, PRIVATE_JWK] }) }] }] },
      /has a private key, but/,
    ],
    [{ issuers: [{ keys: [{ text: '{"keys":[]}' }] }] }, /keys.0 has a JWKS without a key for signatures/],
    [{ issuers: [{ keys: [{ text: JSON.stringify({ ...PUBLIC_JWK, use: 'enc' }) }] }] }, /its use is "enc"/],
    [
      { issuers: [{ keys: [{ text: JSON.stringify({ ...PUBLIC_JWK, key_ops: ['sign'] }) }] }] },
      /key_ops has no "verify"/,
    ],
    [
      { issuers: [{ keys: [good], algorithms: ['HS512'] }] },
      /keys.0 has a key that cannot be used with HS512, which needs a secret of 64 bytes or more/,
    ],
    [
      {
        issuers: [{ keys: [{ text: KEY_PAIRS.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }] }],
      },
      /a private key, but the hub only checks tokens/,
    ],
    [{ issuers: [{ keys: [good] }], clockToleranceMs: -1 }, /clockToleranceMs is -1/],
  ])('%j', (tokens, message) => {
    const make = (): Hub => new Hub({ log: new MemoryLog(), publicUrl: AUDIENCE, tokens });
    expect(make).toThrow(message);
    expect(make).not.toThrow(SECRET);
  });

  test('and tokens without anything that they have to be for', () => {
    const tokens = { issuers: [BY_SECRET] };
    expect(() => new Hub({ log: new MemoryLog(), tokens })).toThrow(
      /give the hub its publicUrl, or the issuer its audience/,
    );
  });
});
