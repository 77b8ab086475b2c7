import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub, type TestHub } from './test-hub.ts';

/** A hub with five events in topic `a` between others, the third with the publisher's id `mine`. */
async function hubWithEvents(options: Parameters<typeof startHub>[0] = {}): Promise<TestHub> {
  const hub = await startHub(options);
  for (const [topic, data] of [
    ['a', '1'],
    ['other', 'x'],
    ['a', '2'],
    ['a?id=mine', '3'],
    ['other', 'x'],
    ['a', '4'],
    ['a', '5'],
  ] as const) {
    await hub.publish(topic, data);
  }
  return hub;
}

const heartbeats = (listener: Listener): string[] =>
  listener.events.filter(({ type }) => type === 'tidings-heartbeat').map((event) => event.lastEventId);

describe('a listener', () => {
  test('is answered a head and a first byte at once', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    expect(listener.response.statusCode).toBe(200);
    expect(listener.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    await listener.until(() => listener.text !== '');
    const behind = await Listener.open(hub.port, '/topics/a?last_event_id=earliest');
    await behind.until(() => behind.text !== '');
  });

  test('gets the id that its publisher was answered', async () => {
    const hub = await startHub();
    const listener = await Listener.open(hub.port, '/topics/a');
    const ids = [await hub.publish('a', 'x'), await hub.publish('a?id=%C3%A4', 'x')];
    await listener.take(2);
    expect(listener.published.map((event) => event.lastEventId)).toEqual(ids);
  });

  /** Where a stream starts (PROTOCOL §5.2, §5.3): its events, and what its first heartbeat says. `$` stands for the epoch. */
  const STARTS: readonly [header: string | undefined, query: string, data: string[], heartbeat: string | undefined][] =
    [
      [undefined, '', ['new'], '$.7'],
      [undefined, 'last_event_id=', ['new'], '$.7'],
      ['', '', ['new'], '$.7'],
      ['$.7', '', ['new'], undefined],
      ['$.6', '', ['5', 'new'], undefined],
      ['$.2', '', ['2', '3', '4', '5', 'new'], undefined],
      ['$.0', '', ['1', '2', '3', '4', '5', 'new'], undefined],
      [undefined, 'last_event_id=$.6', ['5', 'new'], undefined],
      ['$.6', 'last_event_id=$.1', ['5', 'new'], undefined],
      ['', 'last_event_id=$.6', ['5', 'new'], undefined],
      ['earliest', '', ['1', '2', '3', '4', '5', 'new'], undefined],
      [undefined, 'last_event_id=earliest', ['1', '2', '3', '4', '5', 'new'], undefined],
      ['mine', '', ['4', '5', 'new'], undefined],
      [undefined, 'last_event_id=mine', ['4', '5', 'new'], undefined],
      [undefined, 'last=0', ['new'], '$.7'],
      [undefined, 'last=1', ['5', 'new'], '$.6'],
      [undefined, 'last=3', ['3', '4', '5', 'new'], '$.3'],
      [undefined, 'last=10000', ['1', '2', '3', '4', '5', 'new'], '$.0'],
      ['$.6', 'last=3', ['5', 'new'], undefined],
      ['', 'last=1', ['5', 'new'], '$.6'],
      [undefined, 'last=1&last_event_id=', ['5', 'new'], '$.6'],
      [undefined, 'lastEventId=$.6', ['5', 'new'], undefined],
      [undefined, 'lastEventId=mine', ['4', '5', 'new'], undefined],
      [undefined, 'lastEventId=', ['new'], '$.7'],
      ['$.6', 'lastEventId=$.1', ['5', 'new'], undefined],
      [undefined, 'lastEventId=$.6&last_event_id=$.1', ['5', 'new'], undefined],
      [undefined, 'last=3&last_event_id=mine', ['4', '5', 'new'], undefined],
    ];

  test.each(STARTS)('with the last event ID %j and ?%s starts with %j', async (header, query, data, heartbeat) => {
    const hub = await hubWithEvents();
    const fill = (text: string): string => text.replaceAll('$', hub.epoch);
    const headers = header === undefined ? {} : { 'last-event-id': fill(header) };
    const listener = await Listener.open(hub.port, `/topics/a?${fill(query)}`, headers);
    await listener.until(() => listener.text !== '');
    await hub.publish('a', 'new');
    await listener.until(() => listener.data.at(-1) === 'new');
    expect(listener.data).toEqual(data);
    expect(heartbeats(listener)).toEqual(heartbeat === undefined ? [] : [fill(heartbeat)]);
    if (heartbeat !== undefined) expect(listener.events[0]?.type).toBe('tidings-heartbeat');
  });

  test('resumes behind an id of UTF-8 in the header, whose earliest occurrence counts', async () => {
    const hub = await startHub();
    for (const n of [1, 2, 3]) {
      await hub.publish('a', `before ${n}`);
      await hub.publish('a?id=%C3%A4%20%F0%9F%8E%89', `named ${n}`);
    }
    // Node's http takes header bytes as Latin-1.
    const headers = { 'last-event-id': Buffer.from('ä 🎉').toString('latin1') };
    const listener = await Listener.open(hub.port, '/topics/a', headers);
    expect(await listener.take(4)).toEqual(['before 2', 'named 2', 'before 3', 'named 3']);
    const query = await Listener.open(hub.port, '/topics/a?last_event_id=%C3%A4%20%F0%9F%8E%89');
    expect(await query.take(4)).toEqual(listener.data);
  });

  test('that breaks off before its first event resumes from the heartbeat without a loss', async () => {
    const hub = await hubWithEvents();
    const first = await Listener.open(hub.port, '/topics/a?last=0');
    await first.until(() => first.events.length === 1);
    first.close();
    await hub.publish('a', 'meanwhile');
    const again = await Listener.open(hub.port, '/topics/a', { 'last-event-id': first.events[0]!.lastEventId });
    expect(await again.take(1)).toEqual(['meanwhile']);
  });

  test('gets everything once and in order, wherever it comes in while events are published', async () => {
    const hub = await startHub();
    const all = Array.from({ length: 300 }, (_, n) => String(n));
    const listeners: Promise<Listener>[] = [];
    for (const [n, data] of all.entries()) {
      const publishing = hub.publish('a', data);
      if (n % 20 === 10) {
        listeners.push(Listener.open(hub.port, '/topics/a?last_event_id=earliest'));
        listeners.push(Listener.open(hub.port, '/topics?match_urlpattern=*', { 'last-event-id': hub.cursor(0) }));
      }
      await publishing;
    }
    for (const listener of await Promise.all(listeners)) {
      await listener.take(all.length);
      expect(listener.data).toEqual(all);
    }
  });

  /** Parameters that are refused (PROTOCOL §5.7). */
  const REFUSED = [
    'last-event-id=x',
    'last=-1',
    'last=10001',
    'last=',
    'last=x',
    'last=1&last=2',
    'last_event_id=a&last_event_id=b',
    'envelope=xml',
    'envelope=',
    'envelope=json&envelope=json',
    'private',
    'lastEventId=a&lastEventId=b',
    'heartbeat=',
    'heartbeat=yes',
    'heartbeat=event&heartbeat=event',
  ];

  test.each(REFUSED)('with ?%s is refused', async (query) => {
    const hub = await startHub();
    for (const path of [`/topics/a?${query}`, `/topics?match=a&${query}`]) {
      const reply = await hub.ask('GET', path);
      expect([reply.status, problemOf(reply)]).toEqual([400, 'invalid-parameter']);
    }
    expect(problemOf(await hub.ask('GET', '/topics/a?match=b'))).toBe('invalid-parameter');
  });

  test('that asks with HTTP/1.0 is served, too', async () => {
    const hub = await hubWithEvents();
    const socket = connect(hub.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('GET /topics/a?last_event_id=earliest HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.endsWith('data: 5\n\n')) break;
    }
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text.slice(text.indexOf('\r\n\r\n') + 4).replaceAll(hub.epoch, '$')).toBe(
      ':\n\nid: $.1\ndata: 1\n\nid: $.3\ndata: 2\n\nid: mine\ndata: 3\n\nid: $.6\ndata: 4\n\nid: $.7\ndata: 5\n\n',
    );
  });
});

