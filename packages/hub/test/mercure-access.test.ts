import { describe, expect, test } from 'vitest';
import { mercure } from '@tidings/hub';
import { ManualClock } from '@tidings/server/log/testing';
import {
  allToken,
  challengeOf,
  detail,
  DETAIL,
  HUB_URL,
  METADATA,
  newToken,
  oldToken,
  post,
  PUBLIC_URL,
  received,
  RESOURCE_METADATA,
  ROOT,
  startMercure,
  subscribe,
  update,
} from './mercure-hub.ts';
import { problemOf, startHub, type Reply, type TestHub } from './test-hub.ts';
import { bearer, ISSUER, KEY_PAIRS, makeToken, pemOf, SECRET, type TokenParts } from './token-maker.ts';

const INVALID = expect.stringMatching(
  /^Bearer error="invalid_token", error_description="[^"]+", resource_metadata="[^"]+"$/,
) as unknown;
const ALL = [detail(['publish', 'subscribe'], ['*'])];
const now = Math.floor(Date.now() / 1000);

/** What a subscriber gets of a private update of two topics. */
async function seen(token: string, topics: readonly string[], query = 'match=*'): Promise<readonly string[]> {
  const hub = await startMercure();
  const listener = await subscribe(hub, query, bearer(token));
  await post(hub, [...topics.map((topic) => ['topic', topic] as const), ['data', 'private'], ['private', 'on']]);
  return await received(listener, () => update(hub, topics[0]!, 'last'));
}

describe('a private update', () => {
  test.each<[what: string, details: readonly object[]]>([
    ['a grant on its canonical topic', [detail(['subscribe'], ['/a'])]],
    ['a grant on an alternate', [detail(['subscribe'], ['/b'])]],
    [
      'a grant by a URL pattern, relative to the hub',
      [detail(['subscribe'], [{ match: '/:any', match_type: 'urlpattern' }])],
    ],
    ['a grant on *', [detail(['subscribe'], ['*'])]],
    ['a grant on * of any type', [detail(['subscribe'], [{ match: '*', match_type: 'urlpattern' }])]],
    ['one of several grants', [detail(['publish'], ['/x']), detail(['publish', 'subscribe'], ['/y', '/b'])]],
    ['a grant with unknown actions', [detail(['fly', 'subscribe'], ['/a'])]],
    [
      'a grant beside details of other types',
      [{ type: 'x', actions: 1 }, detail(['subscribe'], ['/a']), { type: 'y' }],
    ],
  ])('goes to who has %s', async (_what, details) => {
    expect(await seen(await newToken(details), ['/a', '/b'])).toEqual(['private']);
  });

  test.each<[what: string, details: readonly object[]]>([
    ['a grant on another topic', [detail(['subscribe'], ['/c'])]],
    ['a grant to publish it', [detail(['publish'], ['*'])]],
    ['a grant of unknown actions alone', [detail(['fly'], ['*'])]],
    ['an exact grant with the text of a pattern', [detail(['subscribe'], ['/:any'])]],
  ])('does not go to who has %s', async (_what, details) => {
    expect(await seen(await newToken(details), ['/a', '/b'])).toEqual([]);
  });

  test('goes to who is granted one topic and asks for another: matchers only route', async () => {
    expect(await seen(await newToken([detail(['subscribe'], ['/b'])]), ['/a', '/b'], 'match=/a')).toEqual(['private']);
  });

  test('does not go to who is granted it and does not ask for it', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=last', bearer(await allToken()));
    await update(hub, 'a', 'private', [['private', 'on']]);
    expect(await received(listener, () => update(hub, 'last', 'last'))).toEqual([]);
  });

  test('does not go to anonymous subscribers, who get public updates only', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=*');
    await update(hub, 'a', 'private', [['private', 'on']]);
    await update(hub, 'a', 'public');
    expect(await received(listener, () => update(hub, 'a', 'last'))).toEqual(['public']);
  });

  test('is replayed to who has a grant alone', async () => {
    const hub = await startMercure();
    await update(hub, 'a', 'private', [['private', 'on']]);
    await update(hub, 'a', 'last');
    const query = 'match=a&last_event_id=earliest';
    const granted = await subscribe(hub, query, bearer(await newToken([detail(['subscribe'], ['a'])])));
    const other = await subscribe(hub, query, bearer(await newToken([detail(['subscribe'], ['b'])])));
    expect([await granted.take(2), await other.take(1)]).toEqual([['private', 'last'], ['last']]);
  });

  test('of the old dialect goes to who has a claim with its text, a template that it is, or *', async () => {
    for (const selector of ['/books/1', '/books/{id}', '{+any}', '*']) {
      expect(await seen(await oldToken({ subscribe: [selector] }), ['/a', '/books/1'], 'topic=*')).toEqual(['private']);
    }
    for (const selector of ['/books/:id', '/{id}', '/books/{id', 'books/1']) {
      expect(await seen(await oldToken({ subscribe: [selector] }), ['/a/b', '/books/1'], 'topic=*')).toEqual([]);
    }
  });
});

