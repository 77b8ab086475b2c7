import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the workshop, without a final slash. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '');

/** What the scripts remember between runs. It goes when the dependencies go. */
export const cache = join(root, 'node_modules', '.cache', 'tidings');

const binaries = join(root, 'node_modules', '.bin');

/** The environment in which the workshop's tools, its Node among them, come first. */
export function toolEnvironment() {
  return { ...process.env, PATH: [binaries, ...outsidePaths()].join(delimiter) };
}

/**
 * The environment without the workshop's tools. An install needs it: `npm ci` removes `node_modules`, and with it the
 * Node that would be running it.
 */
export function outsideEnvironment() {
  return { ...process.env, PATH: outsidePaths().join(delimiter) };
}

/**
 * Where a program is on the machine, the workshop's own tools left out.
 *
 * @param {string[]} names any of which will do
 * @returns {string | undefined} the path of the first that is there
 */
export function findOnMachine(names) {
  for (const name of names) {
    for (const folder of outsidePaths()) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  }
  return undefined;
}

function outsidePaths() {
  const paths = (process.env.PATH ?? '').split(delimiter);
  return paths.filter((path) => path !== '' && !/[/\\]node_modules[/\\]/.test(path));
}
