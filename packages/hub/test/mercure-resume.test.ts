import { describe, expect, test } from 'vitest';
import type { Listener } from './listener.ts';
import { allToken, post, startMercure, subscribe, update } from './mercure-hub.ts';
import { temporaryFolder, type TestHub } from './test-hub.ts';
import { bearer } from './token-maker.ts';

/** A hub with three updates of one topic, of which the second has an id of its own. */
async function hubWithThree(
  ...options: Parameters<typeof startMercure>
): Promise<{ readonly hub: TestHub; readonly ids: readonly string[] }> {
  const hub = await startMercure(...options);
  const ids = [
    await update(hub, 'a', 'one'),
    await update(hub, 'a', 'two', [['id', 'urn:2']]),
    await update(hub, 'a', 'three'),
  ];
  return { hub, ids };
}

const NEW = 'mercure-last-event-id';
const OLD = 'last-event-id';

/** The data that a subscriber is replayed, and what it is told by the header fields of its answer. */
async function replayed(listener: Listener, count: number): Promise<unknown> {
  return [await listener.take(count), listener.response.headers[NEW] ?? listener.response.headers[OLD]];
}

describe('a cursor', () => {
  test('is the id of every event: what was posted, or a fragment', async () => {
    const { hub, ids } = await hubWithThree();
    const listener = await subscribe(hub, 'match=a&last_event_id=earliest');
    await listener.take(3);
    expect(listener.published.map(({ lastEventId }) => lastEventId)).toEqual(ids);
    expect(ids).toEqual([`#${hub.cursor(1)}`, 'urn:2', `#${hub.cursor(3)}`]);
  });

  test('is taken with and without the #', async () => {
    const { hub, ids } = await hubWithThree();
    const [first = ''] = ids;
    for (const id of [first, first.slice(1)]) {
      const listener = await subscribe(hub, 'match=a', { 'last-event-id': id });
      expect(await replayed(listener, 2)).toEqual([['two', 'three'], id]);
    }
  });

  test('that was posted is one, too', async () => {
    const { hub } = await hubWithThree();
    expect(await replayed(await subscribe(hub, 'match=a&last_event_id=urn:2'), 1)).toEqual([['three'], 'urn:2']);
  });

  test('in the header field beats one in the query', async () => {
    const { hub } = await hubWithThree();
    const listener = await subscribe(hub, 'match=a&last_event_id=earliest', { 'last-event-id': 'urn:2' });
    expect(await replayed(listener, 1)).toEqual([['three'], 'urn:2']);
  });

  test.each(['last_event_id', 'lastEventID', 'Last-Event-ID'])(
    'of the old dialect may be in the query as %s',
    async (name) => {
      const { hub } = await hubWithThree();
      const listener = await subscribe(hub, `topic=a&${name}=urn:2`);
      expect(await listener.take(1)).toEqual(['three']);
      expect([listener.response.headers[OLD], listener.response.headers[NEW]]).toEqual(['urn:2', undefined]);
    },
  );

  test.each(['lastEventID', 'Last-Event-ID'])('of the new dialect is not in the query as %s', async (name) => {
    const { hub } = await hubWithThree();
    const listener = await subscribe(hub, `match=a&${name}=urn:2`);
    await update(hub, 'a', 'four');
    expect([await listener.take(1), listener.response.headers[NEW]]).toEqual([['four'], undefined]);
  });

  test('of a template finds what it matches', async () => {
    const hub = await startMercure();
    for (const topic of ['books/1', 'films/1', 'books/2', 'books/2/x'])
      await update(hub, topic, topic, [['id', topic]]);
    const listener = await subscribe(hub, 'topic=books/{id}&lastEventID=earliest');
    expect(await listener.take(2)).toEqual(['books/1', 'books/2']);
    expect(await (await subscribe(hub, 'topic={kind}/2&lastEventID=films/1')).take(1)).toEqual(['books/2']);
  });

  test('earliest stands for all that is kept, and is told again', async () => {
    const { hub } = await hubWithThree();
    expect(await replayed(await subscribe(hub, 'match=a&last_event_id=earliest'), 3)).toEqual([
      ['one', 'two', 'three'],
      'earliest',
    ]);
    expect(await replayed(await subscribe(hub, 'topic=a&lastEventID=earliest'), 3)).toEqual([
      ['one', 'two', 'three'],
      'earliest',
    ]);
  });

  test('that is not found is answered earliest, and told to be missing in the stream; all that is kept follows', async () => {
    const { hub } = await hubWithThree();
    for (const id of ['unknown', `#${hub.cursor(99)}`, '#foreign.1', '#x y']) {
      const listener = await subscribe(hub, 'match=a', { 'last-event-id': id });
      await listener.until(() => listener.data.includes('three'));
      expect(listener.events.filter(({ type }) => type === 'tidings-gap')).toHaveLength(1);
      expect([listener.data.slice(-3), listener.response.headers[NEW]]).toEqual([['one', 'two', 'three'], 'earliest']);
    }
  });

  test('that is not found is answered earliest in the old dialect, too', async () => {
    const { hub } = await hubWithThree();
    const { response } = await subscribe(hub, 'topic=a&lastEventID=order.42');
    expect([response.headers[OLD], response.headers[NEW]]).toEqual(['earliest', undefined]);
  });

  test('of the form of one of another log is looked for among the ids, and one with a # is not', async () => {
    const { hub } = await hubWithThree();
    await update(hub, 'a', 'four', [['id', 'order.42']]);
    await update(hub, 'a', 'five');
    expect(await replayed(await subscribe(hub, 'match=a&last_event_id=order.42'), 1)).toEqual([['five'], 'order.42']);
    const other = await subscribe(hub, 'match=a', { 'last-event-id': '#order.42' });
    expect(other.response.headers[NEW]).toBe('earliest');
  });

  test('that was posted, and became a cursor by a later epoch, misses nothing behind the earlier of the two places', async () => {
    const hub = await startMercure();
    await update(hub, 'a', '1');
    // The log has it so if its epoch began later.
    await hub.log.append([
      { topics: ['a'], fields: { data: '2', id: `~${hub.cursor(3)}` } },
      { topics: ['a'], fields: { data: '3' } },
    ]);
    await update(hub, 'a', '4');
    const listener = await subscribe(hub, `match=a&last_event_id=${hub.cursor(3)}`);
    expect(await listener.take(2)).toEqual(['3', '4']);
  });

  test('behind which something was trimmed is answered earliest', async () => {
    const hub = await startMercure({}, { retention: { maxEvents: 2 } });
    for (const data of ['one', 'two', 'three', 'four']) await update(hub, 'a', data, [['id', data]]);
    await hub.log.trim();
    const listener = await subscribe(hub, 'match=a', { 'last-event-id': `#${hub.cursor(1)}` });
    await listener.until(() => listener.data.includes('four'));
    expect([listener.data.slice(-2), listener.response.headers[NEW]]).toEqual([['three', 'four'], 'earliest']);
  });

  test('is of the one sequence of the hub: the id of another topic is one', async () => {
    const { hub } = await hubWithThree();
    await update(hub, 'b', 'before', [['id', 'b1']]);
    await update(hub, 'other', 'x', [['id', 'o1']]);
    await update(hub, 'b', 'after', [['id', 'b2']]);
    const listener = await subscribe(hub, 'match=b&last_event_id=o1');
    expect(await replayed(listener, 1)).toEqual([['after'], 'o1']);
  });

  test('of a private update is none for who may not know of it', async () => {
    const { hub } = await hubWithThree();
    await update(hub, 'secret', 'x', [
      ['id', 's1'],
      ['private', 'on'],
    ]);
    const stranger = await subscribe(hub, 'match=a&last_event_id=s1');
    expect(stranger.response.headers[NEW]).toBe('earliest');
    const granted = await subscribe(hub, 'match=a&last_event_id=s1', bearer(await allToken()));
    expect(granted.response.headers[NEW]).toBe('s1');
  });

  test('that was posted twice resolves to its earliest occurrence', async () => {
    const { hub } = await hubWithThree();
    await update(hub, 'a', 'four', [['id', 'urn:2']]);
    expect(await replayed(await subscribe(hub, 'match=a&last_event_id=urn:2'), 2)).toEqual([
      ['three', 'four'],
      'urn:2',
    ]);
  });

  test('is told only if one was sent', async () => {
    const { hub } = await hubWithThree();
    const { response } = await subscribe(hub, 'match=a&last_event_id=');
    expect([response.headers[NEW], response.headers[OLD]]).toEqual([undefined, undefined]);
  });

  test('that has characters beyond ASCII is told as a URI', async () => {
    const { hub } = await hubWithThree();
    await update(hub, 'a', 'four', [['id', 'é✓/[1]']]);
    await update(hub, 'a', 'five');
    const listener = await subscribe(hub, `match=a&last_event_id=${encodeURIComponent('é✓/[1]')}`);
    expect(await replayed(listener, 1)).toEqual([['five'], '%C3%A9%E2%9C%93/[1]']);
  });
});