/** What is answered to a publish and to a subscriber with a token, on a hub that lets everyone subscribe. */
async function answers(hub: TestHub, token: string): Promise<readonly [Reply, Reply]> {
  return [
    await post(hub, [['topic', 'a']], bearer(token)),
    await hub.ask('HEAD', `${ROOT}?match=a`, { headers: bearer(token) }),
  ];
}

describe('a token of the new dialect', () => {
  test.each<[what: string, parts: TokenParts]>([
    ['of the type at+jwt', {}],
    ['of the type application/at+jwt', { header: { typ: 'application/at+jwt' } }],
    ['of the type in another case', { header: { typ: 'Application/AT+JWT' } }],
    ['for several audiences', { claims: { aud: ['https://x.example', HUB_URL] } }],
    ['without sub, client_id, iat and jti', { claims: { sub: undefined, iat: undefined, jti: undefined } }],
    ['that is valid already', { claims: { nbf: now - 10 } }],
  ])('%s is taken', async (_what, parts) => {
    const hub = await startMercure();
    expect((await answers(hub, await newToken(ALL, parts))).map(({ status }) => status)).toEqual([200, 200]);
  });

  test.each<[what: string, details: unknown, parts?: TokenParts]>([
    ['of another type', ALL, { header: { typ: 'JWT' } }],
    ['without a type', ALL, { header: { typ: undefined } }],
    ['of another issuer', ALL, { claims: { iss: 'https://other.example' } }],
    ['without an issuer', ALL, { claims: { iss: undefined } }],
    ['for another hub', ALL, { claims: { aud: 'https://other.example/.well-known/mercure' } }],
    ['for the public URL alone', ALL, { claims: { aud: PUBLIC_URL } }],
    ['without an audience', ALL, { claims: { aud: undefined } }],
    ['without an end', ALL, { claims: { exp: undefined } }],
    ['that has expired', ALL, { claims: { exp: now - 1 } }],
    ['that is not valid yet', ALL, { claims: { nbf: now + 3600 } }],
    ['with another secret', ALL, { key: Buffer.from('another secret of at least 32 bytes') }],
    ['with an unknown match type', [detail(['subscribe'], [{ match: 'a', match_type: 'regexp' }])]],
    ['with * of an unknown match type', [detail(['subscribe'], [{ match: '*', match_type: 'regexp' }])]],
    ['with a detail without actions', [...ALL, { type: DETAIL, topics: [{ match: 'a' }] }]],
    ['with a detail of empty actions', [...ALL, detail([], ['a'])]],
    ['with a detail without topics', [...ALL, { type: DETAIL, actions: ['publish'] }]],
    ['with a detail of empty topics', [...ALL, detail(['publish'], [])]],
    ['with an entry without match', [...ALL, detail(['publish'], [{ match_type: 'exact' }])]],
    ['with an entry whose match is no text', [...ALL, detail(['publish'], [{ match: 1 }])]],
    ['with a pattern that is malformed', [detail(['publish'], [{ match: '{a', match_type: 'urlpattern' }])]],
    [
      'with too many topics',
      [
        detail(
          ['publish'],
          Array.from({ length: 101 }, (_, index) => `t${index}`),
        ),
      ],
    ],
    ['with too many details', Array.from({ length: 101 }, () => detail(['fly'], ['a']))],
    ['with a match that is too long', [detail(['publish'], ['x'.repeat(1025)])]],
    ['with a payload that is too large', [detail(['publish'], ['a'], 'x'.repeat(5000))]],
    ['whose details are no array', { type: DETAIL }],
  ])(
    '%s is answered 401 invalid_token, where anonymous subscribers are allowed, too',
    async (_what, details, parts) => {
      const hub = await startMercure({ dialects: ['new'] });
      for (const reply of await answers(hub, await newToken(details, parts))) {
        expect([reply.status, challengeOf(reply)]).toEqual([401, INVALID]);
      }
    },
  );

  test('that cannot be understood is told why, with what it has', async () => {
    const hub = await startMercure();
    const detailOf = async (details: object): Promise<string> => {
      const [reply] = await answers(hub, await newToken([details]));
      return (JSON.parse(reply?.text ?? '{}') as { detail: string }).detail;
    };
    const of = (match_type: unknown): object => detail(['subscribe'], [{ match: 'a', match_type }]);
    expect(await detailOf(of('regexp'))).toContain('has the match_type "regexp"; known are exact and urlpattern');
    expect(await detailOf(of([1]))).toContain('has the match_type [1]; known');
    expect(await detailOf({ type: 'other' })).toContain('are of the type "other", and none is of');
  });

  test('covers the same topics whatever host and scheme its sender names', async () => {
    const issuer = { issuer: ISSUER, keys: [{ secret: SECRET }], audience: HUB_URL };
    const hub = await startMercure({}, { publicUrl: undefined, tokens: { issuers: [issuer] } });
    const topics = ['https://tenant.example/*', '/open/:name'].map((match) => ({ match, match_type: 'urlpattern' }));
    const token = bearer(await newToken([detail(['publish', 'subscribe'], topics)]));
    const told = { ...token, host: 'tenant.example', 'x-forwarded-proto': 'https' };
    for (const headers of [token, told]) {
      const publish = (topic: string): Promise<Reply> =>
        post(
          hub,
          [
            ['topic', topic],
            ['data', 'x'],
            ['private', ''],
          ],
          headers,
        );
      expect((await publish('payroll')).status).toBe(403);
      expect((await publish('/open/1')).status).toBe(200);
      expect((await publish('https://tenant.example/1')).status).toBe(200);
    }
    await hub.hub.publish('payroll', { data: 'secret' }, { private: true });
    await hub.hub.publish('payroll', { data: 'last' });
    const listener = await subscribe(hub, 'match=payroll&last_event_id=earliest', told);
    await listener.until(() => listener.data.includes('last'));
    expect(listener.data).toEqual(['last']);
  });

  test('of one issuer is not tried with the key of another', async () => {
    const other = 'https://other.example';
    const issuers = [
      { issuer: ISSUER, keys: [{ secret: SECRET }] },
      { issuer: other, keys: [{ text: pemOf(KEY_PAIRS.ES256.publicKey) }] },
    ];
    const hub = await startMercure({}, { tokens: { issuers } });
    const own = { header: { alg: 'ES256' }, key: KEY_PAIRS.ES256.privateKey, claims: { iss: other } };
    expect((await answers(hub, await newToken(ALL, own))).map(({ status }) => status)).toEqual([200, 200]);
    const stolen = await newToken(ALL, { ...own, claims: { iss: ISSUER } });
    expect((await answers(hub, stolen)).map(({ status }) => status)).toEqual([401, 401]);
    expect((await answers(hub, await newToken(ALL, { claims: { iss: other } }))).map(({ status }) => status)).toEqual([
      401, 401,
    ]);
  });

  test('gives what everyone may do, too', async () => {
    const hub = await startMercure({}, { anonymous: 'all' });
    for (const token of [await newToken([{ type: 'other' }]), await oldToken({ subscribe: ['b'] })]) {
      expect((await answers(hub, token)).map(({ status }) => status)).toEqual([200, 200]);
    }
  });

  test('of another kind lets nobody subscribe where anonymous subscribers are not allowed', async () => {
    const hub = await startMercure({}, { anonymous: 'none' });
    const reply = await hub.ask('HEAD', `${ROOT}?match=a`, { headers: bearer(await newToken([{ type: 'other' }])) });
    expect([reply.status, challengeOf(reply)]).toEqual([
      403,
      `Bearer error="insufficient_scope", ${RESOURCE_METADATA}`,
    ]);
    const foreign = await post(hub, [['topic', 'a']], bearer(await newToken([{ type: 'other' }])));
    expect([foreign.status, foreign.text]).toEqual([
      403,
      expect.stringMatching(/of the type .*other.*, and none is of/),
    ]);
    const nobody = await hub.ask('HEAD', `${ROOT}?match=a`);
    expect([nobody.status, challengeOf(nobody)]).toEqual([401, `Bearer ${RESOURCE_METADATA}`]);
    const publisher = await hub.ask('HEAD', `${ROOT}?match=a`, {
      headers: bearer(await newToken([detail(['publish'], ['a'])])),
    });
    expect(publisher.status).toBe(200);
  });
});

