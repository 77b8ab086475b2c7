import type { Authentication, Rights } from '@tidings/server';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type TestHub, type TestHubOptions } from './test-hub.ts';

const PUBLIC_URL = 'https://hub.example';
const BASE = `${PUBLIC_URL}/topics/`;

/** A hub whose senders name themselves; who is not in the list is nobody. */
function hubOf(people: Readonly<Record<string, Authentication>>, options: TestHubOptions = {}): Promise<TestHub> {
  return startHub({
    publicUrl: PUBLIC_URL,
    authenticate: (request) => people[request.header('x-person') ?? ''] ?? { allow: true, listen: [] },
    ...options,
  });
}

const as = (person: string): Record<string, string> => ({ 'x-person': person });

/** The status of a request, and the name of its problem where it is refused. */
async function outcome(hub: TestHub, method: string, path: string, person: string): Promise<string> {
  if (method === 'POST') {
    const reply = await hub.ask(method, path, { headers: as(person), body: 'x' });
    return `${reply.status} ${problemOf(reply) ?? ''}`.trim();
  }
  const { response } = await Listener.open(hub.port, path, as(person));
  return String(response.statusCode);
}

describe('rights name topics', () => {
  const ANN: Rights = {
    allow: true,
    subject: 'ann',
    listen: ['a', { pattern: 'rooms/:room', base: BASE }],
    publish: ['a', { pattern: 'doors/:door', base: BASE }],
  };

  const CASES: readonly [method: string, path: string, expected: string][] = [
    ['GET', '/topics/a', '200'],
    ['GET', '/topics/b', '403'],
    ['GET', '/topics/rooms/1', '200'],
    ['GET', '/topics/rooms/1/2', '403'],
    ['GET', '/topics/doors/1', '403'],
    ['GET', '/topics?match=a&match=rooms/1', '200'],
    ['GET', '/topics?match=a&match=b', '403'],
    ['GET', '/topics?match_urlpattern=rooms/:room', '200'],
    ['GET', '/topics?match=a&match_urlpattern=rooms/:room', '200'],
    ['POST', '/topics/a', '200'],
    ['POST', '/topics/doors/1', '200'],
    ['POST', '/topics/b', '403 forbidden'],
    ['POST', '/topics/rooms/1', '403 forbidden'],
    // Patterns are compared as they are written: what they have in common with those of the rights is not worked out.
    ['GET', '/topics?match_urlpattern=rooms/:name', '403'],
    ['GET', '/topics?match_urlpattern=rooms/1', '403'],
    ['GET', '/topics?match_urlpattern=/topics/rooms/:room', '403'],
    ['GET', '/topics?match_urlpattern=*', '403'],
    ['GET', '/topics?match_urlpattern=rooms/:room&match_urlpattern=doors/:door', '403'],
    ['GET', '/topics', '403'],
  ];

  test.each(CASES)('%s %s is answered %s', async (method, path, expected) => {
    const hub = await hubOf({ ann: ANN });
    expect(await outcome(hub, method, path, 'ann')).toBe(expected);
  });

  test('of all topics, with which every pattern is allowed, and the list of topics', async () => {
    const hub = await hubOf({ ann: { allow: true, subject: 'ann' } });
    for (const path of [
      '/topics/a',
      '/topics?match_urlpattern=*',
      '/topics?match_urlpattern=a/:b&match=c',
      '/topics',
    ]) {
      expect(await outcome(hub, 'GET', path, 'ann')).toBe('200');
    }
    expect(await outcome(hub, 'POST', '/topics/a', 'ann')).toBe('403 forbidden');
  });

  test('with the pattern of all topics, which is what the list of topics takes', async () => {
    const hub = await hubOf({ ann: { allow: true, subject: 'ann', listen: [{ pattern: '*', base: BASE }] } });
    expect(await outcome(hub, 'GET', '/topics', 'ann')).toBe('200');
    expect(await outcome(hub, 'GET', '/topics?match_urlpattern=*', 'ann')).toBe('200');
    expect(await outcome(hub, 'GET', '/topics/a', 'ann')).toBe('200');
  });

  test('with the topic *, which is a topic of that name and no pattern', async () => {
    const hub = await hubOf({ ann: { allow: true, subject: 'ann', listen: ['*'] } });
    expect(await outcome(hub, 'GET', '/topics/*', 'ann')).toBe('200');
    const list = await hub.ask('GET', '/topics', { headers: as('ann') });
    expect(JSON.parse(list.text)).toMatchObject({
      status: 403,
      detail:
        'The rights of ann do not allow it to list the topics, which needs the right to listen to every topic that matches "*"',
    });
  });

  test.each([
    ['{', '"{"'],
    [`{${'x'.repeat(2000)}`, `"{${'x'.repeat(63)}…"`],
  ])('are asked for before the pattern %.10s is compiled', async (pattern, shown) => {
    const hub = await hubOf({ ann: { allow: true, subject: 'ann', listen: ['a'] } });
    const reply = await hub.ask('GET', `/topics?match_urlpattern=${encodeURIComponent(pattern)}`, {
      headers: as('ann'),
    });
    expect([problemOf(reply), JSON.parse(reply.text)]).toEqual([
      'forbidden',
      expect.objectContaining({ detail: expect.stringContaining(`matches ${shown}`) as string }),
    ]);
  });

  test('are missing: 401 where nobody said who asks, 403 where somebody did', async () => {
    const hub = await hubOf({ ann: { allow: true, subject: 'ann', listen: [] } });
    for (const [method, path] of [
      ['GET', '/topics/a'],
      ['GET', '/topics?match_urlpattern=*'],
      ['GET', '/topics'],
      ['POST', '/topics/a'],
    ] as const) {
      const nobody = await hub.ask(method, path, { headers: as('nobody') });
      expect([problemOf(nobody), nobody.headers['www-authenticate']]).toEqual(['unauthorized', 'Bearer']);
      expect(JSON.parse(nobody.text)).toMatchObject({
        title: 'The request has no valid credentials',
        detail: expect.stringMatching(
          /^The request has no credentials that allow it to (listen to|publish to|list) .*: send some, such as Authorization: Bearer <key>$/,
        ),
      });
      const ann = await hub.ask(method, path, { headers: as('ann') });
      expect([problemOf(ann), ann.headers['www-authenticate']]).toEqual(['forbidden', undefined]);
      expect((JSON.parse(ann.text) as { detail: string }).detail).toContain('The rights of ann do not allow it to');
    }
  });
});

