import { Hub, MemoryLog } from '@tidings/hub';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, problemOf, serve, startHub, type Reply, type TestHub } from './test-hub.ts';

interface Page {
  readonly events: readonly {
    readonly id: string;
    readonly topic: string;
    readonly type: string;
    readonly data: string;
    readonly time: string;
  }[];
  readonly gap?: { readonly after: string; readonly resumedAt: string; readonly reason: string };
  readonly next: string;
}

const JSON_ONLY = { accept: 'application/json' };
const KEY = 'a-key-of-the-hub';

async function get(hub: { readonly port: number }, path: string, headers = {}): Promise<Reply> {
  const reply = await ask(hub.port, 'GET', path, { headers: { ...JSON_ONLY, ...headers } });
  if (reply.status !== 200) throw new Error(`${path} was answered ${reply.status}: ${reply.text}`);
  return reply;
}

async function page(hub: { readonly port: number }, path: string, headers = {}): Promise<Page> {
  return JSON.parse((await get(hub, path, headers)).text) as Page;
}

function dataOf({ events }: Page): string {
  return events.map(({ data }) => data).join(' ');
}

async function publish(hub: TestHub, topic: string, count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await hub.publish(topic, String(n));
}

describe('a page', () => {
  test('has the events of a topic from the earliest on, and where the next one begins', async () => {
    const now = Date.UTC(2026, 10, 28, 10);
    const hub = await startHub({ now: () => now });
    await hub.publish('a?type=added&id=mine', 'one\ntwo');
    await hub.publish('b', 'other');
    await hub.publish('a', '{"n":1}');
    const reply = await get(hub, '/topics/a');
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      vary: 'Accept',
    });
    const time = '2026-11-28T10:00:00.000Z';
    expect(JSON.parse(reply.text)).toEqual({
      events: [
        { id: 'mine', topic: 'a', type: 'added', data: 'one\ntwo', time },
        { id: hub.cursor(3), topic: 'a', type: 'message', data: '{"n":1}', time },
      ],
      next: hub.cursor(3),
      state: 'open',
    });
  });

  test.each<[accept: string | undefined, isPage: boolean]>([
    [undefined, false],
    ['*/*', false],
    ['text/event-stream', false],
    ['text/html,application/xhtml+xml,*/*;q=0.8', false],
    ['application/json, text/event-stream', false],
    ['application/json;q=0.5, text/event-stream', false],
    ['application/json', true],
    ['application/*', true],
    ['application/json, text/plain, */*', true],
    ['application/json, text/event-stream;q=0.5', true],
    ['*/*, text/event-stream;q=0', true],
  ])('is the answer to Accept: %s? %s', async (accept, isPage) => {
    const hub = await startHub();
    for (const path of ['/topics/a', '/topics?match=a']) {
      const listener = await Listener.open(hub.port, path, accept === undefined ? {} : { accept });
      expect(listener.response.headers['content-type']).toBe(isPage ? 'application/json' : 'text/event-stream');
    }
  });

  test('is asked for with the cursors and parameters of a stream, and a stream goes on after it', async () => {
    const hub = await startHub();
    await publish(hub, 'a', 5);
    await hub.publish('b?type=x', 'b');
    const all = '/topics?match=a&match=b';
    expect(dataOf(await page(hub, `/topics/a?lastEventId=${hub.cursor(2)}`))).toBe('3 4 5');
    expect(dataOf(await page(hub, '/topics/a', { 'last-event-id': hub.cursor(3) }))).toBe('4 5');
    expect(dataOf(await page(hub, '/topics/a?last=2'))).toBe('4 5');
    expect(dataOf(await page(hub, `${all}&type=x`))).toBe('b');
    expect(dataOf(await page(hub, `${all}&since=1h`))).toBe('1 2 3 4 5 b');
    expect(dataOf(await page(hub, `/topics?match_urlpattern=:any&limit=2`))).toBe('1 2');
    const { next } = await page(hub, `${all}&limit=4`);
    const listener = await Listener.open(hub.port, `${all}&lastEventId=${next}`);
    expect(await listener.take(2)).toEqual(['5', 'b']);
    const now = await page(hub, '/topics/a?last=0');
    expect(now).toEqual({ events: [], next: hub.cursor(6), state: 'open' });
  });

  test('leads to the next one until all events have been read, each once', async () => {
    const hub = await startHub();
    await publish(hub, 'a', 10);
    const read: string[] = [];
    let next = 'earliest';
    for (;;) {
      const found: Page = await page(hub, `/topics/a?limit=3&lastEventId=${next}`);
      if (found.events.length === 0) break;
      read.push(dataOf(found));
      ({ next } = found);
    }
    expect(read).toEqual(['1 2 3', '4 5 6', '7 8 9', '10']);
    expect(next).toBe(hub.cursor(10));
  });

  test('ends before its limit if its events are large, and has at least one', async () => {
    const hub = await startHub();
    for (let n = 0; n < 3; n += 1) await hub.publish('a', 'x'.repeat(500_000));
    await hub.publish('a', 'y'.repeat(1024 * 1024));
    const lengths: number[][] = [];
    for (let next = 'earliest'; ;) {
      const found = await page(hub, `/topics/a?lastEventId=${next}`);
      if (found.events.length === 0) break;
      lengths.push(found.events.map(({ data }) => data.length));
      ({ next } = found);
    }
    expect(lengths).toEqual([[500_000, 500_000], [500_000], [1024 * 1024]]);
  });

  test('has a hundred events unless it is asked for more or fewer', async () => {
    const hub = await startHub();
    const body = Array.from({ length: 150 }, (_, n) => `data: ${n + 1}\n\n`).join('');
    await hub.publish('a', body, { 'content-type': 'text/event-stream', 'idempotency-key': 'k' });
    const first = await page(hub, '/topics/a');
    expect([first.events.length, first.next]).toEqual([100, hub.cursor(100)]);
    expect((await page(hub, `/topics/a?lastEventId=${first.next}`)).events.length).toBe(50);
    for (const limit of [1, 99, 101]) {
      expect((await page(hub, `/topics/a?limit=${limit}`)).events.length).toBe(limit);
    }
    expect((await page(hub, '/topics/a?limit=1000')).events.length).toBe(150);
  });

  test('of an unknown topic is empty', async () => {
    const hub = await startHub();
    expect(await page(hub, '/topics/nobody')).toEqual({ events: [], next: hub.cursor(0), state: 'unknown' });
  });

  test('is answered to HEAD without a body', async () => {
    const hub = await startHub();
    await hub.publish('a', 'x');
    const reply = await hub.ask('HEAD', '/topics/a', { headers: JSON_ONLY });
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([200, 'application/json', '']);
    // What HEAD tells of a topic does not depend on what is accepted. This is what axios sends.
    for (const accept of [JSON_ONLY.accept, 'application/json, text/plain, */*', 'text/event-stream', '*/*']) {
      const { headers } = await hub.ask('HEAD', '/topics/a', { headers: { accept } });
      expect([headers['tidings-state'], headers['tidings-events'], headers['tidings-keep']]).toEqual([
        'open',
        '1',
        'all',
      ]);
    }
  });

  test.each([
    ...['0', '1001', '-1', 'x', '1e3', '9'.repeat(20)].map((limit) => [
      `limit=${limit}`,
      `limit is "${limit}"; allowed is a whole number from 1 to 1000`,
    ]),
    ['last=10001', 'last is "10001"; allowed is a whole number from 0 to 10000'],
    ['wait=30', 'wait is "30"; allowed is a number with a unit (ms, s, m, h, d, w), such as 30s, of at most 1m'],
    ['wait=61s', 'wait is "61s"'],
    ['limt=1', 'There is no query parameter "limt"; allowed are'],
  ])('with %s is refused', async (query, detail) => {
    const hub = await startHub();
    const reply = await hub.ask('GET', `/topics/a?${query}`, { headers: JSON_ONLY });
    expect([problemOf(reply), reply.text]).toEqual([
      'invalid-parameter',
      expect.stringContaining(JSON.stringify(detail).slice(1, -1)),
    ]);
  });

  test('is not what a request with a parameter of streams asks for, and a stream has no parameters of pages', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a?heartbeat=comment', JSON_ONLY);
    expect(listener.response.headers['content-type']).toBe('text/event-stream');
    const both = { accept: 'application/json, text/event-stream' };
    const asked =
      'ask for it with Accept: application/json, without text/event-stream or with a greater weight than that';
    for (const [path, headers, how] of [
      ['/topics/a?limit=5', {}, asked],
      ['/topics/a?limit=5', both, asked],
      ['/topics/a?wait=5s&envelope=json', JSON_ONLY, 'leave envelope out, which only streams have'],
    ] as const) {
      const reply = await hub.ask('GET', path, { headers });
      expect([problemOf(reply), reply.text]).toEqual([
        'invalid-parameter',
        expect.stringContaining(`is for a page: ${how}`),
      ]);
    }
  });
});