describe('a token of the old dialect', () => {
  test.each<[what: string, claim: unknown, parts?: TokenParts]>([
    ['without a type, an issuer, an audience and an end', { publish: ['*'] }, { header: { typ: undefined } }],
    ['of any type', { publish: ['*'] }, { header: { typ: 'JWT' } }],
    ['of the type at+jwt', { publish: ['*'] }, { header: { typ: 'at+jwt' } }],
    ['with the claim of the long name', undefined, { claims: { 'https://mercure.rocks/': { publish: ['*'] } } }],
    ['with a template', { publish: ['{id}'] }],
    ['that has not expired', { publish: ['a'] }, { claims: { exp: now + 60, nbf: now - 60 } }],
    [
      'with times that have parts of a second, as lcobucci/jwt of PHP writes them',
      { publish: ['a'], subscribe: [] },
      { claims: { exp: now + 60.123_456, iat: now - 0.5, nbf: now - 1.5 } },
    ],
  ])('%s is taken', async (_what, claim, parts) => {
    const hub = await startMercure();
    expect((await post(hub, [['topic', 'a']], bearer(await oldToken(claim, parts)))).status).toBe(200);
  });

  test.each<[what: string, status: number, claim: unknown, parts?: TokenParts]>([
    ['that has expired', 401, { publish: ['*'] }, { claims: { exp: now - 1 } }],
    ['that is not valid yet', 401, { publish: ['*'] }, { claims: { nbf: now + 60 } }],
    ['with another secret', 401, { publish: ['*'] }, { key: Buffer.from('another secret of at least 32 bytes') }],
    ['whose claim is no object', 401, 'all'],
    ['whose topics are no array', 401, { publish: '*' }],
    ['with a topic that is no text', 401, { publish: ['*', 1] }],
    ['with too many topics', 401, { publish: Array.from({ length: 101 }, (_, index) => `t${index}`) }],
    ['without a grant', 403, { publish: ['b'], subscribe: ['*'] }],
    ['without a claim', 403, undefined],
  ])('%s is answered %d', async (_what, status, claim, parts) => {
    const hub = await startMercure();
    const reply = await post(hub, [['topic', 'a']], bearer(await oldToken(claim, parts)));
    expect([reply.status, challengeOf(reply) === undefined]).toEqual([status, false]);
  });

  test('is any JWS that a key of the hub is for, and one of two secrets', async () => {
    const other = 'another secret of at least 32 bytes';
    const keys = [{ secret: SECRET }, { secret: other }, { text: pemOf(KEY_PAIRS.ES256.publicKey) }];
    const hub = await startMercure({}, { tokens: { issuers: [{ keys }] } });
    const claim = { publish: ['*'] };
    const tokens = await Promise.all([
      oldToken(claim),
      oldToken(claim, { key: Buffer.from(other) }),
      oldToken(claim, { header: { alg: 'ES256' }, key: KEY_PAIRS.ES256.privateKey }),
    ]);
    const statuses = await Promise.all(
      tokens.map(async (token) => (await post(hub, [['topic', 'a']], bearer(token))).status),
    );
    expect(statuses).toEqual([200, 200, 200]);
  });

  test('is not taken by a hub that speaks the new dialect alone', async () => {
    const hub = await startMercure({ dialects: ['new'] });
    expect((await post(hub, [['topic', 'a']], bearer(await oldToken({ publish: ['*'] })))).status).toBe(401);
    expect((await hub.ask('GET', `${ROOT}?topic=a`)).status).toBe(400);
  });

  test('and of the new dialect at once is of the one that its type says', async () => {
    const hub = await startMercure();
    const claims = { mercure: { publish: ['old'] } };
    const both = await newToken([detail(['publish'], ['new'])], { claims });
    const untyped = await newToken([detail(['publish'], ['new'])], { claims, header: { typ: 'JWT' } });
    const statuses = async (token: string): Promise<readonly number[]> =>
      await Promise.all(
        ['new', 'old'].map(async (topic) => (await post(hub, [['topic', topic]], bearer(token))).status),
      );
    expect([await statuses(both), await statuses(untyped)]).toEqual([
      [200, 403],
      [403, 200],
    ]);
  });
});

