import { existsSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { CommandError, run } from './command.mjs';
import { outsideEnvironment, root } from './paths.mjs';
import { step } from './step.mjs';

// Also where NODE_ENV is "production" or the user's npm leaves such things out: the build needs them.
const NPM_OPTIONS = ['--include=dev', '--include=optional', '--loglevel=error'];

/** @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} LockedPackage */

/**
 * Installs the dependencies, development ones included, unless the lock file's are already there.
 *
 * @param {string} folder that of the workshop, or one with a lock file of its own
 */
export async function ensureInstalled(folder = root) {
  if (isInstalled(folder)) return;
  const title = `Installing the dependencies${folder === root ? '' : ` of ${relative(root, folder)}`}`;
  try {
    await step(title, () => npm(['ci', ...(folder === root ? [] : ['--prefix', folder]), ...NPM_OPTIONS]));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const advice = 'The dependencies could not be installed: make sure that the npm registry can be reached';
    throw new CommandError(advice, error.output);
  }
}

/**
 * Whether the installed packages are those of the lock file. npm writes a second lock file into node_modules at the end
 * of every install, so this holds whichever npm command made it, and an interrupted install does not count.
 *
 * @param {string} folder
 */
export function isInstalled(folder) {
  const installedLock = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const wanted = readPackages(join(folder, 'package-lock.json'));
  const installed = readPackages(installedLock);
  return Object.entries(wanted).every(([path, entry]) => {
    // The root and the workspaces themselves; what they depend on has entries of its own.
    if (!path.includes('node_modules/')) return true;
    const found = installed[path];
    // An optional package is not installed if it is for another platform.
    if (found === undefined) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && found.integrity === entry.integrity && found.link === entry.link;
  });
}

/**
 * @param {string} path of a lock file
 * @returns {Record<string, LockedPackage>}
 */
function readPackages(path) {
  const lock = /** @type {{ packages: Record<string, LockedPackage> }} */ (JSON.parse(readFileSync(path, 'utf8')));
  return lock.packages;
}

/** @param {readonly string[]} args */
export function npm(args) {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  const env = outsideEnvironment();
  // The npm that started us, with the Node that runs it: another one on the PATH may be older.
  if (script !== undefined && node !== undefined && basename(script) === 'npm-cli.js') {
    return run(node, [script, ...args], { env });
  }
  return run('npm', args, { env });
}
