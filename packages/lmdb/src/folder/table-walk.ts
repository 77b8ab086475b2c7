import { bad, BRANCH, DamagedFileError, HEADER, LEAF, numberAt, OVERFLOW, type PageFile, type Table } from './pages.ts';

// A node: u32 size of the value · u16 flags · u16 size of the key · key · value. In a branch the first six bytes are the number of a page.
const NODE = 8;
const LARGE = 1;
/** A flag of a value that describes a table. */
export const TABLE = 2;
const DUPLICATES = 4;

// A flag of a table.
const NUMBERS = 8;

// These 24 bytes say where a large value lies.
const LARGE_BYTES = 24;
const MAX_DEPTH = 32;

/** A key in a page; undefined if there is no bound. */
type Bound = { readonly page: Buffer; readonly start: number; readonly end: number } | undefined;

/** Is shown each node of a table. */
type Visit = (key: Buffer, value: Buffer, flags: number) => void;

/** Walks through the tables of a data file page by page, and checks each page that it comes to. */
export class TableWalk {
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

  /** Walks through a table, and compares its content with its description. It stops after each page. */
  *table(name: string, table: Table, visit?: Visit): Generator<void> {
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