describe('a token is carried', () => {
  const status = async (hub: TestHub, path: string, headers: Record<string, string>): Promise<number> =>
    (await hub.ask('HEAD', `${ROOT}?${path}`, { headers })).status;
  const strict = (): Promise<TestHub> => startMercure({}, { anonymous: 'none' });

  test('by Authorization: Bearer, whose scheme is in any case', async () => {
    const hub = await strict();
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect(await status(hub, 'match=a', { authorization: `${scheme} ${await allToken()}` })).toBe(200);
  });

  test('by a cookie of either name', async () => {
    const hub = await strict();
    expect(await status(hub, 'match=a', { cookie: `x=y; __Secure-mercure_access_token=${await allToken()}` })).toBe(
      200,
    );
    expect(
      await status(hub, 'topic=a', { cookie: `mercureAuthorization=${await oldToken({ subscribe: ['*'] })}` }),
    ).toBe(200);
    expect(await status(hub, 'match=a', { cookie: '__Secure-mercure_access_token=rubbish' })).toBe(401);
  });

  test('by a cookie of a name of one’s own', async () => {
    const hub = await startMercure({ cookies: { old: 'auth' } }, { anonymous: 'none' });
    const token = await oldToken({ subscribe: ['*'] });
    expect(await status(hub, 'topic=a', { cookie: `auth=${token}` })).toBe(200);
    expect(await status(hub, 'topic=a', { cookie: `mercureAuthorization=${token}` })).toBe(401);
  });

  test('by the query, in the old dialect alone', async () => {
    const hub = await strict();
    const token = await oldToken({ subscribe: ['*'], publish: ['*'] });
    expect(await status(hub, `topic=a&authorization=${token}`, {})).toBe(200);
    const reply = await hub.ask('GET', `${ROOT}?match=a&authorization=${token}`);
    expect([reply.status, challengeOf(reply)]).toEqual([400, `Bearer error="invalid_request", ${RESOURCE_METADATA}`]);
    expect(reply.text).not.toContain(token);
    expect((await hub.ask('QUERY', `${ROOT}?authorization=${token}`)).status).toBe(400);
    expect((await hub.ask('GET', `${ROOT}?topic=a&authorization=${await allToken()}`)).status).toBe(400);
    const published = await hub.ask('POST', `${ROOT}?authorization=${token}`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'topic=a',
    });
    expect(published.status).toBe(200);
  });

  test('by the header field before the query, and by that before the cookie', async () => {
    const hub = await strict();
    const good = await oldToken({ subscribe: ['*'] });
    expect(
      await status(hub, 'topic=a&authorization=bad', {
        authorization: `Bearer ${good}`,
        cookie: 'mercureAuthorization=bad',
      }),
    ).toBe(200);
    expect(await status(hub, `topic=a&authorization=${good}`, { cookie: 'mercureAuthorization=bad' })).toBe(200);
    expect(await status(hub, 'topic=a&authorization=bad', { cookie: `mercureAuthorization=${good}` })).toBe(401);
    expect(await status(hub, 'match=a', { authorization: 'Bearer bad', cookie: `mercureAuthorization=${good}` })).toBe(
      401,
    );
    expect(await status(hub, 'match=a', { authorization: 'Basic eDp5', cookie: `mercureAuthorization=${good}` })).toBe(
      200,
    );
  });

  test.each(['Bearer', 'Bearer ', 'Bearer a b'])('400 invalid_request for %j', async (authorization) => {
    const hub = await startMercure();
    const reply = await hub.ask('GET', `${ROOT}?match=a`, { headers: { authorization } });
    expect([reply.status, problemOf(reply), challengeOf(reply)]).toEqual([
      400,
      'invalid-parameter',
      `Bearer error="invalid_request", ${RESOURCE_METADATA}`,
    ]);
  });
});

