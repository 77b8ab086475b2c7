import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { simulate } from '../command/child.ts';
import { DEFECTS, type Defect } from '../defects/defects.ts';
import { type Plan, planOf } from '../faults/plan.ts';
import { SEED } from '../../test/seed.ts';
import { shrink } from '../shrink/shrink.ts';

const CASES = join(import.meta.dirname, '../cases');

/** In how many seeds a defect has to be found at the latest. */
const SEEDS = 12;

const plan = (seed: number): Plan =>
  planOf({ seed, nodes: 3, stores: 2, listeners: 40, topics: 6, seconds: 100, meanMs: 150 });

describe('a simulation of the whole system', () => {
  test('finds nothing wrong, does exactly the same with the same seed, and something else with another', async () => {
    const [one, again, other] = [await simulate(plan(1)), await simulate(plan(1)), await simulate(plan(2))];
    for (const { findings, delivered, gaps } of [one, other]) {
      expect(findings).toEqual([]);
      expect(delivered).toBeGreaterThan(1000);
      expect(gaps).toBeGreaterThan(0);
    }
    expect(again).toEqual(one);
    expect(other.digest).not.toBe(one.digest);
  });

  test('finds nothing wrong with the seed of the run', async () => {
    const { findings } = await simulate(plan(1000 + (SEED % 1_000_000)));
    expect(findings, `seed ${1000 + (SEED % 1_000_000)}`).toEqual([]);
  });

  const cases = readdirSync(CASES).filter((name) => name.endsWith('.json'));
  test.each(cases)('finds nothing wrong any more with %s', async (name) => {
    const kept = JSON.parse(readFileSync(join(CASES, name), 'utf8')) as Plan;
    expect((await simulate(kept)).findings).toEqual([]);
  });
});

describe('a simulation finds out that', () => {
  test.each(DEFECTS)('$name', async (defect) => {
    expect(await planThatFinds(defect), `${SEEDS} seeds`).toBeDefined();
  });
});

/** A plan that finds a defect: that of its seed, or of one behind it, after a change that makes other things happen with its seed. */
async function planThatFinds(defect: Defect): Promise<Plan | undefined> {
  for (let seed = defect.seed; seed < defect.seed + SEEDS; seed += 1) {
    if ((await simulate(plan(seed), defect)).findings.length > 0) return plan(seed);
  }
  return undefined;
}

test('a plan that fails becomes smaller, and fails for the same reason', async () => {
  const defect = DEFECTS.find(({ name }) => name.includes('while the connection to the log was lost'))!;
  const large = (await planThatFinds(defect))!;
  const small = await shrink(large, async (smaller) => (await simulate(smaller, defect)).findings[0]?.at, 6);
  expect(small.faults.length).toBeLessThan(large.faults.length);
  expect((await simulate(small, defect)).findings).not.toEqual([]);
  expect((await simulate(small)).findings).toEqual([]);
});
