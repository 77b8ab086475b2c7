import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../src/clock.ts';
import { NewestFirst } from '../src/log/keeping/newest-first.ts';
import { Turn } from '../src/log/keeping/turns.ts';
import { SEED } from '../../../test/seed.ts';

interface List {
  readonly seqs: readonly number[];
  readonly last: number;
}

/** Sorted lists, each with a number that none of its own passes. */
const lists = fc.array(
  fc.record({ seqs: fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 80 }), above: fc.nat(3) }),
  { maxLength: 12 },
);

function listOf(seqs: readonly number[], above = 0): List {
  const falling = seqs.toSorted((one, other) => other - one);
  return { seqs: falling, last: (falling[0] ?? 0) + above };
}

function read({ seqs }: List, through: number, limit: number): number[] {
  return seqs.filter((seq) => seq <= through).slice(0, limit);
}

/** A turn that is over after so many steps. */
function turnOf(steps: number): Turn {
  const turn: Turn = new Turn({ now: () => (turn.steps >= steps ? 1 : 0) }, 1);
  return turn;
}

test('all numbers of many lists come once, the highest first, however short the turns are', () => {
  fc.assert(
    fc.property(lists, fc.constantFrom(1, 20_000, Infinity), (given, steps) => {
      const all = given.map(({ seqs, above }) => listOf(seqs, above));
      const merged = new NewestFirst(all, read);
      const taken: number[] = [];
      while (!merged.isDone) {
        const turn = turnOf(steps);
        for (let seq = merged.next(turn); seq !== undefined; seq = merged.next(turn)) {
          taken.push(seq);
          merged.take(turn);
          if (turn.isOver) break;
        }
      }
      expect(taken).toEqual([...new Set(all.flatMap(({ seqs }) => seqs))].toSorted((one, other) => other - one));
    }),
    { seed: SEED },
  );
});

test('only the lists are read that have what is taken, and each in few parts', () => {
  // In turns, as events of many topics come.
  const many = Array.from({ length: 2_000 }, (_, list) =>
    listOf(Array.from({ length: 40 }, (__, row) => row * 2_000 + list + 1)),
  );
  let reads = 0;
  const merged = new NewestFirst(many, (...asked) => {
    reads += 1;
    return read(...asked);
  });
  const turn = new Turn(systemClock, Infinity);
  const take = (count: number): void => {
    for (let taken = 0; taken < count; taken += 1) {
      expect(merged.next(turn)).toBeGreaterThan(0);
      merged.take(turn);
    }
  };
  take(10);
  expect(reads).toBeLessThanOrEqual(11);
  take(9_990);
  // Five of each list, in parts of two, four and so on.
  expect(reads).toBeLessThanOrEqual(2_000 * 2);
});
