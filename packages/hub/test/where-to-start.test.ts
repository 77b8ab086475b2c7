import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { problemOf, startHub } from './test-hub.ts';

const MINUTE_MS = 60_000;

describe('?since=', () => {
  test('begins with the first event since a time, or since a while ago', async () => {
    let time = Date.UTC(2026, 10, 28, 10);
    const hub = await startHub({ now: () => time });
    for (const data of ['1', '2', '3']) {
      await hub.publish('a', data);
      time += MINUTE_MS;
    }
    for (const [since, expected] of [
      ['2026-11-28T10:01:00Z', ['2', '3', 'live']],
      ['2m', ['2', '3', 'live']],
      ['1h', ['1', '2', '3', 'live']],
      ['0s', ['live']],
    ] as const) {
      const topic = `a-${since}`;
      const listener = await Listener.open(hub.port, `/topics?match=a&match=${topic}&since=${since}`);
      await hub.publish(topic, 'live');
      expect(await listener.take(expected.length)).toEqual(expected);
    }
  });

  test('with a time to come begins with the next event, and a page has none', async () => {
    const hub = await startHub();
    const before = await hub.publish('a', 'old');
    const since = new Date(Date.now() + 365 * 24 * 60 * MINUTE_MS).toISOString();
    const listener = await Listener.open(hub.port, `/topics/a?since=${since}`);
    const { text } = await hub.ask('GET', `/topics/a?since=${since}`, { headers: { accept: 'application/json' } });
    expect(JSON.parse(text)).toEqual({ events: [], next: before, state: 'open' });
    await hub.publish('a', 'next');
    expect(await listener.take(1)).toEqual(['next']);
  });

  test('does not count if the request names a position', async () => {
    const hub = await startHub();
    for (const data of ['1', '2']) await hub.publish('a', data);
    const listener = await Listener.open(hub.port, '/topics/a?since=1h', { 'last-event-id': hub.cursor(1) });
    expect(await listener.take(1)).toEqual(['2']);
  });

  test.each(['since=yesterday', 'since=10', 'since=1h&last=1', 'since=1h&since=2h'])('%s is refused', async (query) => {
    const hub = await startHub();
    expect(problemOf(await hub.ask('GET', `/topics/a?${query}`))).toBe('invalid-parameter');
  });
});

describe('?type=', () => {
  test('selects types, from the log and live, and cursors move past the others', async () => {
    const hub = await startHub();
    for (const type of ['x', 'y', '', 'z']) await hub.publish(`a?type=${type}`, `old ${type}`);
    const listener = await Listener.open(hub.port, '/topics/a?type=x&type=message&lastEventId=earliest');
    await listener.take(2);
    for (const type of ['z', 'x']) await hub.publish(`a?type=${type}`, `new ${type}`);
    await listener.take(3);
    expect(listener.published.map(({ data, lastEventId }) => [data, lastEventId])).toEqual([
      ['old x', hub.cursor(1)],
      ['old ', hub.cursor(3)],
      ['new x', hub.cursor(6)],
    ]);
    const other = await Listener.open(hub.port, '/topics/a?type=none&lastEventId=earliest');
    await other.until(() => other.events.at(-1)?.lastEventId === hub.cursor(6));
  });

  test('counts for last', async () => {
    const hub = await startHub();
    for (const type of ['x', 'y', 'x', 'y', 'y']) await hub.publish(`a?type=${type}`, `${type}${hub.position.seq + 1}`);
    const listener = await Listener.open(hub.port, '/topics/a?type=x&last=2');
    expect(await listener.take(2)).toEqual(['x1', 'x3']);
  });

  test('leaves gaps in', async () => {
    const hub = await startHub();
    const headers = { 'content-type': 'text/event-stream' };
    const data = '{"after":"other1.1","resumedAt":"other1.5","reason":"trimmed"}';
    await hub.publish('a', `event: tidings-gap\ndata: ${data}\n\nevent: y\ndata: y\n\nevent: x\ndata: x\n\n`, headers);
    const listener = await Listener.open(hub.port, '/topics/a?type=x&lastEventId=earliest');
    await listener.take(2);
    expect(listener.published.map(({ type }) => type)).toEqual(['tidings-gap', 'x']);
  });

  test.each(['type=', `type=${'x'.repeat(1025)}`])('%s is refused', async (query) => {
    const hub = await startHub();
    expect(problemOf(await hub.ask('GET', `/topics/a?${query}`))).toBe('invalid-parameter');
  });
});