describe('a gap in pages', () => {
  test('is at the beginning of the page whose events are missing', async () => {
    const hub = await startHub({ retention: { perTopic: [{ topics: ['a'], maxEvents: 2 }] } });
    await publish(hub, 'a', 5);
    await hub.log.trim();
    expect(await page(hub, `/topics/a?lastEventId=${hub.cursor(1)}`)).toMatchObject({
      events: [{ data: '4' }, { data: '5' }],
      gap: { after: hub.cursor(1), resumedAt: hub.cursor(3), reason: 'trimmed' },
      next: hub.cursor(5),
    });
    expect(await page(hub, '/topics/a')).not.toHaveProperty('gap');
    expect(await page(hub, `/topics/a?lastEventId=${hub.cursor(3)}`)).not.toHaveProperty('gap');
  });

  test.each([
    ['nobody', 'unknown'],
    ['other1.4', 'foreign'],
    ['$.9', 'ahead'],
  ])('tells why the place of %s is not known', async (id, reason) => {
    const hub = await startHub();
    await publish(hub, 'a', 2);
    const sent = id.replace('$', hub.epoch);
    const found = await page(hub, `/topics/a?lastEventId=${sent}`);
    expect(found.gap).toEqual({ after: sent, resumedAt: hub.cursor(0), reason });
    expect(dataOf(found)).toBe('1 2');
  });
});