describe('a connection', () => {
  test.each(['new', 'old'] as const)('ends no later than its token, of the %s dialect', async (dialect) => {
    const clock = new ManualClock(Date.now());
    const hub = await startMercure({}, { clock });
    const exp = Math.floor(clock.time() / 1000) + 60;
    const token =
      dialect === 'new'
        ? await newToken(ALL, { claims: { exp } })
        : await oldToken({ subscribe: ['*'] }, { claims: { exp } });
    const listener = await subscribe(hub, dialect === 'new' ? 'match=*' : 'topic=*', bearer(token));
    await update(hub, 'a', 'before', [['private', 'on']]);
    await listener.take(1);
    clock.advance(61_000);
    expect(await listener.end()).toBe('complete');
    expect(listener.events.at(-1)?.type).toBe('tidings-expired');
  });

  test('ends when its token is revoked', async () => {
    const hub = await startMercure({}, { key: 'a key of the hub'.replaceAll(' ', '-') });
    const listener = await subscribe(hub, 'match=*', bearer(await newToken(ALL, { claims: { jti: 'stolen' } })));
    const headers = { ...bearer('a-key-of-the-hub'), 'content-type': 'application/json' };
    expect((await hub.ask('POST', '/revocations', { headers, body: '{"jti":"stolen"}' })).status).toBe(201);
    await listener.end();
    const reply = await hub.ask('HEAD', `${ROOT}?match=*`, {
      headers: bearer(await newToken(ALL, { claims: { jti: 'stolen' } })),
    });
    expect([reply.status, challengeOf(reply)]).toEqual([401, INVALID]);
  });
});

