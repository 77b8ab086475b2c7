import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from './build.mjs';
import { CommandError, run } from './command.mjs';
import { ensurePrograms } from './debian.mjs';
import { fail } from './failure.mjs';
import { ensureInstalled } from './install.mjs';
import { ensureLater } from './later-debian.mjs';
import { cache, root, toolEnvironment } from './paths.mjs';
import { ensureRuntimes } from './runtimes.mjs';
import { elapsed } from './step.mjs';

const counts = { passed: 0, failed: 0, skipped: 0 };

/** The tests that were skipped, by their files. @type {Map<string, string[]>} */
const skipped = new Map();

/** How many of the slowest files are reported. */
const SLOWEST = 5;

/** The gate, in its order: the cheap answers first. */
const STEPS = [
  { title: 'Format', work: () => tool('oxfmt', '--check') },
  { title: 'Types and build', work: () => build({ project: '.', show: true }) },
  // Rules that know types read those of the built packages.
  { title: 'Lint', work: () => tool('oxlint') },
  { title: 'Layers', work: () => tool('node', 'scripts/layers.ts') },
  { title: 'Unused code', work: () => tool('knip') },
  { title: 'Tests', work: tests },
];

try {
  await ensureInstalled();
  const missing = [...(await ensurePrograms()), ...(await ensureLater()), ...(await ensureRuntimes())];
  if (missing.length > 0) reportMissing(missing);
  for (const { title, work } of STEPS) await gateStep(title, work);
  console.log('');
} catch (error) {
  if (error instanceof CommandError) counts.failed = Math.max(counts.failed, 1);
  fail(error, 'npm test');
}
// What was interrupted has neither passed nor failed.
if (process.exitCode === undefined || process.exitCode === 1) {
  if (skipped.size > 0) console.log(notTested());
  console.log(summary());
}

/** @param {string[]} missing */
function reportMissing(missing) {
  const names = missing.join(', ');
  console.log(`\nMissing on this machine: ${names}. Tests that need it are left out.`);
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

/** Runs the tests and counts them, also when the run fails. */
async function tests() {
  const report = join(cache, 'tests.json');
  rmSync(report, { force: true });
  let ran = 0;
  try {
    await tool('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`);
  } finally {
    if (existsSync(report)) {
      const result = /** @type {import('vitest/node').JsonTestResults} */ (JSON.parse(readFileSync(report, 'utf8')));
      counts.passed += result.numPassedTests;
      counts.failed += result.numFailedTests;
      counts.skipped += result.numPendingTests + result.numTodoTests;
      ran = result.numPassedTests + result.numFailedTests;
      console.log(slowest(result.testResults));
      for (const { name: file, assertionResults } of result.testResults) {
        const titles = assertionResults.filter(({ status }) => status === 'skipped').map(({ fullName }) => fullName);
        if (titles.length > 0) skipped.set(relative(root, file), titles);
      }
    }
  }
  if (ran === 0) throw new CommandError('No test was run', '');
}

/**
 * What to look at where the gate takes too long.
 *
 * @param {readonly { name: string, startTime: number, endTime: number }[]} files
 */
function slowest(files) {
  const times = files.map(({ name, startTime, endTime }) => ({ name, seconds: (endTime - startTime) / 1000 }));
  const lines = times
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST)
    .map(({ name, seconds }) => `  ${seconds.toFixed(1)} s ${relative(root, name)}`);
  return ['The slowest files:', ...lines].join('\n');
}

/** A skip means that this machine lacks something: what that leaves untested has to be seen. */
function notTested() {
  const lines = [...skipped].map(([file, titles]) => {
    const others = titles.length > 1 ? ` and ${titles.length - 1} more` : '';
    return `  ${file}: ${titles[0]}${others}`;
  });
  return ['Not tested here:', ...lines].join('\n');
}

function summary() {
  const { passed, failed, skipped: left } = counts;
  return `${passed} passed, ${failed} failed${left > 0 ? `, ${left} skipped` : ''}`;
}
