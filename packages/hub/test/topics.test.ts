import { ManualClock } from '@tidings/server/log/testing';
import { SharedChunk } from '@tidings/server/live';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub } from './test-hub.ts';

/** Paths below /topics/ and the topics they name (PROTOCOL §3.1). */
const PATHS: readonly [path: string, topic: string][] = [
  ['a', 'a'],
  ['a/b', 'a/b'],
  ['a%2Fb', 'a/b'],
  ['a%2fb/c', 'a/b/c'],
  ['/a', '/a'],
  ['//host/a', '//host/a'],
  ['a%2F', 'a/'],
  ['a//b', 'a//b'],
  ['a%20b', 'a b'],
  ['a+b', 'a+b'],
  ['a%2Bb', 'a+b'],
  ['%C3%A4/%F0%9F%8E%89', 'ä/🎉'],
  ['a%252F', 'a%2F'],
  ['https://example.com/x%3Fy%23z', 'https://example.com/x?y#z'],
  ['a:b@c', 'a:b@c'],
  ['%C2%A0', '\u00A0'],
  ['%5C', '\\'],
  ['a'.repeat(1024), 'a'.repeat(1024)],
  ['%C3%A4'.repeat(512), 'ä'.repeat(512)],
];

/** Rests of a path that are no topic. */
const REFUSED: readonly [why: string, path: string][] = [
  ['bytes that are not UTF-8', 'a%FF'],
  ['an overlong encoding', '%C0%AF'],
  ['a surrogate in UTF-8', '%ED%A0%80'],
  ['a percent sign without digits', 'a%'],
  ['a percent sign with one digit', 'a%2'],
  ['NUL', 'a%00'],
  ['a line end', 'a%0Ab'],
  ['DEL', 'a%7F'],
  ['a C1 control character', 'a%C2%85'],
  ['a slash at its end', 'a/'],
  ['1,025 bytes', 'a'.repeat(1025)],
  ['1,025 bytes of two-byte letters', `${'%C3%A4'.repeat(512)}a`],
];

describe('a topic is a URL', () => {
  test.each(PATHS)('the path %s names the topic %s', async (path, topic) => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, `/topics?match=${encodeURIComponent(topic)}&last_event_id=earliest`);
    await hub.publish(path, 'x');
    expect(await listener.take(1)).toEqual(['x']);
    const onPath = await Listener.open(hub.port, `/topics/${path}?last_event_id=earliest`);
    expect(await onPath.take(1)).toEqual(['x']);
    const page = await hub.log.directory.list({ order: 'name', limit: 10 });
    expect(page.topics.map((summary) => summary.topic)).toEqual([topic]);
  });

  test.each(['topic=%ff', 'topic=%ED%A0%80', 'topic=a&id=%fa', 'topic=a&type=%fb', 'topic=a&%80'])(
    'a query that is not UTF-8 is refused: %s',
    async (query) => {
      const hub = await startHub();
      for (const method of ['GET', 'POST']) {
        const { status, text } = await hub.ask(method, `/topics?${query}`);
        expect([status, text]).toEqual([400, expect.stringContaining('The query is not valid UTF-8 after decoding')]);
      }
    },
  );

  test('a percent sign that encodes nothing stands for itself in a query', async () => {
    const hub = await startHub();
    await hub.ask('POST', '/topics?topic=100%&type=%zz%C3%A4', { body: 'x' });
    const page = await hub.log.directory.list({ order: 'name', limit: 10 });
    expect(page.topics.map((summary) => summary.topic)).toEqual(['100%']);
  });

  test.each(REFUSED)('a path with %s is refused', async (_, path) => {
    const hub = await startHub();
    for (const method of ['GET', 'POST']) {
      const reply = await hub.ask(method, `/topics/${path}`);
      expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-topic']);
    }
    expect(hub.position.seq).toBe(0);
  });

  test('a slash at the end of a path is answered with what was most likely meant', async () => {
    const hub = await startHub();
    const reply = await hub.ask('POST', '/topics/a%20b/', { body: 'x' });
    expect(JSON.parse(reply.text)).toMatchObject({ detail: expect.stringContaining('did you mean /topics/a%20b?') });
  });

  test.each(['PATCH', 'QUERY'])('%s of a topic is not allowed', async (method) => {
    const hub = await startHub();
    const reply = await hub.ask(method, '/topics/a');
    expect([reply.status, reply.headers['allow']]).toEqual([405, 'GET, HEAD, POST, PUT, DELETE, OPTIONS']);
  });

  test.each(['PUT', 'DELETE'])('%s of all topics is not allowed', async (method) => {
    const hub = await startHub();
    const reply = await hub.ask(method, '/topics');
    expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-topic']);
  });
});

