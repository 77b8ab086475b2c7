import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { freeInFile, type FreeInFile } from './free-pages.ts';

/** Bytes of a page. */
const PAGE = 4096;

// What a commit writes in any case: the ends of the tables, and what leads there.
const SMALL_BYTES = 128 * 1024;

// What a commit that adds something leaves for those that remove something.
const LEFT_BYTES = 512 * 1024;

// A row that is changed or removed may be alone in its page. LMDB writes that one anew, and the one beside it if it joins them.
const ROW_BYTES = 2 * PAGE;

// As many rows as a small event has, with those of its topic and of the key of its append.
const FEW_ROWS = 6;

// A disk with so much room bounds no commit. And if one has less than it should, what a commit sets free has to fit into a list of one page.
const AMPLE_BYTES = 64 * 1024 * 1024;
const MAX_ROWS = 200;

/** What a commit needs room for. */
export interface Need {
  /** How many bytes of events it adds, and those that follow it. */
  readonly added?: number;
  /** How many pages the largest of them takes, one behind the other. */
  readonly run?: number;
  /** How many rows it changes or removes that may all lie in different pages. */
  readonly rows?: number;
}

/**
 * What commits have room for: on the disk, and in the data file where it is free. A write that the system refuses for want of room may end the process:
 * lmdb 3.5 makes its message of that in too little memory.
 */
export class Room {
  readonly #root: RootDatabase;
  readonly #dataFile: string;

  constructor(root: RootDatabase, dataFile: string) {
    this.#root = root;
    this.#dataFile = dataFile;
  }

  /** How many rows a commit may change or remove, so that there is room for it and for another one. */
  get rows(): number {
    const { disk, soon } = this.#free(AMPLE_BYTES);
    const rows = Math.max(0, Math.floor((soon / 2 - SMALL_BYTES) / ROW_BYTES));
    return disk < LEFT_BYTES ? Math.min(rows, MAX_ROWS) : rows;
  }

  /** How many things of a few rows each a commit may change or remove, for the same reason: one at least, and not more than are wanted. */
  most(wanted: number): number {
    return Math.max(1, Math.min(wanted, Math.floor(this.rows / FEW_ROWS)));
  }

  /**
   * Finds out whether there is room for a commit.
   * @returns whether there is, or will be after a small commit, because the pages that the last commit has set free can be used only then
   * @throws what the system would say
   */
  has(need: Need): boolean {
    const { added = 0, rows = 0, run = 1 } = need;
    const bytes = (added > 0 ? LEFT_BYTES + 2 * added : SMALL_BYTES) + rows * ROW_BYTES;
    const { now, soon } = this.#free(bytes, run);
    if (now >= bytes) return true;
    if (soon < bytes || now < SMALL_BYTES) throw noRoom();
    return false;
  }

  #free(bytes: number, run: number = 1): FreeInFile & { readonly disk: number } {
    const disk = freeOnDisk(dirname(this.#dataFile));
    if (disk >= bytes) return { disk, now: disk, soon: disk };
    const inFile = freeInFile(this.#dataFile, { bytes: bytes - disk, run, oldest: this.#oldestRead() });
    return { disk, now: disk + inFile.now, soon: disk + inFile.soon };
  }

  /** The oldest transaction that a process reads; each line of the list has one, or none, behind the process and its thread. */
  #oldestRead(): number {
    const found = this.#root.readerList().matchAll(/^\s*\d+\s+[\da-f]+\s+(\d+)/gm);
    return Math.min(...[...found].map(([, transaction]) => Number(transaction)));
  }
}

/** What is free on the disk of a folder, in bytes. */
export function freeOnDisk(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

export function noRoom(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}
