import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { simulate } from './command/child.ts';
import { type Options, readOptions, USAGE } from './command/options.ts';
import { summary, total } from './command/report.ts';
import { type Plan, planOf } from './faults/plan.ts';
import type { Outcome } from './outcome.ts';
import { shrink } from './shrink/shrink.ts';

const CASES = join(import.meta.dirname, 'cases');

let options: Options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(2);
}
if (options.wantsHelp) {
  console.log(USAGE);
  process.exit(0);
}
const { plan: first, runs, defect, shrinks, isJson } = options;
const outcomes: Outcome[] = [];
for (let run = 0; run < runs; run += 1) {
  const plan = run === 0 ? first : planOf({ ...first, seed: first.seed + run });
  const began = performance.now();
  const outcome = await simulate(plan, defect);
  outcomes.push(outcome);
  console.log(isJson ? JSON.stringify(outcome) : summary(plan, outcome, performance.now() - began));
  if (outcome.findings.length === 0) continue;
  process.exitCode = 1;
  if (shrinks) keep(await shrink(plan, async (smaller) => (await simulate(smaller, defect)).findings[0]?.at));
}
if (runs > 1 && !isJson) console.log(total(outcomes));

/** Keeps a plan, so that the gate runs it from now on. */
function keep(plan: Plan): void {
  mkdirSync(CASES, { recursive: true });
  const path = join(CASES, `seed-${plan.seed}.json`);
  writeFileSync(path, `${JSON.stringify(plan, undefined, 2)}\n`);
  console.log(
    `Made smaller: ${plan.faults.length} faults, ${plan.nodes} nodes, ${plan.listeners} listeners, ${plan.seconds} s`,
  );
  console.log(`Kept as ${relative(process.cwd(), path)}: give it a name that says what was wrong`);
}
