import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, run } from './command.mjs';
import { fail } from './failure.mjs';
import { ensureInstalled } from './install.mjs';
import { cache, root, toolEnvironment } from './paths.mjs';
import { prune } from './prune.mjs';
import { stamp } from './stamp.mjs';
import { step } from './step.mjs';

// In this order: the page is made from the compiled client, and the command takes the page along. The first two stand by themselves.
const AFTER_COMPILING = [
  'packages/wire/build.mjs',
  'packages/client/build.mjs',
  'packages/ui/build.mjs',
  'packages/cli/build.mjs',
];

const STAMP = join(cache, 'build');

/** Builds what `tidings` runs on, unless the last build was of the same sources and its output is untouched. */
export async function ensureBuilt() {
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp(root)) return;
  try {
    // The command depends on all of the other published packages.
    await step('Building the packages', () => build({ project: 'packages/cli' }));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError('The packages could not be built: correct what is shown above', error.output);
  }
}

/**
 * Builds, whether or not something has changed; the compiler itself does only what it has to.
 *
 * @param {{ project: string, show?: boolean }} options the folder of the TypeScript project, `show` as for a command
 */
export async function build({ project, show = false }) {
  const env = toolEnvironment();
  await run('tsc', ['--build', project], { env, show });
  prune(root);
  for (const script of AFTER_COMPILING) await run('node', [script], { env, show });
  mkdirSync(cache, { recursive: true });
  writeFileSync(STAMP, stamp(root));
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
    await ensureBuilt();
  } catch (error) {
    fail(error, 'npm run build');
  }
}
