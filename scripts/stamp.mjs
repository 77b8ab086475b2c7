import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT_SOURCES = ['package-lock.json', 'tsconfig.base.json', 'scripts/build.mjs'];
const NOT_SOURCES = new Set(['node_modules', 'dist', 'test', 'coverage']);

/**
 * A text that changes whenever the packages have to be built again.
 *
 * Sources count by content, so that a checkout that only touches them builds nothing. Outputs count by size and time:
 * whoever writes them by another way than the build has made them another build.
 *
 * @param {string} root the folder that holds packages/
 * @returns {string}
 */
export function stamp(root) {
  const packages = join(root, 'packages');
  const sources = createHash('sha256');
  const addSource = (/** @type {string} */ path) => sources.update(`${path}\0`).update(readFileSync(join(root, path)));
  ROOT_SOURCES.forEach(addSource);
  for (const path of filesBelow(packages, (name) => !NOT_SOURCES.has(name) && !name.endsWith('.md'))) {
    addSource(`packages/${path}`);
  }

  const outputs = createHash('sha256');
  for (const name of readdirSync(packages).toSorted()) {
    const dist = join(packages, name, 'dist');
    if (!existsSync(dist)) continue;
    for (const path of filesBelow(dist, () => true)) {
      const { size, mtimeMs } = statSync(join(dist, path));
      outputs.update(`${name}/${path}\0${size}\0${mtimeMs}\0`);
    }
  }
  return `sources ${sources.digest('hex')}\noutputs ${outputs.digest('hex')}\n`;
}

/**
 * @param {string} folder
 * @param {(name: string) => boolean} wanted asked for files and folders
 * @returns {string[]} the paths of all files below the folder, relative to it, in a fixed order
 */
function filesBelow(folder, wanted) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => wanted(entry.name))
    .flatMap((entry) => {
      if (!entry.isDirectory()) return [entry.name];
      return filesBelow(join(folder, entry.name), wanted).map((path) => `${entry.name}/${path}`);
    })
    .toSorted();
}
