import { randomInt } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { cache } from '../scripts/paths.mjs';
import { BrowserPool } from './browser-pool.ts';

/** The seed of a run that is given none. */
export const USUAL_SEED = 1;

/** Where Linux keeps files in memory. */
const IN_MEMORY = '/dev/shm';

// Browsers, packages and logs of a run take less than half of it.
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * Before the first test: random choices get their seed, in every process of the run. Processes of Node keep what they have compiled for the next ones, because
 * the tests start hundreds. Folders of tests are in memory where there is room: on a disk they wait for it most of the time. Browsers are lent.
 *
 * @returns what is done after the last test
 */
export async function setup(): Promise<() => Promise<void>> {
  process.env['NODE_COMPILE_CACHE'] ??= join(cache, 'compiled');
  const seed = chosenSeed(process.env['TIDINGS_SEED']);
  process.env['TIDINGS_SEED'] = String(seed);
  console.log(`Random choices are those of TIDINGS_SEED=${seed}\n`);
  // The projects of a run have one of each.
  if (process.env['BROWSER_POOL_PORT'] !== undefined) return async () => {};
  const folder = folderInMemory();
  const browsers = await BrowserPool.open();
  process.env['BROWSER_POOL_PORT'] = String(browsers.port);
  return async () => {
    await browsers[Symbol.asyncDispose]();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
}

/** Makes a folder for those of the tests, unless the person has named another. */
function folderInMemory(): string | undefined {
  if (process.env['TMPDIR'] !== undefined || !hasRoom()) return undefined;
  const folder = mkdtempSync(join(IN_MEMORY, 'tidings-tests-'));
  // Some servers run as another user.
  chmodSync(folder, 0o755);
  process.env['TMPDIR'] = folder;
  return folder;
}

/**
 * The seed of a run. Without a wish it is the same in each, so that the gate judges a change, and not what chance brings up this time.
 *
 * @param wish an integer, or `random` for one that is drawn
 */
export function chosenSeed(wish: string | undefined): number {
  if (wish === undefined || wish === '') return USUAL_SEED;
  if (wish === 'random') return randomInt(2 ** 31);
  if (!/^-?\d{1,10}$/.test(wish)) throw new Error(`TIDINGS_SEED must be an integer or "random", and is "${wish}"`);
  return Number(wish);
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return Math.min(bavail * bsize, freemem()) > ROOM_BYTES;
  } catch {
    return false;
  }
}