describe('pages that follow each other', () => {
  /** The data and the reasons of gaps of all pages behind each other, each page begun where the one before it says. */
  async function walk(hub: TestHub, path: string, between = async (): Promise<unknown> => undefined): Promise<string> {
    const seen: string[] = [];
    let [found, start] = [await page(hub, path), ''];
    for (;;) {
      if (found.gap) seen.push(found.gap.reason);
      seen.push(...found.events.map(({ data }) => data));
      if (found.events.length === 0 && found.next === start) return seen.join(' ');
      await between();
      start = found.next;
      const more = path.replace(/(lastEventId|last)=[^&]*&?/g, '');
      found = await page(hub, `${more}${more.includes('?') ? '&' : '?'}lastEventId=${start}`);
    }
  }

  async function publishTo(hub: TestHub, ...topics: readonly string[]): Promise<void> {
    for (const [index, topic] of topics.entries()) await hub.publish(topic, String(index + 1));
  }

  const BOTH = '/topics?match=a&match=b';

  test.each(['lastEventId=earliest', 'last=50'])(
    'are told no gap of what was deleted before the first (%s)',
    async (start) => {
      const hub = await startHub();
      await publishTo(hub, ...Array.from({ length: 6 }, () => ['a', 'b']).flat());
      await hub.ask('DELETE', '/topics/b');
      for (const limit of [1, 2, 3, 100])
        expect(await walk(hub, `${BOTH}&${start}&limit=${limit}`)).toBe('1 3 5 7 9 11');
      // Who had come before the deletion is told it once.
      for (const limit of [1, 2, 100]) {
        expect(await walk(hub, `${BOTH}&lastEventId=${hub.cursor(4)}&limit=${limit}`)).toBe('deleted 5 7 9 11');
      }
    },
  );

  test('are told no gap of what was trimmed before the first', async () => {
    const hub = await startHub({ retention: { perTopic: [{ topics: ['b'], maxEvents: 1 }] } });
    await publishTo(hub, ...Array.from({ length: 6 }, () => ['a', 'b']).flat());
    await hub.log.trim?.();
    for (const limit of [1, 2, 100])
      expect(await walk(hub, `${BOTH}&lastEventId=earliest&limit=${limit}`)).toBe('1 3 5 7 9 11 12');
  });

  test('are told what is removed between two of them, and nothing twice', async () => {
    const hub = await startHub({ retention: { perTopic: [{ topics: ['b', 'c'], maxEvents: 1 }] } });
    await publishTo(hub, 'a', 'b', 'a', 'b', 'a', 'b', 'a', 'c', 'a');
    let rounds = 0;
    const between = async (): Promise<void> => {
      rounds += 1;
      // An event that another topic loses is no gap here.
      if (rounds === 1) await hub.publish('c', 'x');
      if (rounds === 2) await hub.publish('b', 'y');
    };
    expect(await walk(hub, `${BOTH}&lastEventId=earliest&limit=1`, between)).toBe('1 3 trimmed 5 7 9 y');
  });

  test('show nothing of what they leave out', async () => {
    const hub = await startHub({
      key: KEY,
      anonymous: 'listen',
      retention: { perTopic: [{ topics: ['secret'], maxEvents: 1 }] },
    });
    const headers = { authorization: `Bearer ${KEY}` };
    for (const topic of ['a', 'b', 'a', 'b', 'a']) await hub.publish(topic, 'x', headers);
    await hub.ask('DELETE', '/topics/b', { headers });
    const next = async (): Promise<string> => (await page(hub, `${BOTH}&lastEventId=earliest&limit=1`)).next;
    const before = await next();
    expect(before).toMatch(/\.1\.[0-9a-f]{16}$/);
    for (let n = 0; n < 5; n += 1) await hub.publish('secret?private', 'x', headers);
    await hub.publish('a?private', 'x', headers);
    await hub.log.trim();
    expect(await next()).toBe(before);
  });

  test('lead to a stream that goes on where they end', async () => {
    const hub = await startHub();
    await publishTo(hub, 'a', 'b', 'a', 'b', 'a');
    await hub.ask('DELETE', '/topics/b');
    const { next } = await page(hub, `${BOTH}&lastEventId=earliest&limit=1`);
    const listener = await Listener.open(hub.port, `${BOTH}&lastEventId=${next}`);
    expect(await listener.take(2)).toEqual(['3', '5']);
    expect(listener.events.map(({ type }) => type)).not.toContain('tidings-gap');
  });

  test('are told again what is missing when the numbering has begun anew, and a publisher gives no event such an id', async () => {
    const hub = await startHub();
    await publishTo(hub, 'a', 'b', 'a');
    await hub.ask('DELETE', '/topics/b');
    const { next } = await page(hub, `${BOTH}&lastEventId=earliest&limit=1`);
    expect(next).toMatch(/^[a-z0-9]+\.1\.[0-9a-f]{16}$/);
    const elsewhere = next.replace(/^[a-z0-9]+/, 'other');
    expect(await page(hub, `${BOTH}&lastEventId=${elsewhere}`)).toMatchObject({
      gap: { reason: 'foreign', after: 'other.1' },
    });
    const refused = await hub.ask('POST', `/topics/a?id=${next}`, { body: 'x' });
    expect([refused.status, problemOf(refused)]).toEqual([400, 'invalid-event']);
  });
});

