import { Channel } from '@tidings/server';
import type { View } from '@tidings/server/live';
import { EventStreamDecoder } from '@tidings/wire';
import { describe, expect, test } from 'vitest';
import { listen } from './channel-rig.ts';
import { FakeClock } from './fake-clock.ts';
import type { FakeSink } from './model/fake-sink.ts';
import { frame, FROM_NOW, Rig, VIEW } from './fan-out-rig.ts';

const COMMENT = ':\n\n';
const heartbeat = (seq: number): string => `event: tidings-heartbeat\nid: e.${seq}\ndata:\n\n`;

describe('no heartbeat is sent where nothing moved since the last id', () => {
  test('of a listener that was caught up', async () => {
    const rig = new Rig();
    await rig.publish('a', '1', '2');
    const sink = await rig.listen({ lastEventId: 'earliest' });
    await rig.settle();
    rig.clock.advance(2000);
    expect(sink.text).toBe(COMMENT + frame(1, '1') + frame(2, '2') + COMMENT + COMMENT);
  });

  test('of a listener that came with the newest id', async () => {
    const rig = new Rig();
    await rig.publish('a', '1');
    await rig.settle();
    const sink = await rig.listen({ lastEventId: 'e.1' });
    rig.clock.advance(1000);
    expect(sink.text).toBe(COMMENT + COMMENT);
  });

  test.each(['earliest', 'e.0', 'e.1', undefined])('of the others, when one comes with %s', async (lastEventId) => {
    const rig = new Rig();
    const first = await rig.listen();
    await rig.publish('a', '1', '2');
    await rig.tick();
    await rig.listen({ lastEventId });
    await rig.settle();
    rig.clock.advance(1000);
    expect(first.text).toBe(FROM_NOW + frame(1, '1') + frame(2, '2') + COMMENT);
  });

  test('of one that comes to a cohort that knows less', async () => {
    const rig = new Rig();
    const first = await rig.listen();
    await rig.publish('b', '1');
    await rig.tick();
    const later = await rig.listen();
    rig.clock.advance(1000);
    expect([first.text, later.text]).toEqual([FROM_NOW + heartbeat(1), heartbeat(1) + COMMENT]);
    // From here on both know the same.
    await rig.publish('b', '2');
    await rig.tick();
    rig.clock.advance(2000);
    expect([first.text, later.text]).toEqual([
      FROM_NOW + heartbeat(1) + heartbeat(2) + COMMENT,
      heartbeat(1) + COMMENT + heartbeat(2) + COMMENT,
    ]);
  });

  test('of one that was too slow, and was caught up', async () => {
    const rig = new Rig();
    const sink = await rig.listen({}, VIEW, 1);
    for (let n = 1; n <= 20; n += 1) {
      await rig.publish('a', String(n));
      await rig.tick();
    }
    while (rig.fanOut.stats().live === 0) {
      sink.take();
      await rig.settle();
    }
    sink.take();
    const { text } = sink;
    rig.clock.advance(2000);
    expect(text.endsWith(frame(20, '20'))).toBe(true);
    sink.take();
    expect(sink.text).toBe(text + COMMENT + COMMENT);
  });
});

describe('a keep-alive comes', () => {
  test('when the stream has been silent for its time, not later', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    rig.clock.advance(301);
    await rig.publish('a', '1');
    await rig.tick();
    rig.clock.advance(900);
    expect(sink.text).toBe(FROM_NOW + frame(1, '1'));
    rig.clock.advance(101);
    expect(sink.text).toBe(FROM_NOW + frame(1, '1') + COMMENT);
  });

  test('within its time to each of many cohorts', async () => {
    const rig = new Rig({ keepAliveMs: 16_000 });
    const sinks: FakeSink[] = [];
    for (let n = 0; n < 100; n += 1) {
      sinks.push(await rig.listen({}, { key: `${n}`, selection: { topics: [`${n}`] } }));
      rig.clock.advance(37);
    }
    const lengths = (): number[] => sinks.map(({ text }) => text.length);
    let before = lengths();
    for (let n = 0; n < 5; n += 1) {
      rig.clock.advance(16_000);
      const now = lengths();
      expect(now.every((length, index) => length > before[index]!)).toBe(true);
      before = now;
    }
  });
});

describe('a stream with heartbeat: comment', () => {
  const view: View = { ...VIEW, key: 'comment', heartbeat: 'comment' };

  test('never has an event that was not published, and moves the position all the same', async () => {
    const rig = new Rig();
    const sink = await rig.listen({}, view);
    await rig.publish('b', '1');
    await rig.tick();
    rig.clock.advance(2000);
    expect(sink.text).toBe(`id: e.0\n\nid: e.1\n\n${COMMENT}`);
    const types: string[] = [];
    const decoder = new EventStreamDecoder({ onEvent: ({ type }) => types.push(type) });
    decoder.write(sink.text);
    expect([types, decoder.lastEventId]).toEqual([[], 'e.1']);
  });

  test.each([
    ['of the channel', { heartbeat: 'comment' }, {}],
    ['that its request asks for', { heartbeat: 'event' }, { url: '/?heartbeat=comment' }],
    ['of a client that accepts only JSON', {}, { headers: { accept: 'application/json' } }],
  ] as const)('%s begins with the position, without an event', async (_, options, fields) => {
    const clock = new FakeClock();
    const channel = new Channel({ ...options, keepAliveMs: 1000, clock });
    const { sink } = await listen(channel, fields);
    clock.advance(1000);
    expect(sink.text).toBe(`id: ${channel.lastEventId}\n\n${COMMENT}`);
  });

  test.each([
    'text/event-stream',
    '*/*',
    'application/json, text/plain, */*',
    'text/html;q=0.9,TEXT/EVENT-STREAM;q=0.1',
  ])('is not what a client gets that accepts %s', async (accept) => {
    const { sink } = await listen(new Channel(), { headers: { accept } });
    expect(sink.text).toMatch(/^event: tidings-heartbeat\n/);
  });
});

describe('a stream with heartbeat: event', () => {
  const view: View = { ...VIEW, key: 'event', heartbeat: 'event' };

  test('has one every keepAliveMs, whatever else it is sent', async () => {
    const rig = new Rig();
    const sink = await rig.listen({}, view, 1000);
    const other = await rig.listen({}, VIEW, 1000);
    for (let n = 1; n <= 9; n += 1) {
      rig.clock.advance(250);
      await rig.publish('a', String(n));
      await rig.tick();
    }
    const frames = (from: number, to: number): string =>
      Array.from({ length: to - from + 1 }, (_, index) => frame(from + index, String(from + index))).join('');
    expect(sink.text).toBe(FROM_NOW + frames(1, 3) + heartbeat(3) + frames(4, 7) + heartbeat(7) + frames(8, 9));
    expect(other.text).toBe(FROM_NOW + frames(1, 9));
  });
});
