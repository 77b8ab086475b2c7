import type { View } from '@tidings/server/live';
import type { EventLog, LogFollower, NewEvent } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';
import { frame, FROM_NOW, Rig, settled, VIEW } from './fan-out-rig.ts';
import { FakeSink } from './model/fake-sink.ts';

const heartbeat = (seq: number): string => `event: tidings-heartbeat\nid: e.${seq}\ndata:\n\n`;
const gap = (after: string, seq: number, reason: string): string =>
  `event: tidings-gap\nid: e.${seq}\ndata: ${JSON.stringify({ after, resumedAt: `e.${seq}`, reason })}\n\n`;
const OTHERS: View = { key: 'others', selection: { topics: ['a', 'b'] } };

async function append(rig: Rig, topic: string, event: Partial<NewEvent> = {}): Promise<void> {
  await rig.log.append([{ topics: [topic], fields: { data: 'end' }, ...event }]);
}

const close = (rig: Rig, event: Partial<NewEvent> = {}): Promise<void> => append(rig, 'a', { final: true, ...event });

function stateOf(sink: FakeSink): string {
  sink.take();
  return sink.state;
}

describe('a topic that is closed', () => {
  test('ends its listeners after the tick that holds the final event, and leaves those of several topics', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    const other = await rig.listen({}, OTHERS);
    await rig.publish('a', '1');
    await close(rig);
    expect(sink.state).toBe('open');
    await rig.tick();
    expect([stateOf(sink), sink.text]).toEqual(['ended', FROM_NOW + frame(1, '1') + frame(2, 'end')]);
    await rig.publish('b', '3');
    await rig.settle();
    expect([stateOf(other), other.text]).toEqual(['open', FROM_NOW + frame(1, '1') + frame(2, 'end') + frame(3, '3')]);
    await settled();
    expect(rig.fanOut.listeners).toBe(1);
  });

  test('gives the rest to who comes with an older cursor, then ends', async () => {
    const rig = new Rig();
    await rig.publish('a', '1', '2');
    await close(rig);
    await rig.publish('b', '4');
    await rig.settle();
    const sink = await rig.listen({ lastEventId: 'e.1' });
    const all = await rig.listen({ lastEventId: 'earliest' });
    const last = await rig.listen({ last: 1 });
    await rig.settle();
    expect([sink, all, last].map(stateOf)).toEqual(['ended', 'ended', 'ended']);
    expect(sink.text).toBe(`:\n\n${frame(2, '2')}${frame(3, 'end')}`);
    expect(all.text).toBe(`:\n\n${frame(1, '1')}${frame(2, '2')}${frame(3, 'end')}`);
    expect(last.text).toBe(`${heartbeat(2)}${frame(3, 'end')}`);
  });

  test('tells who does not get the final event a position behind it, so that nobody comes back for ever', async () => {
    const rig = new Rig();
    const typed: View = { key: 'typed', selection: { topics: ['a'], types: ['x'] } };
    const refusing: View = { ...VIEW, key: 'refusing', accepts: () => false };
    const live = await rig.listen({}, typed);
    const refused = await rig.listen({}, refusing);
    await append(rig, 'a', { fields: { event: 'x', data: '1' } });
    await close(rig);
    await rig.settle();
    const late = await rig.listen({ lastEventId: 'earliest' }, typed);
    await rig.settle();
    const first = 'id: e.1\nevent: x\ndata: 1\n\n';
    expect([live, refused, late].map(stateOf)).toEqual(['ended', 'ended', 'ended']);
    expect(live.text.replace(/event: x\nid: e.1/, 'id: e.1\nevent: x')).toBe(FROM_NOW + first + heartbeat(2));
    expect(refused.text).toBe(FROM_NOW + heartbeat(2));
    expect(late.text.endsWith(heartbeat(2))).toBe(true);
  });

  test('by a private event ends those who do not get that event, but only if they knew the topic', async () => {
    const rig = new Rig();
    const unseen: View = { key: 'b', selection: { topics: ['b'] } };
    const sink = await rig.listen();
    const stranger = await rig.listen({}, unseen);
    await rig.publish('a', '1');
    await close(rig, { private: true });
    await append(rig, 'b', { final: true, private: true });
    await rig.settle();
    expect([stateOf(sink), sink.text]).toEqual(['ended', FROM_NOW + frame(1, '1')]);
    expect([stateOf(stranger), stranger.text]).toEqual(['open', FROM_NOW]);
  });

  test('ends a listener that is too slow once it has read the rest', async () => {
    const rig = new Rig();
    const slow = await rig.listen({}, VIEW, 1);
    for (let n = 1; n <= 20; n += 1) {
      await rig.publish('a', String(n));
      await rig.tick();
    }
    await close(rig);
    await rig.settle();
    expect(slow.state).toBe('open');
    while (slow.state === 'open') {
      slow.take();
      await rig.settle();
    }
    expect(slow.text.endsWith(frame(20, '20') + frame(21, 'end'))).toBe(true);
  });

  test('ends those who are given a tick that is too large for one chunk', async () => {
    const rig = new Rig({ maxTickBytes: 10 });
    const sink = await rig.listen({}, VIEW, 1000);
    await rig.publish('a', '1', '2', '3');
    await close(rig);
    await rig.settle();
    expect(stateOf(sink)).toBe('ended');
    expect(sink.text).toBe(FROM_NOW + frame(1, '1') + frame(2, '2') + frame(3, '3') + frame(4, 'end'));
  });

  test('ends a listener that is held when it is released', async () => {
    const rig = new Rig();
    const sink = new FakeSink(100);
    const listener = rig.fanOut.listen(sink, VIEW, { type: 'now' })!;
    rig.fanOut.hold(listener);
    await close(rig);
    await rig.settle();
    expect(stateOf(sink)).toBe('open');
    rig.fanOut.release(listener, VIEW);
    await rig.settle();
    expect([stateOf(sink), sink.text]).toEqual(['ended', FROM_NOW + frame(1, 'end')]);
  });

  test('ends a listener whose topic was closed while it was let in', async () => {
    const rig = new Rig();
    await rig.publish('a', '1');
    await close(rig);
    await rig.settle();
    const sink = new FakeSink(100);
    // The log was asked before the final event.
    rig.fanOut.listen(sink, VIEW, { type: 'now', openAt: 1 });
    await rig.settle();
    expect([stateOf(sink), sink.text]).toEqual(['ended', heartbeat(2)]);
  });

  test('ends listeners after the log was lost and found again', async () => {
    let follower: LogFollower | undefined;
    const rig = new Rig({
      wrap: (log) =>
        new Proxy<EventLog>(log, {
          get(target, name) {
            if (name === 'follow') return (given: LogFollower) => ((follower = given), target.follow(given));
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
          },
        }),
    });
    const sink = await rig.listen();
    const follow = follower!.onBatch.bind(follower);
    follower!.onBatch = () => {};
    await rig.publish('a', '1');
    await close(rig);
    follower!.onLost('gone');
    follower!.onStart({ epoch: 'e', seq: 2, publicSeq: 2 });
    follower!.onBatch = follow;
    await rig.settle();
    expect([stateOf(sink), sink.text]).toEqual(['ended', FROM_NOW + frame(1, '1') + frame(2, 'end')]);
  });

  test('gives nothing more to who has not taken all when it ends, also if the topic begins anew', async () => {
    const rig = new Rig();
    const sink = await rig.listen({}, VIEW, 1);
    await close(rig);
    await rig.tick();
    expect(sink.state).toBe('ending');
    expect(rig.fanOut.stats()).toMatchObject({ listeners: 1, live: 0 });
    await rig.log.topics.delete('a');
    await rig.publish('a', '3');
    await rig.settle();
    rig.clock.advance(5000);
    expect([stateOf(sink), sink.text]).toEqual(['ended', FROM_NOW + frame(1, 'end')]);
    await settled();
    expect(rig.fanOut.listeners).toBe(0);
  });
});