describe('private events', () => {
  test('are in no page of others, which is told no position past the newest public event', async () => {
    const hub = await startHub({ key: 'a-key-of-the-hub', anonymous: 'listen' });
    const headers = { authorization: 'Bearer a-key-of-the-hub' };
    await hub.publish('a', 'open', headers);
    await hub.publish('a?private', 'secret', headers);
    expect(await page(hub, '/topics/a')).toMatchObject({ events: [{ data: 'open' }], next: hub.cursor(1) });
    expect(await page(hub, `/topics/a?lastEventId=${hub.cursor(1)}`)).toEqual({
      events: [],
      next: hub.cursor(1),
      state: 'open',
    });
    expect(dataOf(await page(hub, '/topics/a', headers))).toBe('open secret');
  });

  test('and events that a filter leaves out are passed over', async () => {
    const hub = await startHub({
      authenticate: () => ({ allow: true, publish: 'all', filter: ({ data }) => data !== '2' }),
    });
    await publish(hub, 'a', 3);
    expect(dataOf(await page(hub, '/topics/a'))).toBe('1 3');
    const { next } = await page(hub, '/topics/a?limit=1');
    expect(dataOf(await page(hub, `/topics/a?lastEventId=${next}`))).toBe('3');
  });

  test('and are not counted: of the last events those come that pass', async () => {
    const hub = await startHub({
      authenticate: () => ({ allow: true, publish: 'all', filter: ({ data }) => Number(data) % 20 === 0 }),
    });
    await publish(hub, 'a', 100);
    for (const [last, expected] of [
      [0, ''],
      [1, '100'],
      [2, '80 100'],
      [5, '20 40 60 80 100'],
      [50, '20 40 60 80 100'],
    ] as const) {
      expect(dataOf(await page(hub, `/topics/a?last=${last}`))).toBe(expected);
    }
    const listener = await Listener.open(hub.port, '/topics/a?last=2');
    expect(await listener.take(2)).toEqual(['80', '100']);
    const events = hub.hub.events({
      topics: ['a'],
      last: 2,
      rights: { allow: true, filter: ({ data }) => data < '2' },
    });
    const first = await events.next();
    expect(first.value).toMatchObject({ data: '19' });
    await events.return();
  });

  test('and their ids are known to nobody who does not get them', async () => {
    const hub = await startHub({
      authenticate: () => ({ allow: true, publish: 'all', filter: ({ data }) => data !== 'hidden' }),
    });
    await hub.publish('a?id=shown', 'shown');
    await hub.publish('a?id=own', 'hidden');
    await hub.publish('a', '3');
    const unknown = await page(hub, '/topics/a?lastEventId=nosuch');
    expect(unknown).toMatchObject({ gap: { reason: 'unknown' } });
    const hidden = await page(hub, '/topics/a?lastEventId=own');
    expect(hidden).toEqual({ ...unknown, gap: { ...unknown.gap, after: 'own' } });
    expect(dataOf(await page(hub, '/topics/a?lastEventId=shown'))).toBe('3');
  });

  test('rights have to cover what is asked for', async () => {
    const hub = await startHub({ authenticate: () => ({ allow: true, subject: 'ann', listen: ['b'] }) });
    const reply = await hub.ask('GET', '/topics/a', { headers: JSON_ONLY });
    expect([reply.status, problemOf(reply)]).toEqual([403, 'forbidden']);
  });
});

