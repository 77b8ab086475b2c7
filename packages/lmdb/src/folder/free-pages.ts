import { closeSync, fstatSync, openSync, type Stats } from 'node:fs';
import { DamagedFileError, KNOWN_LAYOUT, numberAt, PageFile } from './pages.ts';
import { TableWalk } from './table-walk.ts';

/** Pages that lie one behind the other. */
interface Run {
  readonly first: number;
  readonly pages: number;
}

/** What commits may write to in a file that need not grow for it, in bytes. */
export interface FreeInFile {
  /** What the next commit may use. */
  readonly now: number;
  /** What the one after it may use. */
  readonly soon: number;
}

interface WantedInFile {
  /** So many bytes are enough: then the rest is not counted. */
  readonly bytes: number;
  /** Only runs of so many pages count. */
  readonly run: number;
  /** The oldest transaction that anybody reads. What it has is not written over. */
  readonly oldest: number;
}

const NONE: FreeInFile = { now: 0, soon: 0 };

/** Counts what is free in a data file: pages that are to be written anew, and what the file has behind its last page. Nothing if that cannot be told. */
export function freeInFile(path: string, wanted: WantedInFile): FreeInFile {
  if (!KNOWN_LAYOUT) return NONE;
  const file = openSync(path, 'r');
  try {
    const stats = fstatSync(file);
    return count(new PageFile(file, stats.size), stats, wanted);
  } catch (error) {
    if (error instanceof RangeError || error instanceof DamagedFileError) return NONE;
    throw error;
  } finally {
    closeSync(file);
  }
}

function count(file: PageFile, stats: Stats, { bytes, run, oldest }: WantedInFile): FreeInFile {
  const { free, lastPage, pageBytes, transaction } = file.snapshot;
  // A commit writes the lists of free pages anew.
  const lists = (free.branches + free.leaves + free.overflow) * pageBytes;
  let [now, soon] = [behind(stats, (lastPage + 1) * pageBytes) - lists, 0];
  const walk = new TableWalk(file).table('the table of free pages', free, (key, list) => {
    let found = 0;
    for (const { pages } of joined(runsIn(list))) found += (pages - (pages % run)) * pageBytes;
    // What the last commit has set free is what a crash would lead back to.
    if (numberAt(key, 0) < Math.min(transaction, oldest)) now += found;
    else if (oldest >= transaction) soon += found;
  });
  while (now < bytes && walk.next().done !== true);
  return { now: Math.max(0, now), soon: Math.max(0, now + soon) };
}

/** What a file has behind its last page: a commit that failed may have made it longer. Where the file has holes, the disk has no room for it. */
function behind({ size, blocks }: Stats, end: number): number {
  const holes = Math.max(0, size - blocks * 512);
  return Math.max(0, size - end - holes);
}

/** The runs in a list of free pages. @throws {DamagedFileError} if it is no list */
export function* runsIn(list: Buffer): Generator<Run> {
  const length = numberAt(list, 0);
  if (length > list.length / 8 - 1) throw new DamagedFileError('a list of its free pages is damaged');
  for (let index = 1; index <= length; index += 1) {
    // A number below zero is the length of a run, and its first page follows. Zeros are places that are not used.
    const run = -Number(list.readBigInt64LE(index * 8));
    if (run > 0) index += 1;
    const first = index <= length ? numberAt(list, index * 8) : 0;
    if (first > 0) yield { first, pages: Math.max(run, 1) };
  }
}

/** Makes one run of those that touch, if the list has them one after the other. */
function* joined(runs: Iterable<Run>): Generator<Run> {
  let last: Run | undefined;
  for (const run of runs) {
    const touches = last && (last.first + last.pages === run.first || run.first + run.pages === last.first);
    if (last && !touches) yield last;
    last = last && touches ? { first: Math.min(last.first, run.first), pages: last.pages + run.pages } : run;
  }
  if (last) yield last;
}
