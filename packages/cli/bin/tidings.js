#!/usr/bin/env node
// Lies in the package as it is, not in dist: npm links a workspace's command when it installs, before anything is built.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write('tidings: the command has not been built yet, run npm run build first\n');
  process.exitCode = 1;
}