describe('private events', () => {
  const ALL: Rights = { allow: true, subject: 'publisher', publish: 'all' };

  async function publishAll(hub: TestHub): Promise<void> {
    for (const [path, data] of [
      ['a?private', 'secret of a'],
      ['b?private', 'secret of b'],
      ['rooms/1?private', 'secret of a room'],
      ['b', 'open'],
      ['end', 'end'],
    ] as const) {
      await hub.publish(path, data, as('publisher'));
    }
  }

  const SEEN: readonly [of: string, rights: Partial<Rights>, data: string[]][] = [
    ['no topic', {}, ['open', 'end']],
    ['one topic', { private: ['a'] }, ['secret of a', 'open', 'end']],
    ['two topics', { private: ['a', 'b'] }, ['secret of a', 'secret of b', 'open', 'end']],
    ['a pattern', { private: [{ pattern: 'rooms/*', base: BASE }] }, ['secret of a room', 'open', 'end']],
    ['all topics', { private: 'all' }, ['secret of a', 'secret of b', 'secret of a room', 'open', 'end']],
  ];

  test('are given to those whose rights name their topics, live and from the log', async () => {
    const people = Object.fromEntries(
      SEEN.map(([of, rights]): [string, Rights] => [of, { allow: true, subject: of, ...rights }]),
    );
    const hub = await hubOf({ publisher: ALL, ...people });
    const open = (query: string, person: string): Promise<Listener> =>
      Listener.open(hub.port, `/topics?match=a&match=b&match=end&match_urlpattern=rooms/*${query}`, as(person));
    const live = await Promise.all(SEEN.map(([of]) => open('', of)));
    await publishAll(hub);
    const kept = await Promise.all(SEEN.map(([of]) => open('&last_event_id=earliest', of)));
    for (const listeners of [live, kept]) {
      for (const [index, [, , data]] of SEEN.entries()) {
        await listeners[index]!.until(() => listeners[index]!.data.at(-1) === 'end');
        expect(listeners[index]!.data).toEqual(data);
      }
    }
  });

  test('of a topic that the rights name are not given to somebody who may not listen to it', async () => {
    const hub = await hubOf({
      publisher: ALL,
      ann: { allow: true, subject: 'ann', listen: ['b', 'end'], private: ['a'] },
    });
    expect(await outcome(hub, 'GET', '/topics/a', 'ann')).toBe('403');
    const listener = await Listener.open(hub.port, '/topics?match=b&match=end', as('ann'));
    await publishAll(hub);
    expect(await listener.take(2)).toEqual(['open', 'end']);
  });
});

describe('a filter in the rights', () => {
  test('leaves out events, live and from the log', async () => {
    const even: Rights = { allow: true, subject: 'ann', publish: 'all', filter: ({ data }) => Number(data) % 2 === 0 };
    const hub = await hubOf({ ann: even });
    const live = await Listener.open(hub.port, '/topics/a', as('ann'));
    for (let n = 1; n <= 6; n += 1) await hub.publish('a', String(n), as('ann'));
    expect(await live.take(3)).toEqual(['2', '4', '6']);
    const kept = await Listener.open(hub.port, '/topics/a?last_event_id=earliest', as('ann'));
    expect(await kept.take(3)).toEqual(['2', '4', '6']);
  });
});