describe('a topic that is deleted', () => {
  test('ends its listeners, who are told when they come back, and leaves those of several topics', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    const other = await rig.listen({}, OTHERS);
    await rig.publish('a', '1');
    await rig.log.topics.delete('a');
    await rig.settle();
    expect([stateOf(sink), sink.text]).toEqual(['ended', FROM_NOW + frame(1, '1')]);
    await rig.publish('a', '3');
    const back = await rig.listen({ lastEventId: 'e.1' });
    await rig.settle();
    expect(back.text).toBe(`:\n\n${gap('e.1', 2, 'deleted')}${frame(3, '3')}`);
    expect([stateOf(other), other.text]).toEqual(['open', FROM_NOW + frame(1, '1') + frame(3, '3')]);
    expect(stateOf(back)).toBe('open');
  });

  test('is told to who comes back to several topics, though nothing follows its cursor', async () => {
    const rig = new Rig();
    await rig.listen({}, OTHERS);
    await rig.publish('a', '1');
    await rig.settle();
    await rig.log.topics.delete('a');
    await rig.settle();
    const back = await rig.listen({ lastEventId: 'e.1' }, OTHERS);
    await rig.settle();
    expect(back.text).toBe(`:\n\n${gap('e.1', 2, 'deleted')}`);
  });

  test('shows nothing of its deletion to who sees no private events, if it had no others', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    const seeing = await rig.listen({}, { key: 'p', selection: { topics: ['a'], private: 'all' } });
    await append(rig, 'a', { private: true });
    await rig.log.topics.delete('a');
    await rig.settle();
    expect([stateOf(sink), sink.text, stateOf(seeing)]).toEqual(['open', FROM_NOW, 'ended']);
    const back = await rig.listen({ lastEventId: 'e.0' });
    await rig.settle();
    expect(back.text).toBe(':\n\n');
  });

  test('ends those who catch up, and those who read a tick that was too large', async () => {
    const rig = new Rig({ maxTickBytes: 10 });
    const slow = await rig.listen({}, VIEW, 1);
    await rig.publish('a', '1', '2', '3');
    await rig.tick();
    await rig.log.topics.delete('a');
    await rig.settle();
    expect(stateOf(slow)).toBe('ended');
    const back = await rig.listen({ lastEventId: 'e.1' });
    await rig.settle();
    expect(back.text).toBe(`:\n\n${gap('e.1', 4, 'deleted')}`);
  });

  test('is told as trimmed where retention has removed what followed the deletion', async () => {
    const rig = new Rig({ retention: { maxEvents: 1 } });
    await rig.publish('a', '1');
    await rig.log.topics.delete('a');
    const sink = await rig.listen({ lastEventId: 'earliest' });
    await rig.publish('a', '3', '4', '5');
    await rig.settle();
    expect(sink.text).toContain('"reason":"trimmed"');
  });
});
