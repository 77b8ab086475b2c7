import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { post, received, ROOT, startMercure, subscribe, update } from './mercure-hub.ts';
import { problemOf } from './test-hub.ts';

const query = (...pairs: readonly (readonly [string, string])[]): string =>
  new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();

describe('a subscriber of the new dialect', () => {
  test.each<[what: string, query: string, got: readonly string[]]>([
    ['match is match_exact: a topic with that text', query(['match', 'a']), ['a']],
    ['match_exact is a topic with that text', query(['match_exact', 'books/1']), ['books/1']],
    ['match with the text of a pattern is no pattern', query(['match', 'books/:id']), []],
    [
      'match_urlpattern has patterns that are resolved against the URL of the hub, as topics are',
      query(['match_urlpattern', 'books/:id']),
      ['books/1', 'books/2', 'https://hub.example/.well-known/books/3'],
    ],
    [
      'match_urlpattern may be absolute',
      query(['match_urlpattern', 'https://example.com/:x']),
      ['https://example.com/a'],
    ],
    [
      'several matchers select what any of them does, once',
      query(['match', 'a'], ['match_urlpattern', 'books/1'], ['match_exact', 'a']),
      ['a', 'books/1'],
    ],
    [
      'match=* selects every topic',
      query(['match', '*']),
      ['a', 'books/1', 'books/2', 'https://hub.example/.well-known/books/3', 'https://example.com/a', 'urn:x:y'],
    ],
    [
      '* selects every topic as a pattern, too',
      query(['match_urlpattern', '*']),
      ['a', 'books/1', 'books/2', 'https://hub.example/.well-known/books/3', 'https://example.com/a', 'urn:x:y'],
    ],
    ['other parameters are ignored', query(['match', 'a'], ['foo', 'b']), ['a']],
  ])('%s', async (_what, asked, got) => {
    const hub = await startMercure();
    const listener = await subscribe(hub, `${asked}&match=last`);
    for (const topic of [
      'a',
      'books/1',
      'books/2',
      'https://hub.example/.well-known/books/3',
      'https://example.com/a',
      'urn:x:y',
    ])
      await update(hub, topic, topic);
    expect(await received(listener, () => update(hub, 'last', 'last'))).toEqual(got);
    expect([listener.response.statusCode, listener.response.headers['content-type']]).toEqual([
      200,
      'text/event-stream',
    ]);
  });

  test.each<[what: string, query: string]>([
    ['another name that begins with match', 'match_regexp=a'],
    ['a name that begins with match in another case', 'match=a&Match=b'],
    ['MATCH alone', 'MATCH=a'],
    ['topic and match at once', 'topic=a&match=b'],
    ['a malformed pattern', 'match_urlpattern=%7Ba'],
    ['a pattern with a regular expression', 'match_urlpattern=(a)'],
    ['a control character', 'match=a%01'],
    ['a format character', 'match=a%E2%80%8Bb'],
    ['a format character in a pattern', 'match_urlpattern=a%C2%AD'],
    ['a matcher that is too long', `match=${'a'.repeat(1025)}`],
    ['a pattern that is too long', `match_urlpattern=${'a'.repeat(1025)}`],
    ['too many matchers', Array.from({ length: 101 }, (_, index) => `match=${index}`).join('&')],
    [
      'patterns that take too many steps together',
      Array.from(
        { length: 90 },
        (_, index) => `match_urlpattern=${encodeURIComponent(`{${index}a}*`.repeat(60))}`,
      ).join('&'),
    ],
    ['an empty matcher', 'match='],
    ['no matcher', 'last_event_id=a'],
  ])('400 for %s', async (_what, asked) => {
    const hub = await startMercure();
    const reply = await hub.ask('GET', `${ROOT}?${asked}`);
    expect([reply.status, problemOf(reply)]).toEqual([
      400,
      expect.stringMatching(/^invalid-parameter|too-many-matchers$/),
    ]);
  });

  test('QUERY has a form that is joined with the parameters of the URL', async () => {
    const hub = await startMercure();
    await update(hub, 'a', 'old', [['id', 'one']]);
    await update(hub, 'b', 'new', [['id', 'two']]);
    // Of two last_event_id the URL's counts.
    const open = await openQuery(hub.port, `${ROOT}?match=a&last_event_id=one`, 'match=b&last_event_id=two');
    await open.until(() => open.data.length === 1);
    expect([open.data, open.response.headers['mercure-last-event-id']]).toEqual([['new'], 'one']);
  });

  test('QUERY may have all in its form, in either dialect, and not a bit of each', async () => {
    const hub = await startMercure();
    await update(hub, 'a', 'old', [['id', 'one']]);
    await update(hub, 'a', 'new');
    for (const form of ['match=a&last_event_id=one', 'topic=a&lastEventID=one']) {
      expect(await (await openQuery(hub.port, ROOT, form)).take(1)).toEqual(['new']);
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const mixed = await hub.ask('QUERY', `${ROOT}?topic=a`, { headers, body: 'match=a' });
    expect([mixed.status, problemOf(mixed)]).toEqual([400, 'invalid-parameter']);
  });

  test('the answer links to the hub', async () => {
    const hub = await startMercure();
    const { response } = await subscribe(hub, 'match=a');
    expect(response.headers.link).toBe('<https://hub.example/.well-known/mercure>; rel="mercure"');
  });
});

/** Opens a stream with QUERY and a form. */
async function openQuery(port: number, path: string, body: string): Promise<Listener> {
  return await Listener.query(port, path, body, { 'content-type': 'application/x-www-form-urlencoded' });
}

describe('a subscriber of the old dialect', () => {
  test.each<[what: string, query: string, got: readonly string[]]>([
    ['topic=* selects every topic', query(['topic', '*']), ['a', 'books/1', 'books/{id}', 'b?x=1']],
    ['topic is a text', query(['topic', 'a']), ['a']],
    ['topic is a URI template', query(['topic', 'books/{id}']), ['books/1', 'books/{id}']],
    ['a template has every level of RFC 6570', query(['topic', 'b{?x}']), ['b?x=1']],
    [
      'a template equals itself',
      query(['topic', '{+any}{id}'], ['topic', 'books/{id}']),
      ['a', 'books/1', 'books/{id}', 'b?x=1'],
    ],
    ['what is no valid template is a text', query(['topic', 'books/{id']), []],
  ])('%s', async (_what, asked, got) => {
    const hub = await startMercure();
    const listener = await subscribe(hub, `${asked}&topic=last`);
    for (const topic of ['a', 'books/1', 'books/{id}', 'b?x=1']) await update(hub, topic, topic);
    expect(await received(listener, () => update(hub, 'last', 'last'))).toEqual(got);
  });

  test('an invalid template matches the topic with its text', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, query(['topic', 'books/{id']));
    await update(hub, 'books/{id', 'x');
    expect(await listener.take(1)).toEqual(['x']);
  });

  test('an update of several topics comes once to who asks for any of them', async () => {
    const hub = await startMercure();
    const listener = await subscribe(hub, query(['topic', 'books/{id}'], ['topic', 'alternate'], ['topic', 'last']));
    await post(hub, [
      ['topic', 'canonical'],
      ['topic', 'alternate'],
      ['topic', 'books/1'],
      ['data', 'x'],
    ]);
    expect(await received(listener, () => update(hub, 'last', 'last'))).toEqual(['x']);
  });
});

