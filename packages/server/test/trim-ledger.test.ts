import { Selector, TrimLedger, Turn, type Selection, type TopicSet } from '@tidings/server/log';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

function note(ledger: TrimLedger, seq: number, topics: string | string[], isPrivate = false): readonly string[] {
  const plan = ledger.plan([{ seq, topics: [topics].flat(), private: isPrivate }]);
  ledger.apply(plan);
  return plan.forgotten;
}

const topic = (name: string, isPrivate = false): Selection => ({ topics: [name], private: isPrivate ? 'all' : [] });
const pattern = (text: string) => ({ pattern: text, base: 'https://hub.example/' });

describe('the ledger of what was trimmed', () => {
  test('is changed when a plan is applied, not when it is made', () => {
    const ledger = new TrimLedger();
    const selection = topic('a');
    const plan = ledger.plan([{ seq: 3, topics: ['a'], private: false }]);
    expect(ledger.trimmed(selection).through).toBe(0);
    ledger.apply(plan);
    expect(ledger.trimmed(selection).through).toBe(3);
  });

  test('forgets the topics trimmed longest ago into a floor that holds for all', () => {
    const ledger = new TrimLedger(2);
    note(ledger, 1, 'a');
    note(ledger, 2, 'b', true);
    note(ledger, 3, 'a');
    expect(note(ledger, 4, 'c')).toEqual(['b']);
    expect([ledger.trimmed(topic('b')).through, ledger.trimmed(topic('b', true)).through]).toEqual([0, 2]);
    expect([
      ledger.trimmed(topic('never', true)).through,
      ledger.trimmed(topic('a')).through,
      ledger.trimmed(topic('c')).through,
    ]).toEqual([2, 3, 4]);
    expect(note(ledger, 5, 'd')).toEqual(['a']);
    expect([
      ledger.trimmed(topic('never')).through,
      ledger.trimmed(topic('c')).through,
      ledger.trimmed(topic('d')).through,
    ]).toEqual([3, 4, 5]);
  });

  test('counts a removal behind others of the topic, which were removed before it', () => {
    const seesA: Selection = { topics: ['a'], private: ['a'] };
    const seesB: Selection = { topics: ['a'], private: ['b'] };
    const all = [topic('a'), seesA, seesB];
    const ledger = new TrimLedger();
    const trims = (): number[] => all.map((selection) => ledger.trimmed(selection).trims);
    note(ledger, 5, 'a');
    expect(trims()).toEqual([1, 1, 1]);
    note(ledger, 3, 'a', true);
    expect(trims()).toEqual([1, 2, 1]);
    note(ledger, 4, 'a');
    expect(trims()).toEqual([3, 3, 3]);
    note(ledger, 2, ['a', 'b'], true);
    expect(trims()).toEqual([3, 4, 4]);
    expect(all.map((selection) => ledger.trimmed(selection).through)).toEqual([5, 5, 5]);
  });

  test('takes up what a store remembered', () => {
    const ledger = new TrimLedger();
    const selection = topic('a');
    expect(ledger.trimmed(selection).through).toBe(0);
    ledger.restore('a', { all: 7, public: 5 });
    expect([ledger.trimmed(selection).through, ledger.trimmed(topic('a', true)).through]).toEqual([5, 7]);
    ledger.restoreFloor({ all: 9, public: 6 });
    expect([
      ledger.trimmed(selection).through,
      ledger.trimmed(topic('a', true)).through,
      ledger.trimmed(topic('b')).through,
    ]).toEqual([6, 9, 6]);
  });

  test('never goes back', () => {
    const ledger = new TrimLedger();
    note(ledger, 7, 'a');
    note(ledger, 3, 'a');
    expect(ledger.trimmed(topic('a')).through).toBe(7);
  });

  test('counts up to the last trim of an event after a place', () => {
    const ledger = new TrimLedger();
    const trims = (after: number): number => ledger.trimmed(topic('a'), after).trims;
    note(ledger, 5, 'a');
    expect([trims(0), trims(4), trims(5)]).toEqual([1, 1, 0]);
    note(ledger, 3, 'a');
    note(ledger, 4, 'b');
    expect([trims(0), trims(2), trims(3), trims(4), trims(5)]).toEqual([2, 2, 1, 1, 0]);
    note(ledger, 9, 'a');
    expect([trims(0), trims(8), trims(9)]).toEqual([4, 4, 0]);
  });

  test('may count too much, never too little, where events are removed in an order of their own', () => {
    const ledger = new TrimLedger();
    for (let seq = 100; seq > 0; seq -= 1) note(ledger, seq, 'a');
    for (let after = 0; after < 100; after += 1) {
      // The last event after the place that was removed is the next one.
      expect(ledger.trimmed(topic('a'), after).trims).toBeGreaterThanOrEqual(100 - after);
    }
    expect(ledger.trimmed(topic('a'), 100).trims).toBe(0);
  });

  test('counts a private event of several topics for those who see one of them', () => {
    const ledger = new TrimLedger();
    note(ledger, 1, ['t', 'u'], true);
    expect(ledger.trimmed({ topics: ['t'], private: ['u'] }).through).toBe(1);
    expect(ledger.trimmed({ topics: ['t'], private: [] }).through).toBe(0);
    expect(ledger.trimmed({ topics: ['v'], private: ['u'] }).through).toBe(0);
    note(ledger, 2, 't', true);
    expect(ledger.trimmed({ topics: ['t'], private: ['u'] }).through).toBe(1);
    expect(ledger.trimmed({ topics: ['t'], private: ['t'] }).through).toBe(2);
  });

  test('brings an answer up to date after very many changes, and after few', () => {
    const ledger = new TrimLedger();
    const selections: Selection[] = [{ topics: [pattern(':n')] }, { topics: 'all', private: [pattern('a:n')] }];
    const answers = (): number[] => selections.map((selection) => ledger.trimmed(selection).through);
    expect(answers()).toEqual([0, 0]);
    note(ledger, 1, 'a1');
    note(ledger, 2, 'a2', true);
    expect(answers()).toEqual([1, 2]);
    for (let seq = 3; seq < 30_000; seq += 1) note(ledger, seq, `b/${seq % 100}`);
    expect(answers()).toEqual([1, 29_999]);
    note(ledger, 30_000, 'c');
    expect(answers()).toEqual([30_000, 30_000]);
  });

  test('asks very many topics in turns, while others are trimmed', () => {
    const ledger = new TrimLedger();
    for (let seq = 1; seq <= 50_000; seq += 1) note(ledger, seq, `a/${seq}`);
    const selection: Selection = { topics: [pattern('a/49999'), pattern('b/*')] };
    let answer: { through: number } | undefined;
    let turns = 0;
    for (; !answer; turns += 1) {
      const turn = new Turn({ now: () => 0 }, 1);
      answer = ledger.trimmed(selection, 0, turn);
      // A turn is over soon after a million steps.
      expect(turn.steps).toBeLessThan(1_200_000);
      note(ledger, 50_001 + turns, `c/${turns % 3}`);
      if (turns === 5) note(ledger, 60_000, 'b/late');
    }
    expect(turns).toBeGreaterThan(20);
    expect(answer.through).toBe(60_000);
    expect(ledger.trimmed(selection).through).toBe(60_000);
  });

  test('never says less than what was trimmed, and no more where that is exact', () => {
    const NAMES = ['a', 'b', 'c'];
    const names = fc.subarray(NAMES, { minLength: 1 });
    const set: fc.Arbitrary<TopicSet> = fc.oneof(
      fc.constant('all' as const),
      fc.subarray(NAMES),
      fc.subarray(NAMES).map((list) => list.map((name) => pattern(name))),
      fc
        .tuple(fc.subarray(NAMES), fc.subarray(NAMES))
        .map(([some, others]) => [...some, ...others.map((name) => pattern(name))]),
    );
    const selection: fc.Arbitrary<Selection> = fc.record({ topics: set, private: set });
    const events = fc.array(fc.record({ topics: names, private: fc.boolean() }), { maxLength: 8 });
    fc.assert(
      fc.property(events, fc.array(selection, { minLength: 1, maxLength: 4 }), fc.nat(8), (all, selections, early) => {
        const ledger = new TrimLedger();
        all.forEach((event, index) => {
          // An answer that was given before must be right later, too.
          if (index === early) for (const each of selections) ledger.trimmed(each);
          note(ledger, index + 1, event.topics, event.private);
        });
        for (const each of selections) {
          const selector = new Selector(each);
          const selected = all.flatMap((event, index) =>
            selector.selects({ ...event, seq: index + 1, id: '', time: 0, frame: new Uint8Array() }) ? [index + 1] : [],
          );
          const truth = selected.at(-1) ?? 0;
          const told = ledger.trimmed(each).through;
          expect(told).toBeGreaterThanOrEqual(truth);
          const isExact = all.every((event) => !event.private || event.topics.length === 1);
          if (isExact) expect(told).toBe(truth);
        }
      }),
      { numRuns: 500 },
    );
  });
});