describe('?wait=', () => {
  test('keeps the request until there is an event', async () => {
    const hub = await startHub();
    await hub.publish('b', 'elsewhere');
    const waiting = page(hub, `/topics/a?wait=60s&lastEventId=${hub.cursor(1)}`);
    await expect.poll(() => hub.hub.stats().listeners).toBe(1);
    await hub.publish('b', 'elsewhere');
    await hub.publish('a', 'x');
    expect(await waiting).toMatchObject({ events: [{ data: 'x', id: hub.cursor(3) }], next: hub.cursor(3) });
    await expect.poll(() => hub.hub.stats().listeners).toBe(0);
  });

  test('answers at once with events that are there, and with none when the time is over', async () => {
    const hub = await startHub();
    await hub.publish('a', 'x');
    expect(dataOf(await page(hub, '/topics/a?wait=60s'))).toBe('x');
    await hub.publish('b', 'elsewhere');
    expect(await page(hub, `/topics/a?wait=1ms&lastEventId=${hub.cursor(1)}`)).toEqual({
      events: [],
      next: hub.cursor(2),
      state: 'open',
    });
  });

  test('counts as a listener, which is gone when its client is', async () => {
    const hub = await startHub({ limits: { maxListeners: 1 } });
    const abort = new AbortController();
    const waiting = fetch(`${hub.url}/topics/a?wait=60s`, { headers: JSON_ONLY, signal: abort.signal }).catch(
      () => 'left',
    );
    await expect.poll(() => hub.hub.stats().listeners).toBe(1);
    expect(problemOf(await hub.ask('GET', '/topics/a', { headers: JSON_ONLY }))).toBe('too-many-listeners');
    abort.abort();
    expect(await waiting).toBe('left');
    await expect.poll(async () => (await hub.ask('GET', '/topics/a', { headers: JSON_ONLY })).status).toBe(200);
  });

  test('wakes many that wait for the same', async () => {
    const hub = await startHub();
    const waiting = Array.from({ length: 50 }, () => page(hub, '/topics?match_urlpattern=a/:n&last=0&wait=60s'));
    await expect.poll(() => hub.hub.stats().listeners).toBe(50);
    await hub.publish('a/1', 'x');
    expect(new Set((await Promise.all(waiting)).map(dataOf))).toEqual(new Set(['x']));
  });

  test('is answered when the hub shuts down', async () => {
    const hub = await startHub();
    const waiting = page(hub, '/topics/a?wait=60s');
    await expect.poll(() => hub.hub.stats().listeners).toBe(1);
    await hub.hub.close({ finishMs: 10_000 });
    expect(await waiting).toEqual({ events: [], next: hub.cursor(0), state: 'unknown' });
  });

  test('ends when its rights expire', async () => {
    const hub = await startHub({
      authenticate: () => ({ allow: true, expiresAt: Date.now() + 300 }),
    });
    const reply = await hub.ask('GET', '/topics/a?wait=60s', { headers: JSON_ONLY });
    expect([reply.status, problemOf(reply), reply.headers['retry-after']]).toEqual([503, 'broken-off', '1']);
  });
});

