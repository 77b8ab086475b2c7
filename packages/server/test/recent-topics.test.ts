import { mergeBySeq, RecentTopics } from '@tidings/server/log';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

test('topics are in the order of their newest events, whatever is published to them and trimmed', () => {
  const step = fc.record({
    type: fc.constantFrom('publish', 'publish', 'put back', 'delete'),
    topic: fc.constantFrom('a', 'b', 'c', 'd'),
    back: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (script) => {
      const topics = new RecentTopics<{ topic: string; last: number }>();
      let model: { topic: string; last: number }[] = [];
      script.forEach(({ type, topic, back }, now) => {
        const before = model.find((each) => each.topic === topic);
        if (type === 'delete') {
          topics.delete(topic);
          model = model.filter((each) => each !== before);
        } else if (type === 'publish') {
          const value = { topic, last: now };
          topics.putFirst(value);
          model = [value, ...model.filter((each) => each !== before)];
        } else {
          const value = { topic, last: (before?.last ?? 0) - back - 0.5 };
          topics.putBack(value);
          if (before) model = model.map((each) => (each === before ? value : each)).toSorted((a, b) => b.last - a.last);
        }
        for (const limit of [0, 1, 2, 10]) expect(topics.newest(limit)).toEqual(model.slice(0, limit));
        expect(topics.size).toBe(model.length);
        expect([...topics.names()].toSorted()).toEqual(model.map((each) => each.topic).toSorted());
        expect(topics.get(topic)).toEqual(model.find((each) => each.topic === topic));
      });
    }),
    { numRuns: 300 },
  );
});

test('sorted sources are merged into one, each number once, rising and falling', () => {
  const sorted = fc.uniqueArray(fc.nat(30)).map((list) => list.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(fc.array(sorted, { maxLength: 9 }), (sources) => {
      const all = [...new Set(sources.flat())].toSorted((a, b) => a - b);
      const own = (seq: number): number => seq;
      expect([...mergeBySeq(sources, own, 'rising')]).toEqual(all);
      const falling = sources.map((source) => source.toReversed());
      expect([...mergeBySeq(falling, own, 'falling')]).toEqual(all.toReversed());
    }),
  );
});

test('a merge that is left early closes its sources', () => {
  let open = 0;
  function* source(): Generator<number> {
    open += 1;
    try {
      for (let seq = 1; ; seq += 1) yield seq;
    } finally {
      open -= 1;
    }
  }
  for (const seq of mergeBySeq([source(), source(), []], (each) => each, 'rising')) if (seq === 3) break;
  expect(open).toBe(0);
});

test('a topic whose newest event is kept stays in its place, though the clock was set back', () => {
  const recent = new RecentTopics<{ topic: string; last: number; events: number }>();
  recent.putFirst({ topic: 'a', last: 1000, events: 2 });
  recent.putFirst({ topic: 'b', last: 5, events: 2 });
  recent.putBack({ topic: 'b', last: 5, events: 1 });
  expect(recent.newest(2)).toEqual([
    { topic: 'b', last: 5, events: 1 },
    { topic: 'a', last: 1000, events: 2 },
  ]);
});
