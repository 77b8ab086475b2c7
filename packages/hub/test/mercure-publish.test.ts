import { request } from 'node:http';
import { PassThrough } from 'node:stream';
import { ManualClock } from '@tidings/server/log/testing';
import { describe, expect, test } from 'vitest';
import {
  allToken,
  challengeOf,
  detail,
  newToken,
  oldToken,
  post,
  ROOT,
  RESOURCE_METADATA,
  startMercure,
  subscribe,
  update,
  type Fields,
} from './mercure-hub.ts';
import { Listener } from './listener.ts';
import { problemOf } from './test-hub.ts';
import { bearer } from './token-maker.ts';

describe('an update that is published', () => {
  test('is answered 200, text/plain, with the id that was posted', async () => {
    const hub = await startMercure();
    const reply = await post(hub, [
      ['topic', 'a'],
      ['data', 'x'],
      ['id', 'id-["x"]'],
    ]);
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'id-["x"]',
    ]);
  });

  test('has an id of the hub that is a fragment, in both dialects', async () => {
    const hub = await startMercure();
    const other = await post(hub, [['topic', 'a']], bearer(await oldToken({ publish: ['*'] })));
    expect([await update(hub, 'a', 'x'), other.text]).toEqual([`#${hub.cursor(1)}`, `#${hub.cursor(2)}`].toReversed());
  });

  test.each(['order.42', 'order.42.0123456789abcdef', '~order.42', '~~order.42', '~', '~x', 'a~order.42'])(
    'may have the id %s, although the log has cursors of such a form',
    async (id) => {
      const hub = await startMercure({}, { anonymous: 'all' });
      const listener = await subscribe(hub, 'match=a');
      expect(await update(hub, 'a', 'x', [['id', id]])).toBe(id);
      await update(hub, 'a', 'y');
      expect(await listener.take(2)).toEqual(['x', 'y']);
      expect(listener.published[0]!.lastEventId).toBe(id);
      const again = await subscribe(hub, 'match=a', { 'last-event-id': id });
      expect([await again.take(1), again.response.headers['mercure-last-event-id']]).toEqual([['y'], id]);
      // The other face has it in a form that is no cursor, and takes that as well.
      const there = await Listener.open(hub.port, '/topics/a?lastEventId=earliest');
      await there.take(2);
      const back = await Listener.open(hub.port, '/topics/a', { 'last-event-id': there.published[0]!.lastEventId });
      expect(await back.take(1)).toEqual(['y']);
    },
  );

  test('is answered 400 for an id that is a cursor of the log, also one that it has not given yet', async () => {
    const hub = await startMercure();
    await update(hub, 'a', 'x');
    for (const id of [hub.cursor(1), hub.cursor(99), `${hub.cursor(1)}.0123456789abcdef`]) {
      const reply = await post(hub, [
        ['topic', 'a'],
        ['id', id],
      ]);
      expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
    }
    expect(hub.position.seq).toBe(1);
  });

  test('has topic, data, private, id, type and retry; unknown fields are ignored', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'topic=a', bearer(await allToken()));
    const more: Fields = [
      ['private', ''],
      ['id', 'urn:1'],
      ['type', 'paid'],
      ['retry', '1500'],
      ['foo', 'bar'],
      ['match', 'x'],
    ];
    await update(hub, 'a', 'x', more);
    await listener.until(() => listener.published.length === 1);
    expect(listener.published).toEqual([{ type: 'paid', data: 'x', lastEventId: 'urn:1' }]);
    expect(listener.retries).toEqual([1500]);
    expect(hub.position.seq).toBe(1);
  });

  test('has data that is split at CR, LF and CRLF', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=a');
    await update(hub, 'a', 'one\rtwo\nthree\r\nfour: \u0000é');
    await listener.until(() => listener.data.length === 1);
    expect(listener.data).toEqual(['one\ntwo\nthree\nfour: \u0000é']);
    expect(Buffer.from(listener.text, 'latin1').toString()).toContain(
      'data: one\ndata: two\ndata: three\ndata: four: ',
    );
  });

  test('may have no data', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=a');
    await post(hub, [['topic', 'a']]);
    expect(await listener.take(1)).toEqual(['']);
  });

  test.each<[value: string]>([['on'], ['off'], ['false'], ['']])('is private if private is %j', async (value) => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=*');
    await update(hub, 'a', 'secret', [['private', value]]);
    await update(hub, 'a', 'open');
    expect(await listener.take(1)).toEqual(['open']);
  });

  test.each<[what: string, fields: Fields]>([
    ['no topic', [['data', 'x']]],
    ['an empty topic', [['topic', '']]],
    ['the topic *', [['topic', '*']]],
    [
      'the topic * among others',
      [
        ['topic', 'a'],
        ['topic', '*'],
      ],
    ],
    ['the path of the hub', [['topic', '/.well-known/mercure']]],
    ['the URL of the hub', [['topic', 'https://hub.example/.well-known/mercure']]],
    ['a topic that is relative to the hub and resolves to it', [['topic', 'mercure']]],
    ['a query of the hub', [['topic', '?a']]],
    ['a path below that of the hub', [['topic', '/.well-known/mercure/subscriptions']]],
    [
      'such a path as an alternate',
      [
        ['topic', 'a'],
        ['topic', '/.well-known/mercure/x'],
      ],
    ],
    ['such a path on another host and scheme', [['topic', 'foo://other.example/.well-known/mercure/x?y#z']]],
    ['such a path with dot segments', [['topic', 'https://x.example/a/../.well-known/./mercure']]],
    ['such a path with encoded dot segments', [['topic', '/a/%2e%2e/.well-known/mercure/']]],
    ['such a path with unreserved characters that are escaped', [['topic', '/%2Ewell%2Dknown/%6Dercure/x']]],
    [
      'an id that begins with #',
      [
        ['topic', 'a'],
        ['id', '#x'],
      ],
    ],
    [
      'an id of the form of those that the hub makes',
      [
        ['topic', 'a'],
        ['id', '#abc.12'],
      ],
    ],
    [
      'the id earliest',
      [
        ['topic', 'a'],
        ['id', 'earliest'],
      ],
    ],
    [
      'the type mercure',
      [
        ['topic', 'a'],
        ['type', 'mercure'],
      ],
    ],
    ['a control character in a topic', [['topic', 'a\u0001']]],
    ['a format character in a topic', [['topic', 'a\u200D']]],
    [
      'a line end in an id',
      [
        ['topic', 'a'],
        ['id', 'a\nb'],
      ],
    ],
    [
      'a format character in an id',
      [
        ['topic', 'a'],
        ['id', 'a\u00AD'],
      ],
    ],
    [
      'NUL in a type',
      [
        ['topic', 'a'],
        ['type', 'a\u0000'],
      ],
    ],
    [
      'a format character in a type',
      [
        ['topic', 'a'],
        ['type', 'a\uFEFF'],
      ],
    ],
    [
      'a retry that is no digits',
      [
        ['topic', 'a'],
        ['retry', '1.5'],
      ],
    ],
  ])('is answered 400 for %s', async (_what, fields) => {
    const hub = await startMercure();
    const reply = await post(hub, fields);
    expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
    expect(hub.position.seq).toBe(0);
  });

  test.each([
    'mercures',
    '/.well-known/mercurex',
    'urn:.well-known/mercure',
    'https://hub.example/',
    '/.well-known/%2Fmercure',
  ])('may have the topic %j', async (topic) => {
    const hub = await startMercure();
    expect(await update(hub, topic, 'x')).toMatch(/^#/);
  });

  test.each<[what: string, body: string]>([
    ['percent-encoded', 'topic=a&data=%FF'],
    ['as it is', 'topic=a&data=\u00FF'],
  ])('is answered 400 for data that is not valid UTF-8, %s', async (_what, body) => {
    const hub = await startMercure();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...bearer(await allToken()) };
    const reply = await hub.ask('POST', ROOT, { headers, body: Buffer.from(body, 'latin1') });
    expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
  });

  test('may have a percent sign that encodes nothing, plus signs and UTF-8', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, 'match=a');
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8', ...bearer(await allToken()) };
    expect((await hub.ask('POST', ROOT, { headers, body: 'topic=a&data=100%+é%C3%A9%zz' })).status).toBe(200);
    expect(await listener.take(1)).toEqual(['100% éé%zz']);
  });

  test.each<[what: string, fields: Fields]>([
    [
      'the data',
      [
        ['topic', 'a'],
        ['data', 'x'.repeat(2001)],
      ],
    ],
    [
      'the body',
      [
        ['topic', 'a'],
        ['foo', 'x'.repeat(2 * 1024 * 1024)],
      ],
    ],
    ['a topic', [['topic', 'x'.repeat(1025)]]],
    [
      'an id',
      [
        ['topic', 'a'],
        ['id', 'x'.repeat(1025)],
      ],
    ],
    [
      'a type',
      [
        ['topic', 'a'],
        ['type', 'x'.repeat(1025)],
      ],
    ],
    ['the number of topics', Array.from({ length: 101 }, (_, index) => ['topic', `t${index}`] as const)],
    ['the number of fields', Array.from({ length: 1001 }, (): readonly [string, string] => ['a', ''])],
  ])('is answered 413 for the size of %s', async (_what, fields) => {
    const hub = await startMercure({}, { limits: { maxEventBytes: 2000 } });
    const reply = await post(hub, fields);
    expect([reply.status, problemOf(reply)]).toEqual([413, 'too-large']);
  });

  test('is answered 415 if it is no form', async () => {
    const hub = await startMercure();
    const headers = { 'content-type': 'application/json', ...bearer(await allToken()) };
    expect(problemOf(await hub.ask('POST', ROOT, { headers, body: '{}' }))).toBe('unsupported-type');
  });

  test('needs a grant on every topic that it names', async () => {
    const hub = await startMercure();
    const token = bearer(
      await newToken([detail(['publish'], ['a', { match: '/books/:id', match_type: 'urlpattern' }])]),
    );
    expect(
      (
        await post(
          hub,
          [
            ['topic', 'a'],
            ['topic', '/books/1'],
          ],
          token,
        )
      ).status,
    ).toBe(200);
    const reply = await post(
      hub,
      [
        ['topic', 'a'],
        ['topic', 'b'],
      ],
      token,
    );
    expect([reply.status, problemOf(reply)]).toEqual([403, 'forbidden']);
    expect(challengeOf(reply)).toBe(`Bearer error="insufficient_scope", ${RESOURCE_METADATA}`);
  });

  test('needs a grant to publish, not one to subscribe', async () => {
    const hub = await startMercure();
    const token = bearer(await newToken([detail(['subscribe'], ['*'])]));
    const reply = await post(hub, [['topic', 'a']], token);
    expect([reply.status, challengeOf(reply)]).toEqual([
      403,
      `Bearer error="insufficient_scope", ${RESOURCE_METADATA}`,
    ]);
  });

  test('is answered 429 where its sender has published as much as it may', async () => {
    const hub = await startMercure({}, { limits: { maxEventsPerSecond: 1 }, clock: new ManualClock(Date.now()) });
    const statuses: number[] = [];
    for (let count = 0; count < 20; count += 1) statuses.push((await post(hub, [['topic', 'a']])).status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
  });

  test('needs rights that still hold when its body has come', async () => {
    const key = 'a-key-of-the-hub-itself';
    const hub = await startMercure({}, { key });
    const token = await newToken([detail(['publish'], ['*'])], { claims: { jti: 'stolen' } });
    const body = new PassThrough();
    const sent = request({
      port: hub.port,
      method: 'POST',
      path: ROOT,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'transfer-encoding': 'chunked',
        expect: '100-continue',
        ...bearer(token),
      },
    });
    body.pipe(sent);
    // They are found as soon as its head has come.
    const answered = new Promise<number | undefined>((resolve) =>
      sent.on('response', ({ statusCode }) => resolve(statusCode)),
    );
    await new Promise<void>((resolve) => {
      sent.on('continue', () => resolve());
      sent.flushHeaders();
    });
    body.write('topic=a&');
    const headers = { ...bearer(key), 'content-type': 'application/json' };
    expect((await hub.ask('POST', '/revocations', { headers, body: '{"jti":"stolen"}' })).status).toBe(201);
    body.end('data=x');
    expect([await answered, hub.position.seq]).toEqual([401, 0]);
  });

  test('of a stranger is refused before its body is read', async () => {
    const hub = await startMercure();
    const reply = await post(hub, [['topic', '*']], {});
    expect([reply.status, challengeOf(reply)]).toEqual([401, `Bearer ${RESOURCE_METADATA}`]);
  });

  test('may be one of a hub that lets everyone publish', async () => {
    const hub = await startMercure({}, { anonymous: 'all' });
    expect((await post(hub, [['topic', 'a']], {})).status).toBe(200);
    const strange = await post(hub, [['topic', 'a']], { origin: 'https://evil.example' });
    expect([strange.status, problemOf(strange)]).toEqual([403, 'origin-not-allowed']);
  });
});

