import { LmdbLog } from '@tidings/lmdb';
import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { startHub, temporaryFolder, type TestHub } from './test-hub.ts';

/** The gap that a listener was told as its first published event, checked for its form. */
async function gapOf(listener: Listener): Promise<unknown> {
  await listener.take(1);
  const [gap] = listener.published;
  expect(gap?.type).toBe('tidings-gap');
  expect(gap?.data).not.toContain('\n');
  const told = JSON.parse(gap!.data) as { resumedAt: string };
  expect(gap?.lastEventId).toBe(told.resumedAt);
  return told;
}

const listen = (hub: TestHub, topic: string, lastEventId: string): Promise<Listener> =>
  Listener.open(hub.port, `/topics/${topic}`, { 'last-event-id': lastEventId });

async function publishAll(hub: TestHub, ...events: readonly [topic: string, data: string][]): Promise<void> {
  for (const [topic, data] of events) await hub.publish(topic, data);
  await hub.log.trim();
}

/** Cursors that the log below, which has trimmed 1 to 4 of 6 and keeps 3 and 4 of `b`, cannot place. `$` is its epoch. */
const MISPLACED: readonly [reason: string, after: string][] = [
  ['unknown', 'never-published'],
  ['unknown', 'ä 🎉'],
  ['unknown', '$.'],
  ['unknown', '$.01'],
  ['unknown', '$.1e3'],
  ['foreign', 'other1.2'],
  ['foreign', 'other1.0'],
  ['ahead', '$.7'],
  ['ahead', '$.999999999999999'],
];

