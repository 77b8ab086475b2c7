/// <reference types="node" />
// What the compiler does not do: takes the hub's page along.
import { copyFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @param {string} path */
const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));

const page = fromHere('../ui/dist/page.html');
if (existsSync(page)) {
  copyFileSync(page, fromHere('dist/page.html'));
} else {
  process.stderr.write("The hub's page is not there, build packages/ui first: the command is built without it\n");
}
