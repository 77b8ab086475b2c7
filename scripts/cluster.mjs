import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { CommandError, run } from './command.mjs';
import { ensurePrograms } from './debian.mjs';
import { fail } from './failure.mjs';
import { ensureInstalled } from './install.mjs';
import { root, toolEnvironment } from './paths.mjs';

const main = join(root, 'scripts', 'cluster', 'main.ts');
const args = process.argv.slice(2);

/** What each kind needs from the machine. @type {Record<string, string[] | undefined>} */
const PROGRAMS = {
  postgres: ['postgresql', 'nginx'],
  nats: ['nats-server', 'nginx'],
  workers: ['nginx'],
  channel: ['postgresql', 'nginx'],
};

try {
  await ensureInstalled();
  await ensureBuilt();
  const missing = await ensurePrograms(args.flatMap((arg) => PROGRAMS[arg] ?? []));
  if (missing.length > 0) throw new CommandError(`It needs ${missing.join(' and ')} on this machine`, '');
} catch (error) {
  fail(error, 'npm run cluster');
  process.exit();
}

if (process.features.typescript) {
  // In this process, so that signals and the exit code are its own.
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
} else {
  // An older Node started a fresh clone; the one that can run TypeScript is installed now.
  try {
    await run('node', [main, ...args], { env: toolEnvironment(), show: true });
  } catch {
    // It has said on standard error why it ended, unless a signal ended it.
    process.exitCode = 1;
  }
}
