import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { simulate } from '../command/child.ts';
import { DEFECTS } from '../defects/defects.ts';
import { type Plan, planOf } from '../faults/plan.ts';
import { shrink } from '../shrink/shrink.ts';

const CASES = join(import.meta.dirname, '../cases');

/** In how many seeds a defect has to be found at the latest. */
const SEEDS = 12;

const plan = (seed: number): Plan =>
  planOf({ seed, nodes: 3, stores: 2, listeners: 40, topics: 6, seconds: 100, meanMs: 150 });

describe('a simulation of the whole system', () => {
  test.each([1, 2, 3])('finds nothing wrong with seed %d', async (seed) => {
    const { findings, delivered, gaps } = await simulate(plan(seed));
    expect(findings).toEqual([]);
    expect(delivered).toBeGreaterThan(1000);
    expect(gaps).toBeGreaterThan(0);
  });

  test('does exactly the same with the same seed, and something else with another', async () => {
    const [one, again, other] = [await simulate(plan(7)), await simulate(plan(7)), await simulate(plan(8))];
    expect(again).toEqual(one);
    expect(other.digest).not.toBe(one.digest);
  });

  const cases = readdirSync(CASES).filter((name) => name.endsWith('.json'));
  test.each(cases)('finds nothing wrong any more with %s', async (name) => {
    const kept = JSON.parse(readFileSync(join(CASES, name), 'utf8')) as Plan;
    expect((await simulate(kept)).findings).toEqual([]);
  });
});

describe('a simulation finds out that', () => {
  test.each(DEFECTS)('$name', async (defect) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      if ((await simulate(plan(seed), defect)).findings.length > 0) return;
    }
    expect.fail(`${SEEDS} seeds have not found it`);
  });
});

test('a plan that fails becomes smaller, and fails for the same reason', async () => {
  const [defect] = DEFECTS;
  const large = plan(1);
  const small = await shrink(large, async (smaller) => (await simulate(smaller, defect)).findings[0]?.at, 12);
  expect(small.faults.length).toBeLessThan(large.faults.length);
  expect(small.seconds).toBeLessThan(large.seconds);
  expect((await simulate(small, defect)).findings).not.toEqual([]);
  expect((await simulate(small)).findings).toEqual([]);
});
