import { TrimLedger, type Selection } from '@tidings/server/log';
import { describe, expect, test } from 'vitest';

function note(ledger: TrimLedger, seq: number, topic: string, isPrivate = false): readonly string[] {
  const plan = ledger.plan([{ seq, topics: [topic], private: isPrivate }]);
  ledger.apply(plan);
  return plan.forgotten;
}

const topic = (name: string, isPrivate = false): Selection => ({ topics: [name], private: isPrivate });

describe('the ledger of what was trimmed', () => {
  test('is changed when a plan is applied, not when it is made', () => {
    const ledger = new TrimLedger();
    const selection = topic('a');
    const plan = ledger.plan([{ seq: 3, topics: ['a'], private: false }]);
    expect(ledger.through(selection)).toBe(0);
    ledger.apply(plan);
    expect(ledger.through(selection)).toBe(3);
  });

  test('forgets the topics trimmed longest ago into a floor that holds for all', () => {
    const ledger = new TrimLedger(2);
    note(ledger, 1, 'a');
    note(ledger, 2, 'b', true);
    note(ledger, 3, 'a');
    expect(note(ledger, 4, 'c')).toEqual(['b']);
    expect([ledger.through(topic('b')), ledger.through(topic('b', true))]).toEqual([0, 2]);
    expect([ledger.through(topic('never', true)), ledger.through(topic('a')), ledger.through(topic('c'))]).toEqual([
      2, 3, 4,
    ]);
    expect(note(ledger, 5, 'd')).toEqual(['a']);
    expect([ledger.through(topic('never')), ledger.through(topic('c')), ledger.through(topic('d'))]).toEqual([3, 4, 5]);
  });

  test('takes up what a store remembered', () => {
    const ledger = new TrimLedger();
    const selection = topic('a');
    expect(ledger.through(selection)).toBe(0);
    ledger.restore('a', { all: 7, public: 5 });
    expect([ledger.through(selection), ledger.through(topic('a', true))]).toEqual([5, 7]);
    ledger.restoreFloor({ all: 9, public: 6 });
    expect([ledger.through(selection), ledger.through(topic('a', true)), ledger.through(topic('b'))]).toEqual([
      6, 9, 6,
    ]);
  });

  test('never goes back', () => {
    const ledger = new TrimLedger();
    note(ledger, 7, 'a');
    note(ledger, 3, 'a');
    expect(ledger.through(topic('a'))).toBe(7);
  });
});