describe('one hub', () => {
  test('what Mercure publishes topics hears, and the other way round', async () => {
    const hub = await startMercure({}, { anonymous: 'all' });
    const here = await subscribe(hub, 'match=a');
    const there = await Listener.open(hub.port, '/topics/a');
    const id = await update(hub, 'a', 'one');
    const other = await hub.publish('a', 'two');
    expect([await here.take(2), await there.take(2)]).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ]);
    expect(id.slice(1)).toBe(there.published[0]!.lastEventId);
    expect(here.published.map(({ lastEventId }) => lastEventId)).toEqual([id, `#${other}`]);
  });

  test('a page of an allowed origin may read Link and the cursor, and send QUERY', async () => {
    const hub = await startMercure({}, { allowedOrigins: ['https://app.example'] });
    const headers = { origin: 'https://app.example' };
    const { response } = await subscribe(hub, 'match=a&last_event_id=x', headers);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-credentials': 'true',
    });
    const exposed = response.headers['access-control-expose-headers']?.split(', ');
    expect(exposed).toEqual(expect.arrayContaining(['Link', 'Mercure-Last-Event-ID']));
    const preflight = await hub.ask('OPTIONS', ROOT, {
      headers: { ...headers, 'access-control-request-method': 'QUERY' },
    });
    expect(preflight.headers['access-control-allow-methods']).toContain('QUERY');
    const old = await subscribe(hub, 'topic=a&lastEventID=x', headers);
    expect(old.response.headers['access-control-expose-headers']).toContain('Last-Event-ID');
    const strange = await hub.ask('HEAD', `${ROOT}?match=a`, { headers: { origin: 'https://evil.example' } });
    expect(strange.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('429 where a sender has as many listeners as it may', async () => {
    const hub = await startMercure({}, { limits: { maxListenersPerAddress: 1 } });
    await subscribe(hub, 'match=a');
    const reply = await hub.ask('GET', `${ROOT}?match=a`);
    expect([reply.status, problemOf(reply)]).toEqual([429, 'too-many-listeners-of-address']);
  });

  test('429 where the hub has as many listeners as it may, too', async () => {
    const hub = await startMercure({}, { limits: { maxListeners: 1 } });
    await subscribe(hub, 'match=a');
    const reply = await hub.ask('GET', `${ROOT}?match=a`);
    expect([reply.status, problemOf(reply), reply.headers['retry-after']]).toEqual([429, 'too-many-listeners', '5']);
    expect((JSON.parse(reply.text) as { status: number }).status).toBe(429);
    expect((await hub.ask('GET', '/topics/a')).status).toBe(503);
  });

  test('a connection ends after its longest life, also without a token', async () => {
    const hub = await startMercure({ maxConnectionMs: 50 });
    const listener = await subscribe(hub, 'match=a');
    await listener.until(
      () => listener.ended === 'complete' || listener.events.some(({ type }) => type === 'tidings-expired'),
    );
    expect(listener.events.at(-1)?.type).toBe('tidings-expired');
  });
});