describe('a page of a closed topic', () => {
  test.each(['limit=100', 'limit=7', 'limit=21', 'limit=3&type=message'])(
    'says so only where nothing follows it: %s',
    async (query) => {
      const hub = await startHub();
      // More than a page has room for.
      for (let n = 1; n <= 20; n += 1) await hub.publish('a', 'x'.repeat(100_000));
      await hub.ask('POST', '/topics/a?close&type=done', { body: 'end' });
      let [next, count, pages] = ['earliest', 0, 0];
      for (let state: unknown = 'open'; state !== 'closed'; pages += 1) {
        const found = JSON.parse((await get(hub, `/topics/a?${query}&lastEventId=${next}`)).text) as Page & {
          state: string;
        };
        expect(found.events.length + (found.state === 'closed' ? 1 : 0)).toBeGreaterThan(0);
        [next, count, state] = [found.next, count + found.events.length, found.state];
      }
      expect(count).toBe(query.includes('type') ? 20 : 21);
      expect(pages).toBeGreaterThan(1);
      // Nobody waits behind it.
      const last = JSON.parse((await get(hub, `/topics/a?wait=60s&lastEventId=${next}`)).text) as Page;
      expect(last).toEqual({ events: [], next, state: 'closed' });
    },
  );
});

describe('a page that is full', () => {
  test('has a tag, and is not sent again to who has it', async () => {
    const hub = await startHub();
    await publish(hub, 'a', 3);
    const path = `/topics/a?limit=2&lastEventId=${hub.cursor(0)}`;
    const first = await get(hub, path);
    const { etag = '' } = first.headers;
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    expect(first.headers['cache-control']).toBe('private, no-cache');
    await hub.publish('a', '4');
    const again = await hub.ask('GET', path, { headers: { ...JSON_ONLY, 'if-none-match': `"x", ${etag}` } });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    const other = await get(hub, path, { 'if-none-match': '"x"' });
    expect(other.text).toBe(first.text);
  });

  test('stays as it is when its topic is closed behind it, and has another tag, or none, once that is deleted', async () => {
    const hub = await startHub();
    await publish(hub, 'a', 3);
    const path = `/topics/a?limit=2&lastEventId=${hub.cursor(0)}`;
    const first = await get(hub, path);
    const { etag = '' } = first.headers;
    const again = (): Promise<Reply> => hub.ask('GET', path, { headers: { ...JSON_ONLY, 'if-none-match': etag } });
    expect((await hub.ask('POST', '/topics/a?close')).status).toBe(200);
    expect((await again()).status).toBe(304);
    expect((await hub.ask('DELETE', '/topics/a')).status).toBe(200);
    // Not a 304: what it has is no longer what the hub says.
    const { status, headers, text } = await again();
    expect([status, headers.etag === etag, text === first.text]).toEqual([200, false, false]);
  });

  test.each([
    'limit=2',
    'limit=2&lastEventId=earliest',
    'limit=4&lastEventId=$.0',
    'limit=2&last=3',
    'limit=2&lastEventId=unknown',
  ])('is not what %s asks for', async (query) => {
    const hub = await startHub();
    await publish(hub, 'a', 3);
    const { headers } = await get(hub, `/topics/a?${query.replace('$', hub.epoch)}`);
    expect([headers.etag, headers['cache-control']]).toEqual([undefined, 'no-store']);
  });
});

describe('a page of a log in memory', () => {
  test('is the same', async () => {
    const log = new MemoryLog({ epoch: 'e' });
    await log.append([{ topics: ['a'], fields: { data: 'x' } }]);
    const port = await serve(new Hub({ log }));
    expect(await page({ port }, '/topics/a')).toMatchObject({ events: [{ id: 'e.1', data: 'x' }], next: 'e.1' });
  });
});
