import { closeSync, fstatSync, openSync } from 'node:fs';
import { endianness } from 'node:os';
import {
  bad,
  BRANCH,
  DamagedFileError,
  HEADER,
  LEAF,
  numberAt,
  OVERFLOW,
  PageFile,
  TABLE_BYTES,
  tableAt,
  type Table,
} from './pages.ts';

// A node: u32 size of the value · u16 flags · u16 size of the key · key · value. In a branch the first six bytes are the number of a page.
const NODE = 8;
const LARGE = 1;
const TABLE = 2;
const DUPLICATES = 4;

// A flag of a table.
const NUMBERS = 8;

// These 24 bytes say where a large value lies.
const LARGE_BYTES = 24;
const MAX_DEPTH = 32;

// How many pages are read before other work gets a turn.
const PAGES_AT_ONCE = 256;

/** A key in a page; undefined if there is no bound. */
type Bound = { readonly page: Buffer; readonly start: number; readonly end: number } | undefined;

/** Is shown each node of a table. */
type Visit = (key: Buffer, value: Buffer, flags: number) => void;

/** Whether files of this machine are laid out as this module expects. */
const KNOWN_LAYOUT = process.arch.endsWith('64') && endianness() === 'LE';

/**
 * Checks a data file page by page, with plain reads: LMDB maps it into memory, and would end the process with a signal if a page is missing
 * or wrong. The values are not examined. An empty file is a new one. Other work gets turns meanwhile.
 * @returns the names of the tables
 * @throws {DamagedFileError} if it is cut, torn, changed, or not made by LMDB
 */
export async function checkDataFile(path: string): Promise<readonly string[]> {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size === 0 || !KNOWN_LAYOUT) return [];
    const check = new FileCheck(new PageFile(file, size));
    const pages = check.run();
    for (let count = 1; pages.next().done !== true; count += 1) {
      if (count % PAGES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return check.names;
  } catch (error) {
    // A number in a page led out of it.
    throw error instanceof RangeError ? new DamagedFileError('one of its pages is damaged') : error;
  } finally {
    closeSync(file);
  }
}

/** The bytes of the pages of a data file that are free to be written anew, as far as they are wanted. 0 if that cannot be told. */
export function reusableBytes(path: string, wanted: number): number {
  if (!KNOWN_LAYOUT) return 0;
  const file = openSync(path, 'r');
  try {
    return new FileCheck(new PageFile(file, fstatSync(file).size)).freeBytes(wanted);
  } catch (error) {
    if (error instanceof RangeError || error instanceof DamagedFileError) return 0;
    throw error;
  } finally {
    closeSync(file);
  }
}

class FileCheck {
  readonly names: string[] = [];
  readonly #pages: PageFile;
  // What has been found of the table that is being walked through.
  #branches = 0;
  #leaves = 0;
  #overflow = 0;
  #entries = 0;
  /** Whether its keys are numbers, compared as such. */
  #hasNumbers = false;

  constructor(pages: PageFile) {
    this.#pages = pages;
  }