describe('the envelope', () => {
  test('makes data a line of JSON with topic and time, live and from the log', async () => {
    const hub = await startHub({ now: () => Date.parse('2026-01-02T03:04:05.006Z') });
    const live = await Listener.open(hub.port, '/topics?match_urlpattern=*&envelope=json');
    await hub.publish('%C3%A4/b?id=mine&type=t&retry=77', 'a\nb "🎉"');
    const kept = await Listener.open(hub.port, '/topics/%C3%A4/b?envelope=json&last_event_id=earliest');
    for (const listener of [live, kept]) {
      await listener.take(1);
      const [event] = listener.published;
      expect([event?.type, event?.lastEventId, listener.retries]).toEqual(['t', 'mine', [77]]);
      expect(event?.data).not.toContain('\n');
      expect(JSON.parse(event!.data)).toEqual({ topic: 'ä/b', time: '2026-01-02T03:04:05.006Z', data: 'a\nb "🎉"' });
    }
  });

  test('is not around events of the hub itself', async () => {
    const hub = await hubWithEvents({ keepAliveMs: 40 });
    const listener = await Listener.open(hub.port, '/topics/a?envelope=json&last_event_id=nowhere');
    await listener.until(() => listener.data.length === 6);
    expect(JSON.parse(listener.data[0]!)).toMatchObject({ reason: 'unknown' });
    await hub.publish('other', 'x');
    await listener.until(() => heartbeats(listener).includes(hub.cursor(8)));
    expect(listener.events.at(-1)?.data).toBe('');
  });
});

