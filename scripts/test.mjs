import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { CommandError, run } from './command.mjs';
import { ensurePrograms } from './debian.mjs';
import { fail } from './failure.mjs';
import { ensureInstalled } from './install.mjs';
import { cache, toolEnvironment } from './paths.mjs';
import { ensureRuntimes } from './runtimes.mjs';
import { elapsed } from './step.mjs';

const counts = { passed: 0, failed: 0, skipped: 0 };

/** The gate, in its order: the cheap answers first. */
const STEPS = [
  { title: 'Format', work: () => tool('oxfmt', '--check') },
  { title: 'Types and build', work: () => build({ project: '.', show: true }) },
  // Rules that know types read those of the built packages.
  { title: 'Lint', work: () => tool('oxlint') },
  { title: 'Layers', work: () => tool('node', 'scripts/layers.ts') },
  { title: 'Unused code', work: () => tool('knip') },
  { title: 'Tests', work: () => tests('tests', '--exclude=test/packages/**') },
  { title: 'Packages', work: () => tests('packages', 'test/packages') },
];

try {
  await ensureInstalled();
  const missing = [...(await ensurePrograms()), ...(await ensureRuntimes())];
  if (missing.length > 0) reportMissing(missing);
  for (const { title, work } of STEPS) await gateStep(title, work);
  console.log('');
} catch (error) {
  if (error instanceof CommandError) counts.failed = Math.max(counts.failed, 1);
  fail(error, 'npm test');
}
console.log(summary());

/** @param {string[]} missing */
function reportMissing(missing) {
  const names = missing.join(', ');
  console.log(`\nMissing on this machine: ${names}. What needs it is not tested.`);
  // A CI must test everything: what nobody misses there, nobody misses anywhere.
  if (process.env.CI === 'true') throw new CommandError(`The gate needs ${names} here: install what is missing`, '');
  process.env.TIDINGS_MISSING = missing.join(',');
}

/**
 * @param {string} title
 * @param {() => Promise<void>} work
 */
async function gateStep(title, work) {
  console.log(`\n── ${title}`);
  const start = Date.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(`The gate stopped at "${title}" after ${elapsed(start)}: correct what is shown above`, '');
  }
  console.log(`── ${title}: passed in ${elapsed(start)}`);
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function tool(command, ...args) {
  return run(command, args, { env: toolEnvironment(), show: true });
}

/**
 * Runs some of the tests and adds them to the counts, also when the run fails.
 *
 * @param {string} name of the report
 * @param {string[]} args
 */
async function tests(name, ...args) {
  const report = join(cache, `${name}.json`);
  rmSync(report, { force: true });
  let ran = 0;
  try {
    await tool('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args);
  } finally {
    if (existsSync(report)) {
      const result = /** @type {import('vitest/node').JsonTestResults} */ (JSON.parse(readFileSync(report, 'utf8')));
      counts.passed += result.numPassedTests;
      counts.failed += result.numFailedTests;
      counts.skipped += result.numPendingTests + result.numTodoTests;
      ran = result.numPassedTests + result.numFailedTests;
    }
  }
  if (ran === 0) throw new CommandError('No test was run', '');
}

function summary() {
  const { passed, failed, skipped } = counts;
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