describe('a gap', () => {
  test.each(MISPLACED)('of the reason %s is told after %s, and all that is kept follows', async (reason, text) => {
    const hub = await startHub({ retention: { maxEvents: 3 } });
    await publishAll(hub, ['a', '1'], ['b', '2'], ['a', '3'], ['b', '4'], ['a', '5'], ['a', '6']);
    const after = text.replace('$', hub.epoch);
    const listener = await listen(hub, 'a', Buffer.from(after).toString('latin1'));
    expect(await gapOf(listener)).toEqual({ after, resumedAt: hub.cursor(3), reason });
    await hub.publish('a', 'new');
    expect((await listener.take(4)).slice(1)).toEqual(['5', '6', 'new']);
    expect(listener.events[0]?.type).toBe('tidings-gap');
  });

  test('is told where what a cursor wanted was trimmed, and the first kept event behind it follows', async () => {
    const hub = await startHub({ retention: { maxEvents: 2 } });
    await publishAll(hub, ['a', '1'], ['a', '2'], ['a', '3'], ['a', '4'], ['a', '5']);
    const listener = await listen(hub, 'a', hub.cursor(1));
    expect(await gapOf(listener)).toEqual({ after: hub.cursor(1), resumedAt: hub.cursor(3), reason: 'trimmed' });
    expect((await listener.take(3)).slice(1)).toEqual(['4', '5']);
  });

  test('is told where nothing is kept at all, and what is published then follows', async () => {
    let time = 0;
    const hub = await startHub({ now: () => time, retention: { maxAgeMs: 10 } });
    await hub.publish('a', '1');
    await hub.publish('a', '2');
    time += 11;
    await hub.log.trim();
    const listener = await listen(hub, 'a', hub.cursor(1));
    expect(await gapOf(listener)).toEqual({ after: hub.cursor(1), resumedAt: hub.cursor(2), reason: 'trimmed' });
    await hub.publish('a', '3');
    expect((await listener.take(2)).slice(1)).toEqual(['3']);
  });

  test('can be resumed from: its id loses nothing and tells no gap again', async () => {
    const hub = await startHub({ retention: { maxEvents: 2 } });
    await publishAll(hub, ['a', '1'], ['a', '2'], ['a', '3'], ['a', '4']);
    for (const after of [hub.cursor(0), 'unknown', 'other1.7']) {
      const listener = await listen(hub, 'a', after);
      await listener.take(1);
      const again = await listen(hub, 'a', listener.published[0]!.lastEventId);
      expect(await again.take(2)).toEqual(['3', '4']);
    }
  });

  test('is not told where nothing that matches was removed', async () => {
    const hub = await startHub({ retention: { maxEvents: 3 } });
    await publishAll(hub, ['b', 'x'], ['b', 'x'], ['b', 'x'], ['a', '4'], ['b', 'x'], ['b', 'x']);
    for (const query of ['/topics/a', '/topics?match_urlpattern=a', '/topics?match=a&match=c']) {
      const listener = await Listener.open(hub.port, query, { 'last-event-id': hub.cursor(0) });
      expect(await listener.take(1)).toEqual(['4']);
    }
    const both = await Listener.open(hub.port, '/topics?match_urlpattern=:any', { 'last-event-id': hub.cursor(0) });
    expect(await gapOf(both)).toMatchObject({ reason: 'trimmed', resumedAt: hub.cursor(3) });
  });

  test('is not told to who asks for what is kept: earliest, or the last ones', async () => {
    const hub = await startHub({ retention: { maxEvents: 2 } });
    await publishAll(hub, ['a', '1'], ['a', '2'], ['a', '3'], ['a', '4']);
    for (const query of ['last_event_id=earliest', 'last=10', 'last=2']) {
      const listener = await Listener.open(hub.port, `/topics/a?${query}`);
      expect(await listener.take(2)).toEqual(['3', '4']);
    }
  });

  test('is not told of private events to who has no right to them', async () => {
    const hub = await startHub({ key: 'a-key-of-the-hub', anonymous: 'listen', retention: { maxEvents: 1 } });
    const headers = { authorization: 'Bearer a-key-of-the-hub' };
    await hub.publish('a?private', 'secret', headers);
    await hub.publish('a', 'open', headers);
    await hub.log.trim();
    const anonymous = await listen(hub, 'a', hub.cursor(0));
    expect(await anonymous.take(1)).toEqual(['open']);
    const known = await Listener.open(hub.port, '/topics/a', { ...headers, 'last-event-id': hub.cursor(0) });
    expect(await gapOf(known)).toMatchObject({ reason: 'trimmed' });
  });

  test('names the id that the listener came with', async () => {
    const retention = { perTopic: [{ topics: ['b'], maxEvents: 1 }] };
    const hub = await startHub({ retention });
    await publishAll(hub, ['a?id=mine', '1'], ['b', '2'], ['a', '3'], ['b', '4']);
    const listener = await Listener.open(hub.port, '/topics?match=a&match=b', { 'last-event-id': 'mine' });
    const gap = await gapOf(listener);
    expect(gap).toEqual({ after: 'mine', resumedAt: hub.cursor(2), reason: 'trimmed' });
    expect((await listener.take(3)).slice(1)).toEqual(['3', '4']);
  });

  test('does not lose events that are kept before the trimmed ones', async () => {
    const retention = { perTopic: [{ topics: ['b'], maxEvents: 1 }] };
    const hub = await startHub({ retention });
    await publishAll(hub, ['a', '1'], ['b', '2'], ['a', '3'], ['b', '4']);
    const listener = await Listener.open(hub.port, '/topics?match=a&match=b', { 'last-event-id': hub.cursor(0) });
    const told = { after: hub.cursor(0), resumedAt: hub.cursor(0), reason: 'trimmed', through: hub.cursor(2) };
    expect(await gapOf(listener)).toEqual(told);
    expect((await listener.take(4)).slice(1)).toEqual(['1', '3', '4']);
  });

  test('is told after a log was made anew in the same place', async () => {
    const hub = await startHub();
    await hub.publish('a', 'new log');
    const old = await LmdbLog.open({ path: temporaryFolder() });
    const { id } = await old.append([{ topics: ['a'], fields: { data: 'old log' } }]);
    await old.close();
    const listener = await listen(hub, 'a', id);
    expect(await gapOf(listener)).toEqual({ after: id, resumedAt: hub.cursor(0), reason: 'foreign' });
    expect((await listener.take(2))[1]).toBe('new log');
  });
});
