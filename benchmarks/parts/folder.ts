import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// In the checkout and not in the system's folder for temporary files, which is often in memory, so that a sync would not wait for a disk.
const ON_DISK = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

const made: string[] = [];

/** A new folder on the disk of this checkout, for the data of a log. Removed when the process ends. */
export function dataFolder(): string {
  return newFolder(ON_DISK);
}

/** A new folder for programs. Removed when the process ends. */
export function programFolder(): string {
  return newFolder(tmpdir());
}

function newFolder(parent: string): string {
  if (made.length === 0) removeAtEnd();
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'tidings-benchmarks-'));
  made.push(folder);
  return folder;
}

function removeAtEnd(): void {
  process.once('exit', () => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  });
  // Otherwise these end the process without its exit event. The children end with their input.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
}