describe('what the hub itself knows', () => {
  const KEY = 'a-key-of-sixteen-characters';

  test('a key allows everything', async () => {
    const hub = await startMercure({ subscriptions: true }, { key: KEY, anonymous: 'none' });
    const listener = await subscribe(hub, 'match=*', bearer(KEY));
    await listener.until(() => listener.events.length > 0);
    expect(
      (
        await post(
          hub,
          [
            ['topic', 'a'],
            ['private', 'on'],
            ['data', 'x'],
          ],
          bearer(KEY),
        )
      ).status,
    ).toBe(200);
    await listener.until(() => listener.data.includes('x'));
    expect((await hub.ask('GET', `${ROOT}/subscriptions`, { headers: bearer(KEY) })).status).toBe(200);
    const wrong = await post(hub, [['topic', 'a']], bearer(`${KEY}x`));
    expect([wrong.status, challengeOf(wrong)]).toEqual([401, INVALID]);
  });

  test('a hub without tokens serves who is anonymous, and its keys', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'listen', faces: [mercure()] });
    expect((await hub.ask('HEAD', `${ROOT}?match=a`)).status).toBe(200);
    expect((await post(hub, [['topic', 'a']], bearer(KEY))).status).toBe(200);
    const wrong = await post(hub, [['topic', 'a']], bearer('a-wrong-key-of-the-hub'));
    expect([wrong.status, challengeOf(wrong)]).toEqual([
      401,
      expect.stringMatching(/^Bearer error="invalid_token", resource_metadata=/),
    ]);
    // Nobody checks it.
    expect((await hub.ask('HEAD', `${ROOT}?match=a`, { headers: { cookie: 'mercureAuthorization=x' } })).status).toBe(
      200,
    );
  });

  test('a function of the program decides here, too', async () => {
    const rights = { allow: true, subject: 'ann', listen: ['a'], publish: ['a'] } as const;
    const hub = await startHub({ authenticate: () => rights, faces: [mercure()] });
    const statuses = await Promise.all(
      ['match=a', 'match=b', 'match=*'].map(async (query) => (await hub.ask('HEAD', `${ROOT}?${query}`)).status),
    );
    expect(statuses).toEqual([200, 403, 403]);
    expect((await post(hub, [['topic', 'b']], {})).status).toBe(403);
  });

  test('a token of the hub’s own allows what it says', async () => {
    const hub = await startMercure({}, { anonymous: 'none' });
    const token = bearer(await makeToken({ publish: ['a'], listen: ['a'] }));
    expect(
      (
        await post(
          hub,
          [
            ['topic', 'a'],
            ['private', 'on'],
          ],
          token,
        )
      ).status,
    ).toBe(200);
    expect((await post(hub, [['topic', 'b']], token)).status).toBe(403);
    expect((await hub.ask('HEAD', `${ROOT}?match=a`, { headers: token })).status).toBe(200);
    expect((await hub.ask('HEAD', `${ROOT}?match=b`, { headers: token })).status).toBe(403);
  });
});

