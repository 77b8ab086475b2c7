import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chosenSeed, USUAL_SEED } from './each-run.ts';
import { randomNumbers, SEED } from './seed.ts';

describe('random numbers', () => {
  test('are the same for the same seed, and others for another', () => {
    const take = (seed: number): number[] => Array.from({ length: 5 }, randomNumbers(seed));
    expect(take(7)).toEqual(take(7));
    expect(take(8)).not.toEqual(take(7));
  });

  test('are spread from 0 to below 1', () => {
    const numbers = Array.from({ length: 1000 }, randomNumbers(7));
    expect(numbers.filter((number) => number < 0 || number >= 1)).toEqual([]);
    const tenths = new Set(numbers.map((number) => Math.floor(number * 10)));
    expect(tenths).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });
});

test('a run without a wish has the usual seed, and TIDINGS_SEED asks for another or for one that is drawn', () => {
  expect([undefined, '', '42', '-7'].map(chosenSeed)).toEqual([USUAL_SEED, USUAL_SEED, 42, -7]);
  const drawn = Array.from({ length: 5 }, () => chosenSeed('random'));
  expect(new Set(drawn).size).toBeGreaterThan(1);
  expect(drawn.every(Number.isSafeInteger)).toBe(true);
  expect(() => chosenSeed('1.5')).toThrow('TIDINGS_SEED must be an integer or "random", and is "1.5"');
});

test('the seed of a run is that of TIDINGS_SEED, for properties, too', () => {
  expect(SEED).toBe(Number(process.env.TIDINGS_SEED));
  expect(fc.check(fc.property(fc.integer(), () => true)).seed).toBe(SEED);
});
