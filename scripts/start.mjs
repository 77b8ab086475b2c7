import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { fail } from './failure.mjs';
import { ensureInstalled } from './install.mjs';
import { root } from './paths.mjs';

try {
  await ensureInstalled();
  await ensureBuilt();
} catch (error) {
  fail(error, 'npm start');
  process.exit();
}

// The hub runs in this process: signals, standard streams and the exit code are then its own, with nothing in between.
const main = join(root, 'packages', 'cli', 'dist', 'main.js');
process.argv = [process.execPath, main, 'serve', ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