describe('listening to many topics', () => {
  /** What matchers select of the topics below (PROTOCOL §3.4). */
  const TOPICS = [
    'sensors/kitchen',
    'sensors/kitchen/oven',
    'sensors',
    'doors/front',
    'a b',
    'https://example.com/x',
    'ä',
  ];
  const SELECTED: readonly [query: string, topics: string[]][] = [
    ['match=sensors', ['sensors']],
    ['match=sensors/:room', []],
    ['match=sensors&match=doors/front', ['sensors', 'doors/front']],
    ['match=doors/front&match=doors/front', ['doors/front']],
    ['match=a+b&match=%C3%A4', ['a b', 'ä']],
    ['match_urlpattern=sensors/:room', ['sensors/kitchen']],
    ['match_urlpattern=sensors/*', ['sensors/kitchen', 'sensors/kitchen/oven']],
    ['match_urlpattern=/topics/sensors', ['sensors']],
    ['match_urlpattern=:one', ['sensors', 'a b', 'ä']],
    ['match_urlpattern=https://example.com/*', ['https://example.com/x']],
    ['match_urlpattern=%C3%A4', ['ä']],
    ['match_urlpattern=sensors/:room&match=sensors/kitchen', ['sensors/kitchen']],
    ['match_urlpattern=sensors/*&match_urlpattern=*/kitchen&match=sensors', TOPICS.slice(0, 3)],
    ['match_urlpattern=nothing/*', []],
  ];

  test.each(SELECTED)('%s selects its topics, each event once', async (query, topics) => {
    const hub = await startHub();
    const live = await Listener.open(hub.port, `/topics?${query}&match=end`);
    for (const topic of TOPICS) await hub.publish(encodeURIComponent(topic), topic);
    await hub.publish('end', 'end');
    await live.until(() => live.data.at(-1) === 'end');
    expect(live.data).toEqual([...topics, 'end']);
    const kept = await Listener.open(hub.port, `/topics?${query}&match=end&last_event_id=earliest`);
    await kept.until(() => kept.data.at(-1) === 'end');
    expect(kept.data).toEqual([...topics, 'end']);
  });

  test('relative patterns resolve against the public URL where the hub has one', async () => {
    const hub = await startHub({ anonymous: 'all', publicUrl: 'https://events.example' });
    const query = 'match_urlpattern=https://events.example/topics/a/*&match_urlpattern=b/*';
    const listener = await Listener.open(hub.port, `/topics?${query}`);
    for (const topic of ['c', 'b/1', 'a/1']) await hub.publish(topic, topic);
    expect(await listener.take(2)).toEqual(['b/1', 'a/1']);
  });

  test.each([
    ['a/*/*/*', 'a/1/2/3'],
    [':a+/:b+/:c+', 'a/b/c'],
    ['x/:a-:b', 'x/1-2'],
  ])('the pattern %s matches the topic %s', async (pattern, topic) => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, `/topics?match_urlpattern=${encodeURIComponent(pattern)}`);
    for (const each of ['other', topic]) await hub.publish(each, each);
    expect(await listener.take(1)).toEqual([topic]);
  });

  /** What is not allowed in patterns, or is none. */
  const REFUSED_PATTERNS: readonly [why: string, pattern: string][] = [
    ['a regular expression', 'a/(x|y)'],
    ['a regular expression for a name', ':id(\\d+)'],
    ['more than 1,024 characters', 'a'.repeat(1025)],
    ['an unclosed group', 'a/{b'],
  ];

  test.each(REFUSED_PATTERNS)('a pattern with %s is refused', async (_, pattern) => {
    const hub = await startHub();
    const reply = await hub.ask('GET', `/topics?match_urlpattern=${encodeURIComponent(pattern)}`);
    expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
  });

  test('a matcher that is no topic is refused', async () => {
    const hub = await startHub();
    for (const topic of ['', 'a%0A', 'a'.repeat(1025)]) {
      expect(problemOf(await hub.ask('GET', `/topics?match=${topic}`))).toBe('invalid-topic');
    }
  });

  test('the worst pattern that is allowed stays cheap on the longest topic', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics?match_urlpattern=*a*b&match=end');
    const before = process.cpuUsage();
    for (let n = 0; n < 20; n += 1) await hub.publish('a'.repeat(1024), 'x');
    await hub.publish('end', 'end');
    expect(await listener.take(1)).toEqual(['end']);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(5000);
  });
});

