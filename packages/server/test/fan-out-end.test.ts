import { ServerError } from '@tidings/server';
import { FanOut, findStart, type FanOutOptions, type StartAfter, type View } from '@tidings/server/live';
import { MemoryLog, type EventLog, type LogEntry, type LogFollower, type LogFollowing } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';
import { frame, FROM_NOW, Rig, settled, VIEW } from './fan-out-rig.ts';
import { FakeSink } from './model/fake-sink.ts';

describe('a keep-alive', () => {
  const COMMENT = ':\n\n';
  const heartbeat = (seq: number): string => `event: tidings-heartbeat\nid: e.${seq}\ndata:\n\n`;

  test('moves the cursor of a quiet cohort, and is a comment where there is nothing to move', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    await rig.publish('b', '1', '2');
    await rig.tick();
    rig.clock.advance(3000);
    expect(sink.text).toBe(FROM_NOW + heartbeat(2) + COMMENT + COMMENT);
    await rig.publish('b', '3');
    await rig.tick();
    rig.clock.advance(1000);
    expect(sink.text.endsWith(COMMENT + heartbeat(3))).toBe(true);
  });

  test('is not sent to a cohort that has been written to', async () => {
    const rig = new Rig();
    const busy = await rig.listen();
    const quiet = await rig.listen({}, { key: 'b', selection: { topics: ['b'] } });
    rig.clock.advance(999);
    await rig.publish('a', '1');
    await rig.tick();
    rig.clock.advance(501);
    expect(busy.text).toBe(FROM_NOW + frame(1, '1'));
    expect(quiet.text).toBe(FROM_NOW + heartbeat(1));
  });

  test('does not move the cursor past events that the tick still holds', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    await rig.publish('b', '1');
    await rig.tick();
    await rig.publish('a', '2');
    rig.clock.advance(1000);
    await rig.tick();
    expect(sink.text).toBe(FROM_NOW + heartbeat(1) + frame(2, '2'));
  });

  test('tells the position to one who came back with an older cursor, though the others know it', async () => {
    const rig = new Rig();
    await rig.listen();
    await rig.publish('b', '1');
    await rig.tick();
    rig.clock.advance(1000);
    const back = await rig.listen({ lastEventId: 'e.0' });
    await rig.settle();
    rig.clock.advance(1000);
    expect(back.text).toBe(COMMENT + heartbeat(1));
  });

  test('is sent to a listener that is held, and to one that waits for its start', async () => {
    const rig = new Rig();
    await rig.publish('a', '1');
    await rig.settle();
    const held = new FakeSink(100);
    const listener = rig.fanOut.listen(held, VIEW, await findStart(rig.log, VIEW.selection, {}))!;
    rig.fanOut.hold(listener);
    // Another process was ahead when it gave out this cursor.
    const waiting = new FakeSink(100);
    rig.fanOut.listen(waiting, VIEW, { type: 'after', after: 3, told: 3, trims: 0, announce: false });
    rig.clock.advance(2000);
    expect(held.text).toBe(heartbeat(1) + COMMENT + COMMENT);
    expect(waiting.text).toBe(COMMENT + COMMENT + COMMENT);
    rig.fanOut.release(listener, VIEW);
    rig.clock.advance(1000);
    expect(held.text.length).toBeGreaterThan((heartbeat(1) + COMMENT + COMMENT).length);
  });

  test('that is visible has the position of the listener that is held, unless it is still to be told of a gap', async () => {
    const rig = new Rig();
    const view: View = { ...VIEW, key: 'visible', heartbeat: 'event' };
    await rig.publish('a', '1', '2');
    await rig.settle();
    const listen = (start: Omit<StartAfter, 'type' | 'announce'>): FakeSink => {
      const sink = new FakeSink(100);
      rig.fanOut.hold(rig.fanOut.listen(sink, view, { type: 'after', announce: false, ...start })!);
      return sink;
    };
    const held = listen({ after: 1, told: 1, trims: 0 });
    const misplaced = listen({ after: 0, told: 0, trims: 0, misplaced: 'unknown', sent: 'x' });
    const before = [held.text, misplaced.text];
    rig.clock.advance(1000);
    expect([held.text, misplaced.text]).toEqual([before[0] + heartbeat(1), before[1] + COMMENT]);
  });

  test('is never sent with keepAliveMs 0', async () => {
    const rig = new Rig({ keepAliveMs: 0 });
    const sink = await rig.listen();
    rig.clock.advance(1e9);
    expect(rig.clock.pending).toBe(0);
    expect(sink.text).toBe(FROM_NOW);
  });
});

