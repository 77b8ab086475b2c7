import { placeEvent, prepareBatch, Selector, TopicTest, type LogEntry, type NewEvent } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

const pattern = (text: string) => ({ pattern: text, base: 'https://hub.example/topics/' });

function entry(topics: string[], fields: NewEvent['fields'] = { data: '' }, isPrivate = false): LogEntry {
  const [event] = prepareBatch([{ topics, fields, private: isPrivate }], {}).events;
  return placeEvent(event!, 'e', 1, 0);
}

describe('a set of topics', () => {
  test.each([
    ['all', true, false, false],
    [[], false, true, true],
    [['a', 'b'], false, true, false],
    [['a', pattern('b/:n')], false, false, false],
  ] as const)('of %j knows what kind it is', (set, isAll, isExact, isEmpty) => {
    const { isAll: all, isExact: exact, isEmpty: empty } = new TopicTest(set);
    expect({ all, exact, empty }).toEqual({ all: isAll, exact: isExact, empty: isEmpty });
  });

  test('has its topics, those that its patterns match, and no others', () => {
    const set = new TopicTest(['a', pattern('b/:n')]);
    expect(['a', 'b/1', 'b', 'b/1/2', 'A', ''].map((topic) => set.has(topic))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(new TopicTest('all').has('whatever')).toBe(true);
    expect([...set.exact]).toEqual(['a']);
  });
});

describe('the results of patterns are remembered', () => {
  test('up to a number of bytes, of few long topics as of many short ones', () => {
    const kept = (topics: readonly string[]): number => {
      const set = new TopicTest([pattern('b/:n')]);
      for (const topic of topics) set.has(topic);
      return topics.filter((topic) => set.knows(topic)).length;
    };
    const long = Array.from({ length: 100 }, (_, at) => `${at}${'x'.repeat(1000)}`);
    expect(kept(long)).toBeGreaterThan(0);
    expect(kept(long)).toBeLessThan(10);
    const short = Array.from({ length: 300 }, (_, at) => `b/${at}`);
    expect(kept(short)).toBe(300);
    // The newest is always known, so that a search gets on.
    const set = new TopicTest([pattern('b/:n')]);
    expect(set.has('b/'.padEnd(20_000, 'x'))).toBe(true);
    expect(set.knows('b/'.padEnd(20_000, 'x'))).toBe(true);
  });
});

describe('a selection', () => {
  test('selects events of its topics', () => {
    const selector = new Selector({ topics: ['a', pattern('b/:n')] });
    expect(selector.selects(entry(['c', 'a']))).toBe(true);
    expect(selector.selects(entry(['c', 'b/9']))).toBe(true);
    expect(selector.selects(entry(['c']))).toBe(false);
    expect(new Selector({ topics: [] }).selects(entry(['c']))).toBe(false);
  });

  test('selects private events of topics whose private events it sees', () => {
    const event = entry(['t', 'u'], { data: '' }, true);
    expect(new Selector({ topics: ['t'] }).selects(event)).toBe(false);
    expect(new Selector({ topics: ['t'], private: [] }).selects(event)).toBe(false);
    expect(new Selector({ topics: ['t'], private: ['u'] }).selects(event)).toBe(true);
    expect(new Selector({ topics: ['v'], private: ['u'] }).selects(event)).toBe(false);
    expect(new Selector({ topics: 'all', private: [pattern(':any')] }).selects(event)).toBe(true);
  });

  test.each<[NewEvent['fields'], string]>([
    [{ id: 'i' }, 'message'],
    [{ data: 'event: forged' }, 'message'],
    [{ event: '', data: 'x' }, 'message'],
    [{ event: 'message' }, 'message'],
    [{ event: 'ünï', data: 'x' }, 'ünï'],
    [{ event: ' two spaces ', id: 'i' }, ' two spaces '],
    [{ event: 'right', comment: 'event: wrong\nevent: worse' }, 'right'],
    [{ comment: '\n\n', retry: 5, data: '\nevent: forged' }, 'message'],
    [{ id: 'event: x', data: '' }, 'message'],
  ])('reads from the frame of %j the type %s', (fields, type) => {
    expect(new Selector({ topics: 'all', types: [type] }).selects(entry(['a'], fields))).toBe(true);
    expect(
      new Selector({ topics: 'all', types: [`${type} `, 'x', 'forged', 'wrong'] }).selects(entry(['a'], fields)),
    ).toBe(false);
    expect(new Selector({ topics: 'all', types: [] }).selects(entry(['a'], fields))).toBe(false);
  });

  test('is compiled once for each object', () => {
    const selection = { topics: ['a'] };
    expect(Selector.of(selection)).toBe(Selector.of(selection));
    expect(Selector.of({ topics: ['a'] })).not.toBe(Selector.of(selection));
  });
});