interface TopicsDocument {
  readonly topics: { topic: string; state: string; events: number; bytes: number; listeners: number; last: string }[];
  readonly total: number;
  readonly cursor: string;
  readonly epoch: string;
}

describe('what topics there are', () => {
  test('is a document, sorted by the newest event, with who listens', async () => {
    let time = Date.parse('2026-01-02T03:04:05.678Z');
    const hub = await startHub({ now: () => time });
    await Listener.open(hub.port, '/topics/old');
    await Listener.open(hub.port, '/topics?match=old&match=none');
    await Listener.open(hub.port, '/topics?match_urlpattern=*');
    await hub.publish('new', '1');
    await hub.publish('old', '22');
    time += 1000;
    await hub.publish('new?close', '3');
    const reply = await hub.ask('GET', '/topics');
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'application/json']);
    // What an event costs is the log's business.
    const kept = await hub.log.directory?.list({ order: 'time', limit: 2 });
    const [newest, old] = kept?.topics.map(({ bytes }) => bytes) ?? [];
    expect(JSON.parse(reply.text)).toEqual({
      topics: [
        {
          topic: 'new',
          state: 'closed',
          events: 2,
          bytes: newest,
          listeners: 1,
          last: '2026-01-02T03:04:06.678Z',
        },
        { topic: 'old', state: 'open', events: 1, bytes: old, listeners: 3, last: '2026-01-02T03:04:05.678Z' },
      ],
      total: 2,
      cursor: hub.cursor(3),
      epoch: hub.epoch,
    });
  });

  test('holds at most 1,000 topics and says how many there are', async () => {
    let time = 0;
    const hub = await startHub({ now: () => (time += 1), retention: {} });
    await Promise.all(
      Array.from({ length: 1002 }, (_, n) => hub.log.append([{ topics: [`t${n}`], fields: { data: '' } }])),
    );
    await hub.publish('newest', '');
    const document = JSON.parse((await hub.ask('GET', '/topics')).text) as TopicsDocument;
    expect([document.topics.length, document.total, document.topics[0]?.topic]).toEqual([1000, 1003, 'newest']);
  });

  test('finds topics by the beginnings of their names, a page at a time', async () => {
    const hub = await startHub();
    const names = [
      'a',
      'a!',
      'a/b',
      'aé',
      'a\u{e000}',
      'a\u{ffff}',
      'a\u{1f389}',
      'b',
      'z',
      '\u{e000}',
      '\u{10ffff}',
      '\u{10ffff}a',
    ];
    await hub.log.append(names.map((topic) => ({ topics: [topic], fields: { data: '' } })));
    const search = async (query: Record<string, string>): Promise<string[]> => {
      const reply = await hub.ask('GET', `/topics?${new URLSearchParams(query).toString()}`);
      const { topics, total } = JSON.parse(reply.text) as TopicsDocument;
      expect([reply.status, total]).toEqual([200, names.length]);
      return topics.map(({ topic }) => topic);
    };
    for (const prefix of ['', 'a', 'a/', 'aé', 'b', 'c', 'zz', '\u{e000}', '\u{10ffff}']) {
      const expected = names.filter((name) => name.startsWith(prefix));
      expect(await search({ prefix })).toEqual(expected);
      const [first = '', ...others] = expected;
      if (first !== '') expect(await search({ prefix, after: first })).toEqual(others);
      expect(await search({ prefix, after: expected.at(-1) ?? 'zzz' })).toEqual([]);
    }
    await hub.log.append(Array.from({ length: 1001 }, (_, n) => ({ topics: [`n${n}`], fields: { data: '' } })));
    names.push(...Array.from({ length: 1001 }, (_, n) => `n${n}`));
    const page = await search({ prefix: 'n' });
    expect(page).toHaveLength(1000);
    expect(await search({ prefix: 'n', after: page.at(-1)! })).toEqual(['n999']);
  });

  test('is a stream: one document at once, then one whenever something has changed, at most one a second', async () => {
    const clock = new ManualClock(Date.now());
    const hub = await startHub({ clock });
    const stream = await Listener.open(hub.port, '/topics', { accept: 'text/event-stream' });
    expect(stream.response.headers['content-type']).toBe('text/event-stream');
    const document = (index: number): TopicsDocument => JSON.parse(stream.events[index]!.data) as TopicsDocument;
    await stream.take(1);
    expect(document(0).topics).toEqual([]);
    for (let n = 1; n <= 50; n += 1) await hub.publish('a', String(n));
    // Nothing comes before the second is over, whatever is published.
    expect(stream.events).toHaveLength(1);
    clock.advance(1000);
    await stream.take(2);
    expect(document(1).topics[0]?.events).toBe(50);
    const before = stream.events.length;
    await Listener.open(hub.port, '/topics/a');
    clock.advance(1000);
    await stream.take(before + 1);
    expect(document(before).topics[0]).toMatchObject({ topic: 'a', listeners: 1 });
    expect(new Set(stream.events.map(({ type }) => type))).toEqual(new Set(['topics']));
  });

  test('is one document for all its streams, encoded once', async () => {
    const encoded = vi.spyOn(SharedChunk, 'fromText');
    onTestFinished(() => encoded.mockRestore());
    const documents = (): number => encoded.mock.calls.filter(([text]) => text.startsWith('event: topics\n')).length;
    const clock = new ManualClock(Date.now());
    const hub = await startHub({ clock });
    const open = (): Promise<Listener> => Listener.open(hub.port, '/topics', { accept: 'text/event-stream' });
    const streams = [await open(), await open(), await open()];
    await Promise.all(streams.map((stream) => stream.take(1)));
    clock.advance(1000);
    const before = documents();
    await hub.publish('a', 'x');
    const counts = streams.map(({ events }) => events.length);
    clock.advance(1000);
    await Promise.all(streams.map((stream, index) => stream.take(counts[index]! + 1)));
    expect(documents() - before).toBe(1);
    expect(new Set(streams.map(({ events }) => events.at(-1)!.data)).size).toBe(1);
  });

  test('refuses what is not known there', async () => {
    const hub = await startHub();
    expect(problemOf(await hub.ask('GET', '/topics?matches=a'))).toBe('invalid-parameter');
    expect(problemOf(await hub.ask('GET', '/topics?last=1'))).toBe('invalid-parameter');
    expect(problemOf(await hub.ask('GET', '/topics?prefix=a&match=a'))).toBe('invalid-parameter');
    expect(problemOf(await hub.ask('GET', `/topics?prefix=${'a'.repeat(1025)}`))).toBe('invalid-topic');
  });
});