  /** Goes through all tables, and stops after each page. */
  *run(): Generator<void> {
    const { free, main } = this.#pages.snapshot;
    const lists: Buffer[] = [];
    yield* this.#table('the table of free pages', free, (_, list) => lists.push(Buffer.from(list)));
    const tables: Table[] = [];
    yield* this.#table('the table of tables', main, (key, value, flags) => {
      if ((flags & TABLE) === 0 || value.length !== TABLE_BYTES) throw new DamagedFileError('another program made it');
      // A name ends with a zero.
      this.names.push(key.toString('utf8').replace(/\0$/, ''));
      tables.push(tableAt(value, 0));
    });
    for (const [index, table] of tables.entries()) yield* this.#table(`the table ${this.names[index]}`, table);
    for (const list of lists) this.#checkFree(list);
  }

  /** Counts the bytes of pages that are free, until there are as many as are wanted. */
  freeBytes(wanted: number): number {
    const { free, pageBytes } = this.#pages.snapshot;
    let bytes = 0;
    const walk = this.#table('the table of free pages', free, (_, list) => {
      bytes += pagesIn(list) * pageBytes;
    });
    while (bytes < wanted && walk.next().done !== true);
    return bytes;
  }

  /** A page in a list of those that are free is none that a table has, or it would be written over. */
  #checkFree(list: Buffer): void {
    const length = numberAt(list, 0);
    if (length > list.length / 8 - 1) throw new DamagedFileError('a list of its free pages is damaged');
    for (let index = 1; index <= length; index += 1) {
      // A number below zero is the length of a run, and its first page follows. Zeros are places that are not used.
      const run = -Number(list.readBigInt64LE(index * 8));
      if (run > 0) index += 1;
      const first = index <= length ? numberAt(list, index * 8) : 0;
      if (first === 0) continue;
      for (let number = first; number < first + Math.max(run, 1); number += 1) this.#pages.use(number);
    }
  }

  /** Walks through a table, and compares its content with its description. */
  *#table(name: string, table: Table, visit?: Visit): Generator<void> {
    this.#branches = this.#leaves = this.#overflow = this.#entries = 0;
    this.#hasNumbers = (table.flags & NUMBERS) !== 0;
    if (table.depth > 0) {
      if (table.depth > MAX_DEPTH) throw new DamagedFileError(`${name} is damaged`);
      yield* this.#tree(table.root, table.depth, undefined, undefined, visit);
    }
    const isWhole =
      this.#branches === table.branches &&
      this.#leaves === table.leaves &&
      this.#overflow === table.overflow &&
      this.#entries === table.entries;
    if (!isWhole) {
      throw new DamagedFileError(`${name} has ${this.#entries} entries, but should have ${table.entries}`);
    }
  }

  /** Walks through a page and those below it, whose keys lie between two others. */
  *#tree(number: number, depth: number, low: Bound, high: Bound, visit?: Visit): Generator<void> {
    const isLeaf = depth === 1;
    const page = this.#pages.read(number, depth, isLeaf ? LEAF : BRANCH);
    yield;
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    if (lower % 2 === 1 || lower === 0 || lower > upper || upper > page.length - HEADER) throw bad(number);
    const count = lower / 2;
    const isPlain = this.#checkNodes(page, number, isLeaf, low, high);
    if (isLeaf) {
      this.#leaves += 1;
      this.#entries += count;
      if (!isPlain || visit) for (let index = 0; index < count; index += 1) this.#value(page, number, index, visit);
      return;
    }
    this.#branches += 1;
    let from = low;
    for (let index = 0; index < count; index += 1) {
      const to = index + 1 < count ? this.#key(page, index + 1, number) : high;
      const node = nodeAt(page, index, number);
      const child = page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32;
      yield* this.#tree(child, depth - 1, from, to, visit);
      from = to;
    }
  }

  /**
   * Checks that the nodes of a page fill it without a hole, and that its keys rise from one bound to before the other.
   * @returns whether they are all values that lie in the page
   */
  #checkNodes(page: Buffer, number: number, isLeaf: boolean, low: Bound, high: Bound): boolean {
    const count = page.readUInt16LE(20) / 2;
    let filled = 0;
    let allFlags = 0;
    // The first key of a branch is left out.
    const first = isLeaf ? 0 : 1;
    let start = 0;
    let end = 0;
    for (let index = 0; index < count; index += 1) {
      const node = nodeAt(page, index, number);
      const endOfThis = endOfKey(page, node, number);
      const flags = isLeaf ? page.readUInt16LE(node + 4) : 0;
      const value = isLeaf ? ((flags & LARGE) !== 0 ? LARGE_BYTES : page.readUInt32LE(node)) : 0;
      const bytes = endOfThis - node + value;
      if (node + bytes > page.length) throw bad(number);
      filled += bytes + (bytes % 2);
      allFlags |= flags;
      if (index === first && low && this.#compare(page, node + NODE, endOfThis, low.page, low.start, low.end) < 0) {
        throw bad(number);
      }
      if (index > first && this.#compare(page, start, end, page, node + NODE, endOfThis) >= 0) throw bad(number);
      start = node + NODE;
      end = endOfThis;
    }
    if (count > first && high && this.#compare(page, start, end, high.page, high.start, high.end) >= 0) {
      throw bad(number);
    }
    if (filled !== page.length - HEADER - page.readUInt16LE(22)) throw bad(number);
    return allFlags === 0;
  }

  /** Below zero if the first key is below the second. */
  #compare(one: Buffer, start: number, end: number, other: Buffer, otherStart: number, otherEnd: number): number {
    if (this.#hasNumbers) return numberAt(one, start) - numberAt(other, otherStart);
    // Most keys are short and differ late, or at once. Comparing them here takes less time than a call into Node.
    const length = Math.min(end - start, otherEnd - otherStart);
    for (let at = 0; at < length; at += 1) {
      const difference = (one[start + at] ?? 0) - (other[otherStart + at] ?? 0);
      if (difference !== 0) return difference;
    }
    return end - start - (otherEnd - otherStart);
  }

  #key(page: Buffer, index: number, number: number): Bound {
    const node = nodeAt(page, index, number);
    return { page, start: node + NODE, end: endOfKey(page, node, number) };
  }

  /** Checks where the value of a node lies. */
  #value(page: Buffer, number: number, index: number, visit?: Visit): void {
    const node = nodeAt(page, index, number);
    const at = endOfKey(page, node, number);
    const flags = page.readUInt16LE(node + 4);
    const bytes = page.readUInt32LE(node);
    const isLarge = (flags & LARGE) !== 0;
    if ((flags & DUPLICATES) !== 0) throw bad(number);
    if (isLarge) this.#run(numberAt(page, at), bytes);
    if (!visit) return;
    const value = isLarge ? this.#pages.readRun(numberAt(page, at), bytes) : page.subarray(at, at + bytes);
    visit(page.subarray(node + NODE, at), value, flags);
  }

  /** Checks a run of pages that holds one value. */
  #run(first: number, bytes: number): void {
    const { pageBytes } = this.#pages.snapshot;
    const pages = Math.floor((HEADER - 1 + bytes) / pageBytes) + 1;
    if (this.#pages.read(first, 0, OVERFLOW).readUInt32LE(20) !== pages) throw bad(first);
    for (let next = first + 1; next < first + pages; next += 1) this.#pages.use(next);
    this.#pages.reaches(first + pages - 1);
    this.#overflow += pages;
  }
}

/** How many pages are in a list of those that are free, see `#checkFree`. */
function pagesIn(list: Buffer): number {
  const length = Math.min(numberAt(list, 0), list.length / 8 - 1);
  let pages = 0;
  for (let index = 1; index <= length; index += 1) {
    const number = Number(list.readBigInt64LE(index * 8));
    if (number < 0) index += 1;
    pages += number < 0 ? -number : Math.min(number, 1);
  }
  return pages;
}

function nodeAt(page: Buffer, index: number, number: number): number {
  const node = page.readUInt16LE(HEADER + 2 * index) + HEADER;
  if (node < page.readUInt16LE(20) + HEADER || node + NODE > page.length) throw bad(number);
  return node;
}

function endOfKey(page: Buffer, node: number, number: number): number {
  const end = node + NODE + page.readUInt16LE(node + 6);
  if (end > page.length) throw bad(number);
  return end;
}
