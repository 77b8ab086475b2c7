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

  test('does not count a private event of several topics for those who see none of them', () => {
    const ledger = new TrimLedger();
    const through = (topics: TopicSet, seen: TopicSet): number => ledger.trimmed({ topics, private: seen }).through;
    note(ledger, 1, ['book', 'alice'], true);
    note(ledger, 2, ['book', 'bob', 'carol'], true);
    for (const seen of [['zed'], [pattern('zed')], ['zed', pattern('z:more')]]) {
      expect([through(['book'], seen), through([pattern(':any')], seen), through('all', seen)]).toEqual([0, 0, 0]);
    }
    for (const [name, seq] of [
      ['alice', 1],
      ['bob', 2],
      ['carol', 2],
    ] as const) {
      for (const seen of [[name], [pattern(name)], [pattern('never'), name]]) {
        expect([through(['book'], seen), through(['never', pattern('b:rest')], seen)]).toEqual([seq, seq]);
        expect([through('all', seen), through([name], ['book'])]).toEqual([seq, 2 - Number(seq === 1)]);
      }
    }
    expect([through(['alice'], ['bob']), through(['carol'], ['bob'])]).toEqual([0, 2]);
  });

  test('says exactly what a topic shared with very many others, for those who see some of them by name', () => {
    const ledger = new TrimLedger();
    for (let n = 1; n <= 1000; n += 1) note(ledger, n, ['book', `user/${n}`], true);
    const through = (topics: TopicSet, seen: TopicSet): number => ledger.trimmed({ topics, private: seen }).through;
    expect([1, 7, 984, 985, 1000].map((n) => through(['book'], [`user/${n}`]))).toEqual([1, 7, 984, 985, 1000]);
    expect([1, 1000].map((n) => through([`user/${n}`], ['book']))).toEqual([1, 1000]);
    expect([through(['book'], ['nobody']), through(['book'], ['user/3', 'nobody', 'user/4'])]).toEqual([0, 4]);
    // By a pattern they are found only among the newest; what it says of the others is never too little.
    expect([through(['book'], [pattern('user/1000')]), through(['book'], [pattern('user/7')])]).toEqual([1000, 984]);
  });

  test('reads what a store remembered before the other topics were listed', () => {
    const ledger = new TrimLedger();
    ledger.restore('a', { all: 7, public: 5, shared: 6 });
    ledger.restore('b', { all: 6, public: 0, shared: 6 });
    const through = (topics: TopicSet, seen: TopicSet): number => ledger.trimmed({ topics, private: seen }).through;
    expect([through(['a'], ['b']), through(['b'], ['a']), through(['a'], ['c']), through(['a'], [])]).toEqual([
      6, 6, 5, 5,
    ]);
    note(ledger, 9, ['a', 'c'], true);
    expect([through(['a'], ['b']), through(['a'], ['c']), through(['a'], ['d'])]).toEqual([6, 9, 5]);
    // A process that lists no other topics has removed something.
    const plan = { forgotten: [], floor: { all: 0, public: 0 } };
    const a = { all: 12, public: 10, shared: 11 };
    const b = { all: 11, public: 0, shared: 11 };
    const topics = new Map(Object.entries({ a, b }));
    ledger.apply({ ...plan, topics, removed: new Map(Object.entries({ a: { ...a, public: 0 }, b })) });
    expect([through(['a'], ['b']), through(['b'], ['a']), through(['a'], [])]).toEqual([11, 11, 10]);
    // It would have told of c, too.
    expect([through(['a'], ['c']), through(['a'], [pattern('c')])]).toEqual([10, 11]);
  });

  test('takes over what another process has removed, with the other topics', () => {
    const ahead = new TrimLedger();
    const behind = new TrimLedger();
    note(ahead, 1, ['a', 'b'], true);
    behind.advance(JSON.parse(JSON.stringify(ahead.record())) as ReturnType<TrimLedger['record']>);
    note(ahead, 2, ['a', 'c'], true);
    const all = ['b', 'c', 'd'].map((name): Selection => ({ topics: ['a'], private: [name] }));
    const answers = (ledger: TrimLedger): number[] => all.map((selection) => ledger.trimmed(selection).through);
    expect([answers(behind), answers(ahead)]).toEqual([
      [1, 0, 0],
      [1, 2, 0],
    ]);
    behind.advance(ahead.record());
    expect(answers(behind)).toEqual([1, 2, 0]);
    const before = behind.changes;
    behind.advance(ahead.record());
    expect(behind.changes).toBe(before);
  });

  test('takes over a floor for every selection, and tells who holds an earlier answer', () => {
    const ledger = new TrimLedger();
    const all: Selection[] = [{ topics: 'all', private: 'all' }, { topics: 'all' }, topic('a'), topic('a', true)];
    note(ledger, 1, 'a');
    const before = ledger.changes;
    for (const selection of all) expect(ledger.trimmed(selection).through).toBe(1);
    ledger.advance({ ...ledger.record(), floor: { all: 5, public: 4 } });
    const told = all.map((selection) => ledger.trimmed(selection, 2));
    expect(told.map(({ through }) => through)).toEqual([5, 4, 4, 5]);
    for (const { trims } of told) expect(trims).toBeGreaterThan(before);
    const fresh = new TrimLedger();
    fresh.advance(ledger.record());
    expect(all.map((selection) => fresh.trimmed(selection).through)).toEqual([5, 4, 4, 5]);
  });

  test('forgets topics sooner if they have others', () => {
    const countOf = (others: number): number => {
      const ledger = new TrimLedger(Infinity, 100_000);
      const names = Array.from({ length: others }, (_, n) => `other/${n}`);
      for (let seq = 1; seq <= 500; seq += 1) note(ledger, seq, [`t/${seq}`, ...names], true);
      return ledger.record().topics.length;
    };
    expect(countOf(0)).toBeLessThan(210);
    expect(countOf(1)).toBeLessThan(110);
    expect(countOf(10)).toBeLessThan(50);
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

  test('says exactly what was trimmed, in whatever order, and when', () => {
    const NAMES = ['a', 'b', 'c', 'd'];
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
    const event = fc.record({ topics: names, private: fc.boolean() });
    const events = fc.array(event, { maxLength: 8 }).chain((all) =>
      fc.shuffledSubarray(
        all.map((each, at) => ({ ...each, seq: at + 1 })),
        { minLength: all.length },
      ),
    );
    fc.assert(
      fc.property(
        events,
        fc.array(selection, { minLength: 1, maxLength: 4 }),
        fc.nat(8),
        fc.nat(8),
        fc.boolean(),
        (all, selections, early, after, isCopied) => {
          const ledger = new TrimLedger();
          const copy = new TrimLedger();
          /** The changes of each removal, the first and the last. */
          const changes: (readonly [number, number])[] = [];
          all.forEach((each, index) => {
            // An answer that was given before must be right later, too.
            if (index === early) for (const one of selections) ledger.trimmed(one);
            const before = ledger.changes;
            note(ledger, each.seq, each.topics, each.private);
            changes.push([before + 1, ledger.changes]);
            if (isCopied && index % 3 === 0) copy.advance(ledger.record());
          });
          copy.advance(ledger.record());
          for (const each of selections) {
            const selector = new Selector(each);
            const selected = all.flatMap((one, index) =>
              selector.selects({ ...one, id: '', time: 0, frame: new Uint8Array() }) ? [{ seq: one.seq, index }] : [],
            );
            const truth = Math.max(0, ...selected.map(({ seq }) => seq));
            const told = ledger.trimmed(each, after);
            expect([told.through, copy.trimmed(each).through]).toEqual([truth, truth]);
            const last = selected.findLast(({ seq }) => seq > after);
            const [from, to] = last ? changes[last.index]! : [0, 0];
            expect(told.trims).toBeGreaterThanOrEqual(from);
            expect(told.trims).toBeLessThanOrEqual(to);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('never says less than what was trimmed of topics with more others than it lists', () => {
    const NAMES = Array.from({ length: 60 }, (_, n) => `n${n}`);
    const names = fc.oneof(
      { weight: 5, arbitrary: fc.shuffledSubarray(NAMES, { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.shuffledSubarray(NAMES, { minLength: 10, maxLength: 30 }) },
    );
    const event = fc.record({ topics: names.map((some) => ['book', ...some]), private: fc.constant(true) });
    const events = fc
      .array(fc.array(event, { minLength: 1, maxLength: 40 }), { maxLength: 5 })
      .map((batches) => {
        let seq = 0;
        return batches.map((batch) => batch.map((each) => ({ ...each, seq: (seq += 1) })));
      })
      .chain((batches) => fc.shuffledSubarray(batches, { minLength: batches.length }));
    const some = fc.shuffledSubarray(NAMES, { maxLength: 3 });
    const seen: fc.Arbitrary<TopicSet> = fc.oneof(
      some,
      some.map((list) => list.map((name) => pattern(name))),
    );
    const after = fc.nat(200);
    fc.assert(
      fc.property(events, seen, some, after, fc.boolean(), (batches, privately, more, place, isTogether) => {
        const ledger = new TrimLedger();
        const selection: Selection = { topics: ['book', ...more], private: privately };
        const selector = new Selector(selection);
        const selects = (one: { seq: number; topics: string[]; private: boolean }): boolean =>
          selector.selects({ ...one, id: '', time: 0, frame: new Uint8Array() });
        let from = 0;
        for (const batch of batches) {
          for (const part of isTogether ? [batch] : batch.map((each) => [each])) {
            const before = ledger.changes;
            ledger.apply(ledger.plan(part));
            if (part.some((each) => each.seq > place && selects(each))) from = before + 1;
          }
        }
        const truth = Math.max(0, ...batches.flat().flatMap((each) => (selects(each) ? [each.seq] : [])));
        const told = ledger.trimmed(selection, place);
        expect(told.through).toBeGreaterThanOrEqual(truth);
        expect(told.trims).toBeGreaterThanOrEqual(from);
      }),
      { numRuns: 500 },
    );
  });
});
