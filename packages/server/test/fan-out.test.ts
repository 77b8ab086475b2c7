import type { View } from '@tidings/server/live';
import type { EventLog, LogEntry, MemoryLog, TopicPattern } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';
import { frame, FROM_NOW, Rig, type RigOptions, VIEW } from './fan-out-rig.ts';
import type { FakeSink } from './model/fake-sink.ts';

const EVERY: TopicPattern = { pattern: '*', base: 'https://hub.test/topics/' };

/** A fan-out on a log whose reads are counted. */
function countingRig(options: RigOptions = {}): { rig: Rig; reads: () => number } {
  let reads = 0;
  const count = (log: MemoryLog): EventLog =>
    new Proxy(log, {
      get: (target, name: keyof MemoryLog) => {
        if (name === 'read') {
          return (...asked: Parameters<MemoryLog['read']>) => {
            reads += 1;
            return target.read(...asked);
          };
        }
        const value = target[name];
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  return { rig: new Rig({ ...options, wrap: count }), reads: () => reads };
}

describe('a tick', () => {
  test('is one write for each listener, however many events it holds', async () => {
    const rig = new Rig();
    const sinks = [await rig.listen(), await rig.listen()];
    await rig.publish('a', '1', '2', '3');
    expect(rig.scheduled).toBe(1);
    await rig.tick();
    for (const sink of sinks) {
      expect(sink.chunks).toHaveLength(2);
      expect(sink.text).toBe(FROM_NOW + frame(1, '1') + frame(2, '2') + frame(3, '3'));
    }
  });

  test('is put together once: every member of a cohort is given the very same chunk', async () => {
    const rig = new Rig();
    const one = await rig.listen();
    const other = await rig.listen({}, { ...VIEW, selection: { ...VIEW.selection } });
    await rig.publish('a', '1', '2');
    await rig.tick();
    expect(one.chunks[1]).toBe(other.chunks[1]);
    expect(one.chunks[1]!.chunked).toBe(other.chunks[1]!.chunked);
  });

  test('of one event is that event’s frame, not a copy', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    let told: LogEntry | undefined;
    rig.log.follow({
      onStart: () => {},
      onBatch: ([entry]) => {
        told = entry;
      },
      onLost: () => {},
    });
    await rig.publish('a', '1');
    await rig.tick();
    expect(sink.chunks[1]!.bytes).toBe(told!.frame);
  });

  test('writes nothing to those whose topics were silent', async () => {
    const rig = new Rig();
    const sink = await rig.listen();
    await rig.publish('b', '1');
    await rig.tick();
    expect(sink.text).toBe(FROM_NOW);
  });

  test('gives an event to a cohort once, though several of its topics and its pattern select it', async () => {
    const rig = new Rig();
    const view: View = { key: 'ab', selection: { topics: ['a', 'b', EVERY] } };
    const sink = await rig.listen({}, view);
    await rig.log.append([{ topics: ['a', 'b', 'c'], fields: { data: '1' } }]);
    await rig.tick();
    expect(sink.text).toBe(FROM_NOW + frame(1, '1'));
  });

  test('holds what a view makes of an entry, live and read from the log', async () => {
    const rig = new Rig();
    const view: View = { ...VIEW, render: (entry) => Buffer.from(`id: ${entry.id}\ndata: rendered\n\n`) };
    await rig.publish('a', '1');
    const sink = await rig.listen({ lastEventId: 'earliest' }, view);
    await rig.settle();
    await rig.publish('a', '2');
    await rig.tick();
    expect(sink.text).toBe(`:\n\n${frame(1, 'rendered')}${frame(2, 'rendered')}`);
  });

  test('asks the log for a bounded number of pages, and the next one for the rest', async () => {
    const { rig, reads } = countingRig();
    for (let n = 1; n <= 40; n += 1) await rig.publish('a', String(n));
    for (let n = 0; n < 40; n += 1) await rig.listen({ lastEventId: `e.${n}` });
    await rig.tick();
    expect(reads()).toBe(32);
    await rig.tick();
    expect(reads()).toBe(40);
  });
});

describe('a listener', () => {
  test('is told its position at once when it comes without a cursor', async () => {
    const rig = new Rig();
    await rig.publish('b', '1', '2');
    expect((await rig.listen()).text).toBe('event: tidings-heartbeat\nid: e.2\ndata:\n\n');
    const last = await rig.listen({ last: 5 }, { key: 'b', selection: { topics: ['b'] } });
    await rig.settle();
    expect(last.text).toBe(FROM_NOW + frame(1, '1') + frame(2, '2'));
  });

  test('is sent a comment at once when it comes with a cursor', async () => {
    const rig = new Rig();
    const sink = await rig.listen({ lastEventId: 'e.0' });
    expect(sink.text).toBe(':\n\n');
  });

  test('that comes back is given what others were given a moment ago at once, and goes on behind it', async () => {
    const { rig, reads } = countingRig();
    await rig.publish('a', '1', '2');
    const first = [await rig.listen({ lastEventId: 'e.0' }), await rig.listen({ lastEventId: 'e.0' })];
    await rig.settle();
    await rig.publish('b', '3');
    await rig.tick();
    const back = await rig.listen({ lastEventId: 'e.0' });
    expect(back.text).toBe(frame(1, '1') + frame(2, '2'));
    expect(back.chunks[0]).toBe(first[0]!.chunks[1]);
    await rig.publish('a', '4');
    await rig.tick();
    for (const sink of first) expect(sink.text).toBe(`:\n\n${frame(1, '1')}${frame(2, '2')}${frame(4, '4')}`);
    expect(back.text).toBe(frame(1, '1') + frame(2, '2') + frame(4, '4'));
    expect(reads()).toBe(1);
  });

  test('that comes back to topics on which nothing has happened is live at once', async () => {
    const { rig, reads } = countingRig();
    const stayed = await rig.listen();
    await rig.publish('b', '1', '2');
    await rig.tick();
    await rig.publish('b', '3');
    const back = await rig.listen({ lastEventId: 'e.1' });
    expect(rig.fanOut.stats().live).toBe(2);
    await rig.publish('a', '4');
    await rig.tick();
    expect([stayed.text, back.text]).toEqual([FROM_NOW + frame(4, '4'), `:\n\n${frame(4, '4')}`]);
    expect(reads()).toBe(0);
  });

  test('that comes back in the middle of a tick is given what the tick holds once', async () => {
    const rig = new Rig();
    await rig.listen();
    await rig.publish('b', '1');
    await rig.tick();
    await rig.publish('a', '2');
    const back = await rig.listen({ lastEventId: 'e.0' });
    await rig.settle();
    expect(back.text).toBe(`:\n\n${frame(2, '2')}`);
  });

  test('begins with the next event, though a tick is under way', async () => {
    const rig = new Rig();
    const first = await rig.listen();
    await rig.publish('a', '1');
    const second = await rig.listen();
    await rig.publish('a', '2');
    await rig.tick();
    expect(first.text).toBe(FROM_NOW + frame(1, '1') + frame(2, '2'));
    expect(second.text).toBe(`event: tidings-heartbeat\nid: e.1\ndata:\n\n${frame(2, '2')}`);
  });

  test('that catches up is read to at the pace of its transport, a page at a time', async () => {
    const rig = new Rig({ maxBacklogBytes: 65_536 });
    const large = 'x'.repeat(60_000);
    await rig.publish('a', large, large, large, large, '5');
    const sink = await rig.listen({ lastEventId: 'earliest' }, VIEW, 1000);
    const seen: number[] = [];
    for (;;) {
      await rig.settle();
      seen.push(sink.take().length);
      if (rig.scheduled === 0) break;
    }
    // Two of the large events reach the size of a page.
    expect(seen.map((bytes) => Math.round(bytes / 60_000))).toEqual([2, 2, 0]);
    await rig.publish('a', '6');
    await rig.tick();
    expect(sink.text.endsWith(frame(5, '5') + frame(6, '6'))).toBe(true);
  });

  test('whose log cannot be read sees a broken stream', async () => {
    const broken = (log: MemoryLog): EventLog =>
      new Proxy(log, {
        get: (target, name: keyof MemoryLog) => {
          if (name === 'read') return () => Promise.reject(new Error('the disk is gone'));
          const value = target[name];
          return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
        },
      });
    const rig = new Rig({ wrap: broken });
    await rig.publish('a', '1');
    await rig.settle();
    const sink = await rig.listen({ lastEventId: 'earliest' });
    await rig.settle();
    expect(sink.state).toBe('destroyed');
    expect(rig.fanOut.listeners).toBe(0);
  });

  test('counts from its beginning to its end, for the topics that it would get', async () => {
    const rig = new Rig();
    const sinks = [
      await rig.listen(),
      await rig.listen({ lastEventId: 'earliest' }),
      await rig.listen({}, { key: 'p', selection: { topics: [{ ...EVERY, pattern: 'b' }, 'a'] } }),
    ];
    const counts = (): number[] => [rig.fanOut.listeners, ...['a', 'b', 'c'].map((t) => rig.fanOut.listenersOf(t))];
    expect(counts()).toEqual([3, 3, 1, 0]);
    for (const sink of sinks) sink.leave();
    expect(counts()).toEqual([0, 0, 0, 0]);
  });
});

describe('a listener that asked for the earliest event', () => {
  const EARLIEST = { lastEventId: 'earliest' };
  const at = (seq: number): string => `event: tidings-heartbeat\nid: e.${seq}\ndata:\n\n`;
  const view = (changes: Partial<View>): View => ({ ...VIEW, ...changes });

  test.each([
    ['of which there is none', { topics: ['a'] }, undefined],
    ['of a type of which there is none', { topics: ['b'], types: ['odd'] }, undefined],
    ['and whose filter lets none through', { topics: ['b'] }, () => false],
  ])('%s gets its position, and is told what is trimmed until it comes back', async (name, selection, accepts) => {
    const rig = new Rig({ keepAliveMs: 0, retention: { maxEvents: 3 } });
    await rig.publish('b', '1', '2', '3');
    const own = view({ key: name, selection, ...(accepts ? { accepts } : {}) });
    const first = await rig.listen(EARLIEST, own);
    await rig.settle();
    expect(first.text).toBe(`:\n\n${at(3)}`);
    first.leave();
    // Two of these are gone when it comes back.
    const fields = { data: 'x', event: 'odd' };
    for (let n = 4; n <= 8; n += 1) await rig.log.append([{ topics: ['a', 'b'], fields }]);
    const again = await rig.listen({ lastEventId: 'e.3' }, own);
    await rig.settle();
    expect(again.text).toContain('"after":"e.3","resumedAt":"e.5","reason":"trimmed"');
  });

  test('is not told of what had been trimmed before it asked, also if it comes back', async () => {
    const perTopic = [{ topics: ['a'], maxEvents: 0 }];
    const rig = new Rig({ keepAliveMs: 0, retention: { perTopic } });
    await rig.publish('b', '1');
    await rig.publish('a', '2');
    await rig.publish('b', '3');
    const first = await rig.listen(EARLIEST);
    await rig.settle();
    expect(first.text).toBe(`:\n\n${at(3)}`);
    const again = await rig.listen({ lastEventId: 'e.3' });
    await rig.settle();
    expect(again.text).toBe(':\n\n');
  });

  test('of an empty log gets its position at once', async () => {
    const rig = new Rig({ keepAliveMs: 0 });
    expect((await rig.listen(EARLIEST)).text).toBe(at(0));
  });

  test('gets no position beside an event that has one, or past the newest public event', async () => {
    const rig = new Rig({ keepAliveMs: 0 });
    await rig.publish('a', '1');
    await rig.log.append([{ topics: ['b'], fields: { data: '2' }, private: true }]);
    const some = await rig.listen(EARLIEST);
    const none = await rig.listen(EARLIEST, view({ key: 'b', selection: { topics: ['b'] } }));
    const all = await rig.listen(EARLIEST, view({ key: 'c', selection: { topics: ['c'], private: 'all' } }));
    await rig.settle();
    expect(some.text).toBe(`:\n\n${frame(1, '1')}`);
    expect(none.text).toBe(`:\n\n${at(1)}`);
    expect(all.text).toBe(`:\n\n${at(2)}`);
  });
});

describe('a slow listener', () => {
  test('is caught up from the log once it has drained, and loses nothing', async () => {
    const rig = new Rig();
    const [slow, quick] = [await rig.listen(), await rig.listen()];
    for (let n = 1; n <= 50; n += 1) {
      await rig.publish('a', String(n));
      await rig.tick();
      quick.take();
    }
    const bound = 200 + frame(50, '50').length;
    expect(slow.backlog).toBeLessThanOrEqual(bound);
    slow.take();
    await rig.settle();
    slow.take();
    await rig.publish('a', '51');
    await rig.tick();
    expect(slow.text).toBe(quick.text);
    expect(slow.chunks.at(-1)).toBe(quick.chunks.at(-1));
  });

  test('is told what was trimmed while it did not read', async () => {
    const rig = new Rig({ retention: { maxEvents: 2 }, maxBacklogBytes: 0 });
    const slow = await rig.listen({}, VIEW, 1);
    const gap = `event: tidings-gap\nid: e.10\ndata: {"after":"e.0","resumedAt":"e.10","reason":"trimmed"}\n\n`;
    for (let n = 1; n <= 12; n += 1) {
      await rig.publish('a', String(n));
      await rig.tick();
    }
    slow.take();
    await rig.settle();
    expect(slow.text).toBe(FROM_NOW + gap + frame(11, '11') + frame(12, '12'));
  });
});

describe('a tick that is too large', () => {
  const DATA = 'x'.repeat(3000);
  const SIX = [DATA, DATA, DATA, DATA, DATA, DATA];

  /** A listener that does not read, in a cohort of its own. */
  async function given(options: RigOptions): Promise<{ rig: Rig; reads: () => number; sink: FakeSink }> {
    const { rig, reads } = countingRig({ maxTickBytes: 10_000, ...options });
    const sink = await rig.listen();
    sink.take();
    await rig.publish('a', ...SIX);
    await rig.settle();
    return { rig, reads, sink };
  }

  test('is given at the pace of each listener, which is live again behind it', async () => {
    const { rig, sink } = await given({});
    const page = frame(1, DATA).length * 2;
    expect(sink.backlog).toBe(page);
    for (let n = 2; n <= 3; n += 1) {
      sink.take();
      await rig.settle();
      expect(sink.backlog).toBe(page);
    }
    sink.take();
    await rig.publish('a', '7');
    await rig.tick();
    expect(sink.text).toBe(FROM_NOW + SIX.map((data, index) => frame(index + 1, data)).join('') + frame(7, '7'));
    expect(rig.fanOut.stats()).toMatchObject({ live: 1, delivered: 7, overflows: 0, dropped: 0, gaps: 0 });
  });

  test('is not one of a single event, or one that is just within the bound', async () => {
    const rig = new Rig({ maxTickBytes: frame(1, '1').length * 2 });
    const sink = await rig.listen();
    await rig.publish('a', '1', '2');
    await rig.tick();
    await rig.publish('a', DATA);
    await rig.tick();
    expect(sink.chunks.map(({ bytes }) => bytes.length)).toEqual([
      FROM_NOW.length,
      frame(1, '1').length * 2,
      frame(3, DATA).length,
    ]);
    expect(rig.fanOut.stats().live).toBe(1);
  });

  test('is given whole where slow listeners are evicted', async () => {
    const { sink } = await given({ overflow: 'evict' });
    expect([sink.chunks.length, sink.backlog]).toEqual([2, frame(1, DATA).length * 6]);
  });

  test('is given whole, and so is what follows meanwhile, where the log keeps less', async () => {
    const { rig, reads, sink } = await given({ retention: { maxEvents: 1 } });
    // The listener has got a part of the first tick.
    for (const data of ['7', '8']) {
      await rig.publish('a', data);
      await rig.settle();
    }
    for (let n = 0; n < 4; n += 1) {
      sink.take();
      await rig.settle();
    }
    const whole = SIX.map((data, index) => frame(index + 1, data)).join('');
    expect(sink.text).toBe(FROM_NOW + whole + frame(7, '7') + frame(8, '8'));
    expect(rig.fanOut.stats()).toMatchObject({ live: 1, delivered: 8, overflows: 0, dropped: 0, gaps: 0 });
    expect(reads()).toBe(0);
  });

  test('is not given to listeners that come later, and is kept only while others read it', async () => {
    const { rig, sink } = await given({ retention: { maxEvents: 2 } });
    const late = await rig.listen({ lastEventId: 'e.0' }, VIEW, 100_000);
    await rig.settle();
    expect(late.text).toContain('"resumedAt":"e.4"');
    sink.leave();
    const next = await rig.listen({}, { ...VIEW, key: 'next' });
    await rig.publish('a', '7');
    await rig.settle();
    expect(next.text).toContain(frame(7, '7'));
    expect(rig.fanOut.stats()).toMatchObject({ listeners: 2, live: 2 });
  });
});

describe('a gap', () => {
  test('names the id that the listener came with, and later ones the place where it was', async () => {
    const rig = new Rig({ retention: { maxEvents: 2 }, maxBacklogBytes: 0 });
    const view: View = { key: 'ab', selection: { topics: ['a', 'b'] } };
    await rig.log.append([{ topics: ['a'], fields: { data: '1', id: 'mine' } }]);
    await rig.publish('a', '2');
    // It is found before it is trimmed, and read for after.
    const sink = await rig.listen({ lastEventId: 'mine' }, view, 1);
    await rig.publish('a', '3', '4');
    await rig.settle();
    await rig.publish('a', '5', '6', '7');
    await rig.settle();
    sink.take();
    await rig.settle();
    const told = [...sink.text.matchAll(/"after":"(.+?)"/g)].map(([, after]) => after);
    expect(told).toEqual(['mine', 'e.4']);
  });
});

describe('events of new topics that take long to match', () => {
  const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const topicOf = (n: number): string => `${'a'.repeat(1000)}${n}`;

  /** A fan-out with many listeners whose patterns are as bad as they may be, and one to exact topics. */
  async function rigOf(topics: readonly string[]): Promise<{ rig: Rig; exact: FakeSink; pattern: FakeSink }> {
    const rig = new Rig({ maxBacklogBytes: 2 ** 30 });
    const patterns = Array.from({ length: 40 }, (_, n) => `${'{a}*'.repeat(240)}{b}?{${39 - n}}?{c}?`);
    const sinks = await Promise.all(
      patterns.map((text) => rig.listen({}, { key: text, selection: { topics: [{ ...EVERY, pattern: text }] } }, 1e9)),
    );
    const exact = await rig.listen({}, { key: 'exact', selection: { topics } }, 1e9);
    return { rig, exact, pattern: sinks[38]! };
  }

  const dataOf = ({ text }: FakeSink): string[] => [...text.matchAll(/^data: (\d+)/gm)].map(([, data]) => data!);

  test('reach whoever can be asked in time at once, and the others by the log, each once and in order', async () => {
    const topics = [topicOf(1), 'known', topicOf(2)];
    const { rig, exact, pattern } = await rigOf(topics);
    const usual = await rig.listen({}, { key: 'usual', selection: { topics: [{ ...EVERY, pattern: 'a*' }] } }, 1e9);
    await rig.publish(topics[0]!, '1');
    await rig.publish(topics[1]!, '2');
    for (const run of rig.due()) run();
    expect([dataOf(exact), dataOf(usual), dataOf(pattern)]).toEqual([['1', '2'], ['1'], []]);
    await rig.publish(topics[2]!, '3');
    await rig.publish(topics[0]!, '4');
    for (let turn = 0; turn < 100 && rig.fanOut.stats().live < 42; turn += 1) {
      await rig.settle();
      await turnOfTheLoop();
    }
    expect([dataOf(exact), dataOf(usual), dataOf(pattern)]).toEqual([
      ['1', '2', '3', '4'],
      ['1', '3', '4'],
      ['1', '4'],
    ]);
    // What is known by now is handed over at once.
    await rig.publish(topics[0]!, '5');
    for (const run of rig.due()) run();
    expect([exact, usual, pattern].map((sink) => dataOf(sink).at(-1))).toEqual(['5', '5', '5']);
    expect(pattern.text).not.toContain('tidings-gap');
  });

  test('reach whoever joins meanwhile', async () => {
    const { rig, exact } = await rigOf([topicOf(1)]);
    for (let n = 0; n < 5; n += 1) {
      await rig.publish(topicOf(n), String(n));
      await rig.listen(
        { lastEventId: `e.${n}` },
        { key: 'late', selection: { topics: [{ ...EVERY, pattern: 'a*' }] } },
      );
    }
    const late = await rig.listen({ lastEventId: 'e.1' }, { key: 'late', selection: { topics: 'all' } }, 1e9);
    await rig.publish(topicOf(9), '9');
    for (let turn = 0; turn < 100 && rig.fanOut.stats().live < 47; turn += 1) {
      await rig.settle();
      await turnOfTheLoop();
    }
    expect(dataOf(exact)).toEqual(['1']);
    expect(dataOf(late)).toEqual(['1', '2', '3', '4', '9']);
  });
});
