import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { reusableBytes } from './data-file.ts';

// Free pages may be too far apart for a large value, and those of the last commit cannot be used at once.
const REUSE = 2;

// What a commit that removes something, or notes something small, may need on disk, and what one that adds something leaves for those, in bytes.
const SMALL_BYTES = 128 * 1024;
const LEFT_BYTES = 512 * 1024;

/**
 * Finds out whether there is room for a commit: on the disk, or in pages of the data file that are free. A write that the system refuses for want of it may end the process: lmdb 3.5 makes its
 * message of that in too little memory.
 * @param added how many bytes of events it adds, and those that follow it
 * @throws what the system would say
 */
export function checkRoom(dataFile: string, added: number): void {
  const bytes = added > 0 ? LEFT_BYTES + 2 * added : SMALL_BYTES;
  if (freeBytes(dirname(dataFile)) >= bytes) return;
  if (reusableBytes(dataFile, REUSE * bytes) < REUSE * bytes) throw noRoom();
}

/** What is free on the disk of a folder, in bytes. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

export function noRoom(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}
