import { randomInt } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { cache } from '../scripts/paths.mjs';

/** Where Linux keeps files in memory. */
const IN_MEMORY = '/dev/shm';

// Browsers, packages and logs of a run take less than half of it.
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * Before the first test: random choices take their seed from `TIDINGS_SEED`, in every process of the run. Processes of Node keep what they have compiled for
 * the next ones, because the tests start hundreds. Folders of tests are in memory where there is room: on a disk they wait for it most of the time.
 *
 * @returns what is done after the last test
 */
export function setup(): () => void {
  process.env['NODE_COMPILE_CACHE'] ??= join(cache, 'compiled');
  process.env['TIDINGS_SEED'] ??= String(randomInt(2 ** 31));
  console.log(`Random choices are those of TIDINGS_SEED=${process.env['TIDINGS_SEED']}\n`);
  if (process.env['TMPDIR'] !== undefined || !hasRoom()) return () => {};
  const folder = mkdtempSync(join(IN_MEMORY, 'tidings-tests-'));
  // Some servers run as another user.
  chmodSync(folder, 0o755);
  process.env['TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return Math.min(bavail * bsize, freemem()) > ROOM_BYTES;
  } catch {
    return false;
  }
}