test('a misspelled parameter of the list is refused with those that there are', async () => {
  const hub = await startHub();
  const reply = await hub.ask('GET', '/topics?prefx=a');
  expect([problemOf(reply), (JSON.parse(reply.text) as { detail: string }).detail]).toEqual([
    'invalid-parameter',
    'There is no query parameter "prefx"; allowed are match, match_urlpattern, prefix, after; did you mean prefix?',
  ]);
});

test.each([
  ['pattern=sensors/*', 'did you mean match_urlpattern?'],
  ['urlpattern=*', 'did you mean match_urlpattern?'],
  ['topics=a', 'did you mean match?'],
  ['pattern=*&last=3', 'did you mean match_urlpattern?'],
  [
    'last=3&type=warning',
    'The query parameter last is for listening, and nothing says to which topics: add match or match_urlpattern',
  ],
  ['limit=3', 'The query parameter limit is for listening'],
])('the list of topics is not asked for with %s: %s', async (query, hint) => {
  const reply = await (await startHub()).ask('GET', `/topics?${query}`);
  expect(problemOf(reply)).toBe('invalid-parameter');
  expect(JSON.parse(reply.text)).toMatchObject({ detail: expect.stringContaining(hint) });
});

test('a topic that was only created is not listed', async () => {
  const hub = await startHub();
  expect((await hub.ask('PUT', '/topics/a')).status).toBe(201);
  expect(JSON.parse((await hub.ask('GET', '/topics')).text)).toMatchObject({ topics: [], total: 0 });
  expect((await hub.ask('HEAD', '/topics/a')).headers['tidings-state']).toBe('open');
});