describe('the metadata', () => {
  test('name the resource, the issuers, the type of details, the cookie and what is optional', async () => {
    const hub = await startMercure({ subscriptions: true });
    const reply = await hub.ask('GET', METADATA, { headers: bearer('rubbish') });
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(reply.text)).toEqual({
      resource: HUB_URL,
      authorization_servers: [ISSUER],
      authorization_details_types_supported: [DETAIL],
      bearer_methods_supported: ['header'],
      mercure_cookie: '__Secure-mercure_access_token',
      mercure_matcher_types_supported: ['exact', 'urlpattern'],
      mercure_subscriptions: true,
    });
  });

  test('leave out what the hub has not', async () => {
    const hub = await startMercure({}, { tokens: undefined });
    const document = JSON.parse((await hub.ask('GET', METADATA)).text) as object;
    expect(document).not.toHaveProperty('authorization_servers');
    expect(document).toMatchObject({ mercure_subscriptions: false });
  });

  test('are of the new dialect', async () => {
    const hub = await startMercure({ dialects: ['old'] });
    expect((await hub.ask('GET', METADATA)).status).toBe(404);
    expect(challengeOf(await post(hub, [['topic', 'a']], {}))).toBe('Bearer');
  });

  test('of a hub below a path are below it', async () => {
    const hub = await startMercure({}, { publicUrl: 'https://hub.example/live/' });
    const reply = await hub.ask('GET', `/live${METADATA}`);
    expect((JSON.parse(reply.text) as { resource: string }).resource).toBe(
      'https://hub.example/live/.well-known/mercure',
    );
    expect(challengeOf(await post(hub, [['topic', 'a']], {}))).toBe(
      `Bearer resource_metadata="https://hub.example/live${METADATA}"`,
    );
  });
});