describe('the end', () => {
  test('finish ends a listener when it has everything, one that catches up and one that is slow included', async () => {
    const rig = new Rig();
    const live = await rig.listen();
    const slow = await rig.listen({}, VIEW, 1);
    for (let n = 1; n <= 20; n += 1) {
      await rig.publish('a', String(n));
      await rig.tick();
      live.take();
    }
    rig.fanOut.finish(20);
    const late = await rig.listen({ lastEventId: 'e.18' });
    await rig.settle();
    const sinks = [live, late];
    for (const sink of sinks) sink.take();
    expect(sinks.map((sink) => sink.state)).toEqual(['ended', 'ended']);
    expect(slow.state).toBe('open');
    while (slow.state === 'open') {
      slow.take();
      await rig.settle();
    }
    slow.take();
    await settled();
    expect(slow.text).toBe(live.text);
    expect(late.text).toBe(`:\n\n${frame(19, '19')}${frame(20, '20')}`);
    expect(rig.fanOut.listeners).toBe(0);
  });

  test('finish waits for events that are still to come', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    rig.fanOut.finish(2);
    await rig.publish('a', '1');
    await rig.tick();
    expect(sink.state).toBe('open');
    await rig.publish('a', '2');
    await rig.tick();
    sink.take();
    expect(sink.state).toBe('ended');
    expect(sink.text).toBe(FROM_NOW + frame(1, '1') + frame(2, '2'));
  });

  test('drain gives everyone a time of its own to come back, those to come included', async () => {
    const rig = new Rig();
    await rig.publish('b', '1');
    await rig.settle();
    const live = [await rig.listen(), await rig.listen()];
    const behind = await rig.listen({ lastEventId: 'earliest' });
    await rig.publish('a', '2');
    const BEGIN = 'event: tidings-heartbeat\nid: e.1\ndata:\n\n';
    const chances = [0, 0.25, 0.5, 0.999];
    rig.fanOut.drain(4000, () => chances.shift()!);
    const late = await rig.listen();
    const retry = (ms: number): string => `retry: ${ms}\n\n`;
    expect(live.map((sink) => sink.text)).toEqual([
      BEGIN + frame(2, '2') + retry(1000),
      BEGIN + frame(2, '2') + retry(2000),
    ]);
    expect(live.map((sink) => sink.state)).toEqual(['ending', 'ending']);
    expect(behind.state).toBe('destroyed');
    expect([late.text, late.state]).toEqual([retry(4996), 'ending']);
    for (const sink of [...live, late]) sink.take();
    await settled();
    expect(rig.fanOut.listeners).toBe(0);
  });

  test('close breaks everyone off and follows the log no more', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    rig.fanOut.close();
    await rig.publish('a', '1');
    await rig.settle();
    expect([sink.text, sink.state, rig.fanOut.listeners]).toEqual([FROM_NOW, 'destroyed', 0]);
  });
});

describe('a deletion', () => {
  /** A log that hands over everything that was committed since the last time at once, as one in a database does. */
  function merging(log: MemoryLog): { log: EventLog; handOver: () => void } {
    const waiting: LogEntry[] = [];
    let handOver = (): void => {};
    const follow = (follower: LogFollower): LogFollowing => {
      handOver = () => follower.onBatch(waiting.splice(0));
      return log.follow({ ...follower, onBatch: (batch) => void waiting.push(...batch) });
    };
    const merged = new Proxy<EventLog>(log, {
      get: (target, name) => {
        if (name === 'follow') return follow;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
    return { log: merged, handOver: () => handOver() };
  }

  test.each([0, 1, 2, 3, 4])(
    'that comes in a batch with %i events before it and others behind it takes none of them',
    async (before) => {
      let handOver = (): void => {};
      const rig = new Rig({
        wrap: (log) => {
          const merged = merging(log);
          handOver = merged.handOver;
          return merged.log;
        },
      });
      const kept = await rig.listen();
      const gone = await rig.listen({}, { key: 'gone', selection: { topics: ['gone'] } });
      await rig.publish('gone', 'first');
      handOver();
      await rig.settle();
      const told = gone.text;
      for (let seq = 2; seq < 6; seq += 1) {
        if (seq === before + 2) await rig.log.topics.delete('gone');
        await rig.publish('a', String(seq));
      }
      if (before === 4) await rig.log.topics.delete('gone');
      handOver();
      await rig.settle();
      const seqs = [2, 3, 4, 5].map((data) => ({ data, seq: data >= before + 2 ? data + 1 : data }));
      expect(kept.text).toBe(FROM_NOW + seqs.map(({ data, seq }) => frame(seq, String(data))).join(''));
      expect(gone.text.startsWith(told)).toBe(true);
      expect(gone.state).not.toBe('open');
    },
  );
});

describe('options', () => {
  const bad: FanOutOptions[] = [
    { maxBacklogBytes: -1 },
    { maxBacklogBytes: 1.5 },
    { maxBacklogBytes: Number.NaN },
    { maxTickBytes: -1 },
    { keepAliveMs: -1 },
    { keepAliveMs: 2 ** 31 },
  ];
  test.each(bad)('%o is refused with ERR_INVALID_OPTION', (options) => {
    expect(() => new FanOut(new MemoryLog(), options)).toThrow(ServerError);
    expect(() => new FanOut(new MemoryLog(), options)).toThrow(/option (maxBacklogBytes|maxTickBytes|keepAliveMs) is/);
  });
});