describe('an update with a cookie', () => {
  const hubOf = async (publishOrigins?: readonly string[]): ReturnType<typeof startMercure> =>
    await startMercure({ publishOrigins }, { allowedOrigins: ['https://app.example'] });

  test.each<[what: string, headers: Record<string, string>, publishOrigins: readonly string[] | undefined]>([
    ['of a page of an allowed origin', { origin: 'https://app.example' }, undefined],
    ['of a page of the hub', { origin: 'https://hub.example' }, undefined],
    ['with a Referer of an allowed origin', { referer: 'https://app.example/page' }, undefined],
    ['of an origin of publishOrigins', { origin: 'https://pub.example' }, ['https://pub.example']],
    ['with a Referer of publishOrigins', { referer: 'https://pub.example/x?y' }, ['https://pub.example']],
  ])('is taken %s', async (_what, headers, publishOrigins) => {
    const hub = await hubOf(publishOrigins);
    const reply = await post(hub, [['topic', 'a']], {
      ...headers,
      cookie: `__Secure-mercure_access_token=${await allToken()}`,
    });
    expect([reply.status, reply.text]).toEqual([200, expect.stringMatching(/^#/)]);
  });

  test.each<[what: string, headers: Record<string, string>, publishOrigins: readonly string[] | undefined]>([
    ['of no page', {}, undefined],
    ['of another page', { origin: 'https://evil.example' }, undefined],
    ['of no page, with publishOrigins', {}, ['https://pub.example']],
    ['of a page that publishOrigins has not', { origin: 'https://app.example' }, ['https://pub.example']],
    ['of a page without an origin', { origin: 'null', referer: 'https://pub.example/' }, ['https://pub.example']],
  ])('is answered 400 %s', async (_what, headers, publishOrigins) => {
    const hub = await hubOf(publishOrigins);
    for (const [name, token] of [
      ['__Secure-mercure_access_token', await allToken()],
      ['mercureAuthorization', await oldToken({ publish: ['*'] })],
    ]) {
      const reply = await post(hub, [['topic', 'a']], { ...headers, cookie: `${name}=${token}` });
      expect([reply.status, problemOf(reply), challengeOf(reply)]).toEqual([
        400,
        'invalid-parameter',
        `Bearer error="invalid_request", ${RESOURCE_METADATA}`,
      ]);
    }
  });
});
