import type { Sink, View } from '@tidings/server/live';
import { Selector, Turn, type LogEntry } from '@tidings/server/log';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cohort } from '../dist/live/cohort.js';
import { CohortIndex } from '../dist/live/cohort-index.js';
import type { Listener } from '../dist/live/listener.js';
import { FakeSink } from './model/fake-sink.ts';

const VIEW: View = { key: 'a', selection: { topics: ['a'] } };

function listener(cohort: Cohort<Listener>): Listener {
  const sink: Sink = new FakeSink(1);
  return {
    sink,
    onEnd: undefined,
    present: undefined,
    cohort,
    state: { phase: 'live' },
    index: -1,
    isUnplaced: false,
    told: 0,
    tellings: 0,
    mustAsk: false,
    reason: 'left',
    owed: undefined,
  };
}

test('a cohort has exactly the members that joined and did not leave, each of which knows its index', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (toggles) => {
      const cohort = new Cohort<Listener>(VIEW, 0, 0);
      const all = Array.from({ length: 10 }, () => listener(cohort));
      const expected = new Set<Listener>();
      for (const index of toggles) {
        const one = all[index]!;
        if (expected.delete(one)) cohort.leave(one);
        else {
          expected.add(one);
          cohort.join(one);
        }
        expect(new Set(cohort.members)).toEqual(expected);
        expect(cohort.members).toHaveLength(expected.size);
        for (const member of all) expect(member.index).toBe(cohort.members.indexOf(member));
      }
    }),
  );
});

const fields = (topics: string[]): LogEntry => ({
  seq: 1,
  id: 'e.1',
  topics,
  time: 0,
  private: false,
  frame: new Uint8Array(),
});

test('an index gives the cohorts of a topic, each once, whatever comes and goes', () => {
  const base = 'https://hub.test/topics/';
  const views: View[] = [
    VIEW,
    { key: 'b', selection: { topics: ['b'] } },
    { key: 'a b', selection: { topics: ['a', 'b'] } },
    { key: 'a, pattern', selection: { topics: ['a', { pattern: '*', base }] } },
    { key: 'pattern', selection: { topics: [{ pattern: 'c', base }] } },
    { key: 'patterns', selection: { topics: ['d', { pattern: 'c*', base }, { pattern: ':x', base: 'urn:a' }] } },
    { key: 'within', selection: { topics: [{ pattern: '*c*d*', base }] } },
    { key: 'all', selection: { topics: 'all' } },
  ];
  fc.assert(
    fc.property(fc.array(fc.nat({ max: views.length * 2 - 1 }), { maxLength: 60 }), (toggles) => {
      const index = new CohortIndex<Listener>();
      const joined = new Map<number, Cohort<Listener>>();
      for (const toggle of toggles) {
        const view = views[toggle % views.length]!;
        const cohort = joined.get(toggle);
        if (cohort) {
          index.leave(cohort);
          joined.delete(toggle);
        } else joined.set(toggle, index.join(view, 0, 0));
        const keys = new Set([...joined.values()].map((each) => each.view.key));
        for (const topic of ['a', 'b', 'c', 'd', 'cd']) {
          const expected = views.filter(
            ({ key, selection }) => keys.has(key) && new Selector(selection).selects(fields([topic])),
          );
          expect(
            index
              .of(topic)
              .map((each) => each.view.key)
              .toSorted(),
          ).toEqual(expected.map(({ key }) => key).toSorted());
        }
      }
    }),
  );
});

test('a topic is matched once, and then only against the patterns that came since, whoever else comes and goes', () => {
  const base = 'https://hub.test/topics/';
  const index = new CohortIndex<Listener>();
  const viewOf = (pattern: string): View => ({ key: pattern, selection: { topics: [{ pattern, base }] } });
  const steps = (topic: string): number => {
    const turn = Turn.endless();
    index.ofInTime(topic, turn);
    return turn.steps;
  };
  // Each costs a step for every character.
  for (let n = 0; n < 100; n += 1) index.join(viewOf(`*aaa*${n}*!`), 0, 0);
  // It ends as they do and has their longest text: by these an index would tell it apart.
  const topic = `${'a'.repeat(999)}!`;
  const first = steps(topic);
  expect(first).toBeGreaterThan(100_000);
  expect(steps(topic)).toBeLessThan(100);
  const newcomer = index.join(viewOf('*aaa*x*!'), 0, 0);
  const second = steps(topic);
  expect(second).toBeGreaterThan(1000);
  expect(second).toBeLessThan(first / 5);
  index.leave(newcomer);
  expect(steps(topic)).toBeLessThan(first / 5);
  const exact = index.join({ key: 'exact', selection: { topics: [topic] } }, 0, 0);
  expect(index.of(topic)).toEqual([exact]);
  expect(steps(topic)).toBeLessThan(100);
});

test('a new topic is matched against few of very many patterns', () => {
  const base = 'https://hub.test/topics/';
  const index = new CohortIndex<Listener>();
  for (let n = 0; n < 1000; n += 1) {
    const topics = [{ pattern: `users/${n}/*`, base }];
    index.join({ key: `${n}`, selection: { topics } }, 0, 0);
  }
  const turn = Turn.endless();
  expect(index.ofInTime('users/17/inbox', turn).cohorts.map(({ view }) => view.key)).toEqual(['17']);
  expect(turn.steps).toBeLessThan(10_000);
});

test('also of those that begin with a wildcard and end differently', () => {
  const base = 'https://hub.test/topics/';
  const index = new CohortIndex<Listener>();
  const cohorts = Array.from({ length: 1000 }, (_, n) =>
    index.join({ key: `${n}`, selection: { topics: [{ pattern: `*/of/${n}`, base }] } }, 0, 0),
  );
  const any = index.join({ key: 'any', selection: { topics: [{ pattern: '*', base }] } }, 0, 0);
  const turn = Turn.endless();
  expect(new Set(index.ofInTime('all/of/17', turn).cohorts)).toEqual(new Set([cohorts[17], any]));
  expect(turn.steps).toBeLessThan(10_000);
  for (const cohort of cohorts) index.leave(cohort);
  expect(index.of('all/of/18')).toEqual([any]);
});

test('the topics that have been known for longest are forgotten when their names are long', () => {
  const index = new CohortIndex<Listener>();
  index.join({ key: 'pattern', selection: { topics: [{ pattern: '*x*!', base: 'https://hub.test/topics/' }] } }, 0, 0);
  const nameOf = (n: number): string => `x${n} `.padEnd(1000, 'x');
  const isKnown = (n: number): boolean => {
    const turn = Turn.endless();
    index.ofInTime(nameOf(n), turn);
    return turn.steps === 0;
  };
  // All names together take 20 MB.
  for (let n = 0; n < 10_000; n += 1) expect(isKnown(n)).toBe(false);
  expect([9999, 5000, 0].map(isKnown)).toEqual([true, true, false]);
});
