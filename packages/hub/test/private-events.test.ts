import { Hub } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import { ManualClock } from '@tidings/server/log/testing';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { serve, startHub, temporaryFolder, TestHub } from './test-hub.ts';

const KEY = 'a-key-of-the-hub';
const KNOWN = { authorization: `Bearer ${KEY}` };

describe('who may not get private events learns nothing of them', () => {
  test('from the list of topics and from health', async () => {
    let time = Date.parse('2026-01-02T03:04:05.678Z');
    const hub = await startHub({ key: KEY, anonymous: 'all', now: () => time });
    const look = async (headers = {}): Promise<string[]> =>
      Promise.all(
        ['/topics', '/healthz', '/topics?prefix=', '/topics?prefix=s'].map(
          async (path) => (await hub.ask('GET', path, { headers })).text,
        ),
      );
    await hub.publish('a', 'open');
    await hub.publish('b', 'open');
    const before = await look();
    const known = await look(KNOWN);
    time += 1000;
    await hub.publish('a?private', 'secret', KNOWN);
    await hub.publish('secret?private', 'secret', KNOWN);
    expect(await look()).toEqual(before);
    const [topics, health] = await look(KNOWN);
    expect([topics, health]).not.toEqual(known);
    const names = (document: string): string[] =>
      (JSON.parse(document) as { topics: { topic: string }[] }).topics.map(({ topic }) => topic);
    expect(names(before[0]!)).toEqual(['b', 'a']);
    expect(names(topics!)).toEqual(['secret', 'a', 'b']);
    expect(JSON.parse(topics!)).toMatchObject({ total: 3, cursor: hub.cursor(4) });
    expect(JSON.parse(before[0]!)).toMatchObject({ total: 2, cursor: hub.cursor(2) });
    expect(JSON.parse(health!)).toMatchObject({ cursor: hub.cursor(4) });
    expect(JSON.parse(before[1]!)).not.toHaveProperty('cursor');
    expect(names(before[3]!)).toEqual([]);
    // A private event of a topic moves nobody's place in the list either.
    await hub.publish('a', 'open');
    expect(names((await look())[0]!)).toEqual(['a', 'b']);
  });

  test('from the envelope of an event that has other topics, too', async () => {
    const base = 'https://hub.example/topics/';
    const listen = ['inbox', 'news', { pattern: 'rooms/:room', base }];
    const hub = await startHub({ publicUrl: 'https://hub.example/', authenticate: () => ({ allow: true, listen }) });
    const paths = ['/topics/news?', '/topics?match=inbox&match=news&', '/topics?match_urlpattern=rooms/:room&'];
    const live = await Promise.all(paths.map((path) => Listener.open(hub.port, `${path}envelope=json`)));
    await hub.log.append([{ topics: ['secret-project', 'news', 'rooms/1', 'inbox'], fields: { data: 'x' } }]);
    const kept = await Promise.all(
      paths.map((path) => Listener.open(hub.port, `${path}envelope=json&lastEventId=earliest`)),
    );
    for (const listeners of [live, kept]) {
      await Promise.all(listeners.map((listener) => listener.take(1)));
      const named = listeners.map(({ published }) => (JSON.parse(published[0]!.data) as { topic: string }).topic);
      expect(named).toEqual(['news', 'news', 'rooms/1']);
      for (const { text } of listeners) expect(text).not.toContain('secret-project');
    }
  });

  test('from the stream of the list of topics', async () => {
    const clock = new ManualClock();
    const hub = await startHub({ key: KEY, anonymous: 'all', clock });
    await hub.publish('a', 'open');
    const listener = await Listener.open(hub.port, '/topics', { accept: 'text/event-stream' });
    await listener.take(1);
    await hub.publish('a?private', 'secret', KNOWN);
    clock.advance(1000);
    // One that may see everything comes in the same round.
    const known = await Listener.open(hub.port, '/topics', { accept: 'text/event-stream', ...KNOWN });
    await known.take(1);
    await hub.publish('a', 'open');
    clock.advance(1000);
    await listener.take(2);
    const counts = listener.data.map((document) => (JSON.parse(document) as { topics: { events: number }[] }).topics);
    expect(counts.map((topics) => topics.map(({ events }) => events))).toEqual([[1], [2]]);
  });

  test('from the places that it is told in a stream', async () => {
    const clock = new ManualClock();
    const hub = await startHub({ key: KEY, anonymous: 'all', clock, keepAliveMs: 1000 });
    await hub.publish('a', 'open');
    const told = async (query = '', headers = {}): Promise<string | undefined> => {
      const listener = await Listener.open(hub.port, `/topics/a${query}`, headers);
      await listener.until(() => listener.events.length > 0);
      return listener.events[0]?.lastEventId;
    };
    const quiet = await Listener.open(hub.port, '/topics/a');
    const known = await Listener.open(hub.port, '/topics/a', KNOWN);
    for (const listener of [quiet, known]) await listener.until(() => listener.events.length === 1);
    await hub.publish('a?private', 'secret', KNOWN);
    await hub.publish('b?private', 'secret', KNOWN);
    await known.take(1);
    clock.advance(1250);
    clock.advance(1250);
    await quiet.until(() => quiet.comments.length > 0);
    expect(new Set(quiet.events.map(({ lastEventId }) => lastEventId))).toEqual(new Set([hub.cursor(1)]));
    await known.until(() => known.events.at(-1)?.lastEventId === hub.cursor(3));
    for (const query of ['', '?last=0']) {
      expect(await told(query)).toBe(hub.cursor(1));
      expect(await told(query, KNOWN)).toBe(hub.cursor(3));
    }
    await hub.publish('b', 'open');
    expect(await told()).toBe(hub.cursor(4));
  });

  test('after a restart, from the places that it is told', async () => {
    const folder = temporaryFolder();
    const before = await LmdbLog.open({ path: folder });
    await before.append([
      { topics: ['a'], fields: { data: 'open' } },
      { topics: ['a'], fields: { data: 'secret' }, private: true },
      { topics: ['b'], fields: { data: 'secret' }, private: true },
    ]);
    await before.close();
    const log = await LmdbLog.open({ path: folder });
    const hub = new Hub({ log, key: KEY, anonymous: 'all' });
    const running = new TestHub(hub, log, await serve(hub));
    const told = async (query = '', headers = {}): Promise<string | undefined> => {
      const listener = await Listener.open(running.port, `/topics/a${query}`, headers);
      await listener.until(() => listener.events.length > 0);
      return listener.events[0]?.lastEventId;
    };
    for (const query of ['', '?last=0']) {
      expect(await told(query)).toBe(running.cursor(1));
      expect(await told(query, KNOWN)).toBe(running.cursor(3));
    }
    for (const path of ['/topics', '/topics?prefix=']) {
      expect(JSON.parse((await running.ask('GET', path)).text)).toMatchObject({ cursor: running.cursor(1) });
      expect(JSON.parse((await running.ask('GET', path, { headers: KNOWN })).text)).toMatchObject({
        cursor: running.cursor(3),
      });
    }
  });

  test('from cursors that it was not given: whatever lies behind the newest public event is ahead', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'all' });
    await hub.publish('a', '1');
    await hub.publish('a?private', 'secret', KNOWN);
    await hub.publish('b?private', 'secret', KNOWN);
    const open = (seq: number, headers = {}): Promise<Listener> =>
      Listener.open(hub.port, '/topics/a', { 'last-event-id': hub.cursor(seq), ...headers });
    const strangers = await Promise.all([2, 3, 4, 1000].map((seq) => open(seq)));
    const [first, ...known] = await Promise.all([open(1), open(2, KNOWN), open(3, KNOWN)]);
    for (const listener of strangers) await listener.take(2);
    await hub.publish('a', '2');
    for (const listener of [first, ...known]) expect(await listener.take(1)).toEqual(['2']);
    const seen = strangers.map((listener, index) => {
      const sent = [2, 3, 4, 1000][index]!;
      return listener.events
        .slice(0, 2)
        .map(({ data, ...event }) => ({ ...event, data: data.replace(`.${sent}"`, '"') }));
    });
    expect(seen[0]![0]!.data).toContain('"reason":"ahead"');
    for (const other of seen) expect(other).toEqual(seen[0]);
  });

  test('from the id of one: it is as unknown as one that nobody gave', async () => {
    const hub = await startHub({ key: KEY, anonymous: 'all' });
    await hub.publish('a?private&id=secret-id', 'secret', KNOWN);
    await hub.publish('a', 'open');
    const told = async (id: string, headers = {}): Promise<unknown[]> => {
      const listener = await Listener.open(hub.port, '/topics/a', { 'last-event-id': id, ...headers });
      await listener.until(() => listener.data.at(-1) === 'open');
      return listener.events.map(({ data, ...event }) => ({ ...event, data: data.replaceAll(id, 'the id') }));
    };
    expect(await told('secret-id')).toEqual(await told('never-given'));
    expect(await told('secret-id', KNOWN)).toMatchObject([{ data: 'open' }]);
  });

  test('from the time since which it asks, where something is missing', async () => {
    const start = Date.parse('2026-01-02T03:04:05.678Z');
    let time = start;
    const hub = await startHub({ key: KEY, anonymous: 'listen', now: () => time });
    for (const path of ['a', 'secret?private', 'secret?private', 'b', 'secret?private', 'c']) {
      await hub.publish(path, path, KNOWN);
      time += 60_000;
    }
    await hub.ask('DELETE', '/topics/a', { headers: KNOWN });
    await hub.ask('DELETE', '/topics/c', { headers: KNOWN });
    const gapsOf = async (headers = {}): Promise<unknown[]> =>
      Promise.all(
        [0, 1, 2, 3, 4, 5, 6].map(async (minute) => {
          const since = encodeURIComponent(new Date(start + minute * 60_000).toISOString());
          const page = await hub.ask('GET', `/topics?match=a&match=c&since=${since}`, {
            headers: { accept: 'application/json', ...headers },
          });
          return (JSON.parse(page.text) as { gap?: { after: string } }).gap?.after;
        }),
      );
    const [beforeB, atTheEnd] = [hub.cursor(3), undefined];
    expect(await gapsOf()).toEqual([beforeB, beforeB, beforeB, beforeB, atTheEnd, atTheEnd, atTheEnd]);
    expect(new Set(await gapsOf(KNOWN)).size).toBeGreaterThan(3);
  });

  test('nor does it from an id of a topic that it has not asked for', async () => {
    const hub = await startHub();
    await hub.publish('elsewhere?id=x', 'planted');
    await hub.publish('a?id=x', '1');
    await hub.publish('a', '2');
    const listener = await Listener.open(hub.port, '/topics/a', { 'last-event-id': 'x' });
    expect(await listener.take(1)).toEqual(['2']);
  });
});