describe('nothing is lost', () => {
  test('after a restart, before anything new is published', async () => {
    const path = temporaryFolder();
    const { hub, ids } = await hubWithThree({}, { path });
    await hub.hub.close({ awayMs: 0, windowMs: 0, finishMs: 0 });
    const again = await startMercure({}, { path });
    const listener = await subscribe(again, 'match=a', { 'last-event-id': ids[0]! });
    expect(await replayed(listener, 2)).toEqual([['two', 'three'], ids[0]]);
  });

  test('deep in a history, and in a replay that is longer than what may wait for a subscriber', async () => {
    const hub = await startMercure({}, { maxBacklogBytes: 4096 });
    const first = await update(hub, 'a', 'first');
    const topics = Array.from({ length: 3000 }, (_, index) => ({
      topics: ['a'],
      fields: { data: `${index} ${'x'.repeat(50)}` },
    }));
    await hub.log.append(topics);
    const listener = await subscribe(hub, 'match=a', { 'last-event-id': first });
    const data = await listener.take(3000);
    expect(data.map((text) => Number(text.split(' ')[0]))).toEqual(topics.map((_, index) => index));
    expect(listener.response.headers[NEW]).toBe(first);
  });

  test('on a quiet topic, whose cursor outlives the traffic of others', async () => {
    const hub = await startMercure();
    const quiet = await update(hub, 'quiet', 'one', [['id', 'q1']]);
    await hub.log.append(Array.from({ length: 2000 }, () => ({ topics: ['busy'], fields: { data: 'x' } })));
    await update(hub, 'quiet', 'two');
    expect(await replayed(await subscribe(hub, 'match=quiet', { 'last-event-id': quiet }), 1)).toEqual([['two'], 'q1']);
  });

  test('between replay and live', async () => {
    const hub = await startMercure();
    const sent = Array.from({ length: 200 }, (_, index) => `${index}`);
    const first = await update(hub, 'a', 'first');
    const publishing = Promise.all(
      sent.map((data) =>
        post(hub, [
          ['topic', 'a'],
          ['data', data],
        ]),
      ),
    );
    const listener = await subscribe(hub, 'match=a', { 'last-event-id': first });
    await publishing;
    const data = await listener.take(200);
    expect(data.toSorted((a, b) => Number(a) - Number(b))).toEqual(sent);
  });
});