describe('the keep-alive', () => {
  test('is a comment where the log has not moved, and else a heartbeat that moves the cursor', async () => {
    const hub = await startHub({ keepAliveMs: 40 });
    const listener = await Listener.open(hub.port, '/topics/a');
    await hub.publish('a', 'x');
    await listener.until(() => listener.comments.length >= 2);
    expect(heartbeats(listener)).toEqual([hub.cursor(0)]);
    await hub.publish('other', 'x');
    await listener.until(() => heartbeats(listener).length === 2);
    expect(heartbeats(listener)).toEqual([hub.cursor(0), hub.cursor(2)]);
    const comments = listener.comments.length;
    await listener.until(() => listener.comments.length >= comments + 2);
    expect(heartbeats(listener)).toHaveLength(2);
    expect(listener.text).toContain(`event: tidings-heartbeat\nid: ${hub.cursor(2)}\ndata:\n\n`);
  });

  test('is an event every time for a listener that asks for that, and a comment for one beside it that does not', async () => {
    const hub = await startHub({ keepAliveMs: 40 });
    await hub.publish('a', 'x');
    const seen = await Listener.open(hub.port, '/topics/a?heartbeat=event');
    const unseen = await Listener.open(hub.port, '/topics/a?heartbeat=comment');
    await seen.until(() => heartbeats(seen).length >= 3);
    await unseen.until(() => unseen.comments.length >= 1);
    const known = heartbeats(unseen).length;
    await unseen.until(() => unseen.comments.length >= 3);
    expect(heartbeats(unseen)).toHaveLength(known);
    expect(seen.comments).toEqual([]);
    expect(new Set(heartbeats(seen))).toEqual(new Set([hub.cursor(1)]));
    await hub.publish('a', 'y');
    for (const listener of [seen, unseen]) expect(await listener.take(1)).toEqual(['y']);
    await seen.until(() => heartbeats(seen).includes(hub.cursor(2)));
  });

  test('moves the cursor of a listener that came with an old one to others who know better', async () => {
    const hub = await startHub({ keepAliveMs: 40 });
    await hub.publish('a', 'x');
    const first = await Listener.open(hub.port, '/topics/a');
    for (let n = 0; n < 5; n += 1) await hub.publish('other', 'x');
    await first.until(() => heartbeats(first).includes(hub.cursor(6)));
    const second = await Listener.open(hub.port, '/topics/a', { 'last-event-id': hub.cursor(1) });
    await second.until(() => heartbeats(second).length > 0);
    expect(heartbeats(second)).toEqual([hub.cursor(6)]);
  });

  test('keeps a quiet listener from a gap when other topics are trimmed', async () => {
    const hub = await startHub({ keepAliveMs: 20, retention: { maxEvents: 2 } });
    await hub.publish('a', 'x');
    const quiet = await Listener.open(hub.port, '/topics?match=a&match=b');
    for (let n = 0; n < 10; n += 1) await hub.publish('other', 'x');
    await quiet.until(() => heartbeats(quiet).includes(hub.cursor(11)));
    quiet.close();
    await hub.log.trim();
    const again = await Listener.open(hub.port, '/topics?match=a&match=b', { 'last-event-id': hub.cursor(11) });
    await hub.publish('b', 'new');
    expect(await again.take(1)).toEqual(['new']);
  });
});
