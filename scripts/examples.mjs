import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { run } from './command.mjs';
import { fail } from './failure.mjs';
import { ensureInstalled } from './install.mjs';
import { root, toolEnvironment } from './paths.mjs';

const main = join(root, 'examples', 'serve.ts');
const args = process.argv.slice(2);

try {
  await ensureInstalled();
  await ensureBuilt();
} catch (error) {
  fail(error, 'npm run examples');
  process.exit();
}

if (process.features.typescript) {
  // In this process: signals, standard streams and the exit code are then the server's own, with nothing in between.
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
} else {
  // An older Node started a fresh clone; the one that can run TypeScript is installed now.
  try {
    await run('node', [main, ...args], { env: toolEnvironment(), show: true });
  } catch {
    // The server has said on standard error why it ended, unless a signal ended it.
    process.exitCode = 1;
  }
}
