import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

// The layout of a file of LMDB, as the binding `lmdb` 3 writes it on machines of 64 bits, the lower byte first.
// A page begins with: u64 number · u64 transaction that wrote it · u16 · u16 kind · u16 end of the list of nodes · u16 start of the nodes.
// Both are counted from the end of this header; a run of pages for a large value has a u32 with its length there.
const HEADER = 24;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const META = 8;
const KINDS = 0x6f;

// A node: u32 size of the value · u16 flags · u16 size of the key · key · value. In a branch the first six bytes are the number of a page.
const NODE = 8;
const LARGE = 1;
const TABLE = 2;
const DUPLICATES = 4;

// The first two pages each say where the tables are; the one of the later transaction counts.
const MAGIC = 0xbe_ef_c0_de;
const VERSION = 2;
const TABLE_BYTES = 48;
const LARGE_BYTES = 24;
const MIN_PAGE_BYTES = 256;
const MAX_PAGE_BYTES = 65_536;
const MAX_DEPTH = 32;

// How many pages are read before other work gets a turn.
const PAGES_AT_ONCE = 256;

/** The reason why a data file cannot be used. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/** The description of a table in the file. */
interface Table {
  readonly flags: number;
  readonly depth: number;
  readonly branches: number;
  readonly leaves: number;
  readonly overflow: number;
  readonly entries: number;
  readonly root: number;
}

interface Snapshot {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
  readonly free: Table;
  readonly main: Table;
}

/** A key in a page; undefined if there is no bound. */
type Bound = { readonly page: Buffer; readonly start: number; readonly end: number } | undefined;

type OnTable = (name: string, table: Table) => void;

/** Whether files of this machine are laid out as this module expects. */
const KNOWN_LAYOUT = /64$|64el$/.test(process.arch) && new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Checks a data file page by page, with plain reads: LMDB maps it into memory, and would end the process with a signal if a page is missing
 * or wrong. The values are not examined. An empty file is a new one. Other work gets turns meanwhile.
 * @returns the names of the tables
 * @throws {DamagedFileError} if it is cut, torn, changed, or not of LMDB
 */
export async function checkDataFile(path: string): Promise<readonly string[]> {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size === 0 || !KNOWN_LAYOUT) return [];
    const check = new FileCheck(file, size);
    const pages = check.run();
    for (let count = 1; pages.next().done !== true; count += 1) {
      if (count % PAGES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return check.names;
  } finally {
    closeSync(file);
  }
}

class FileCheck {
  readonly names: string[] = [];
  readonly #file: number;
  readonly #size: number;
  readonly #snapshot: Snapshot;
  /** A bit for each page that a table has. */
  readonly #used: Uint8Array;
  /** A page of each level of a tree. */
  readonly #levels: Buffer[] = [];
  // What has been found of the table that is being walked through.
  #branches = 0;
  #leaves = 0;
  #overflow = 0;
  #entries = 0;

  constructor(file: number, size: number) {
    this.#file = file;
    this.#size = size;
    this.#snapshot = this.#readSnapshot();
    this.#used = new Uint8Array((this.#snapshot.lastPage >> 3) + 1);
  }

  /** Goes through all tables, and stops after each page. */
  *run(): Generator<void> {
    const { free, main } = this.#snapshot;
    yield* this.#table('the table of free pages', free);
    const tables: [string, Table][] = [];
    yield* this.#table('the table of tables', main, (name, table) => tables.push([name, table]));
    for (const [name, table] of tables) {
      this.names.push(name);
      yield* this.#table(`the table ${name}`, table);
    }
  }

  #readSnapshot(): Snapshot {
    const first = this.#readMeta(0);
    if (!first) throw new DamagedFileError('it is not of LMDB');
    const other = this.#readMeta(first.pageBytes);
    if (!other || other.pageBytes !== first.pageBytes)
      throw new DamagedFileError('its second page is not what it should be');
    const snapshot = first.transaction >= other.transaction ? first : other;
    // The last pages may be free and never have been written.
    if (snapshot.lastPage * snapshot.pageBytes > Number.MAX_SAFE_INTEGER)
      throw new DamagedFileError('its first pages are not what they should be');
    return snapshot;
  }

  #readMeta(at: number): Snapshot | undefined {
    const page = Buffer.alloc(HEADER + 144);
    if (readSync(this.#file, page, 0, page.length, at) < page.length) return undefined;
    if ((page.readUInt16LE(18) & META) === 0 || page.readUInt32LE(24) !== MAGIC) return undefined;
    if ((page.readUInt32LE(28) & 0xff_ff) !== VERSION) return undefined;
    const pageBytes = page.readUInt32LE(48);
    const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0;
    if (!isPowerOfTwo || pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES) return undefined;
    return {
      pageBytes,
      free: tableAt(page, 48),
      main: tableAt(page, 96),
      lastPage: numberAt(page, 144),
      transaction: numberAt(page, 152),
    };
  }

  /** Walks through a table, and compares its content with its description. */
  *#table(name: string, table: Table, onTable?: OnTable): Generator<void> {
    this.#branches = this.#leaves = this.#overflow = this.#entries = 0;
    if (table.depth > 0) {
      if (table.depth > MAX_DEPTH) throw new DamagedFileError(`${name} is not what it should be`);
      yield* this.#tree(table.root, table.depth, undefined, undefined, onTable);
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
  *#tree(number: number, depth: number, low: Bound, high: Bound, onTable?: OnTable): Generator<void> {
    const isLeaf = depth === 1;
    const page = this.#read(number, depth, isLeaf ? LEAF : BRANCH);
    yield;
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    if (lower % 2 === 1 || lower === 0 || lower > upper || upper > page.length - HEADER) throw bad(number);
    const count = lower / 2;
    // The first key of a branch is left out.
    const first = isLeaf || count === 1 ? 0 : 1;
    if (isBelow(this.#key(page, first, number), low) || (high && !isBelow(this.#key(page, count - 1, number), high))) {
      throw bad(number);
    }
    if (isLeaf) {
      this.#leaves += 1;
      this.#entries += count;
      for (let index = 0; index < count; index += 1) this.#value(page, number, index, onTable);
      return;
    }
    this.#branches += 1;
    let from = low;
    for (let index = 0; index < count; index += 1) {
      const to = index + 1 < count ? this.#key(page, index + 1, number) : high;
      const node = nodeAt(page, index, number);
      const child = page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32;
      yield* this.#tree(child, depth - 1, from, to, onTable);
      from = to;
    }
  }

  #key(page: Buffer, index: number, number: number): Bound {
    const node = nodeAt(page, index, number);
    return { page, start: node + NODE, end: endOfKey(page, node, number) };
  }

  /** Checks where the value of a node lies. */
  #value(page: Buffer, number: number, index: number, onTable?: OnTable): void {
    const { pageBytes } = this.#snapshot;
    const node = nodeAt(page, index, number);
    const at = endOfKey(page, node, number);
    const flags = page.readUInt16LE(node + 4);
    const bytes = page.readUInt32LE(node);
    if ((flags & DUPLICATES) !== 0) throw bad(number);
    if ((flags & LARGE) !== 0) {
      if (at + LARGE_BYTES > pageBytes) throw bad(number);
      const pages = Math.floor((HEADER - 1 + bytes) / pageBytes) + 1;
      const first = numberAt(page, at);
      const start = this.#read(first, 0, OVERFLOW);
      if (start.readUInt32LE(20) !== pages) throw bad(first);
      for (let next = first + 1; next < first + pages; next += 1) this.#use(next);
      if ((first + pages) * pageBytes > this.#size) throw this.#cut(first + pages);
      this.#overflow += pages;
    } else if (at + bytes > pageBytes) {
      throw bad(number);
    }
    if (onTable && (flags & TABLE) === 0) throw new DamagedFileError('it is of another program');
    if (!onTable) return;
    if (bytes !== TABLE_BYTES) throw bad(number);
    // The name ends with a zero.
    onTable(page.toString('utf8', node + NODE, at).replace(/\0$/, ''), tableAt(page, at));
  }

  #read(number: number, level: number, kind: number): Buffer {
    const { pageBytes, transaction } = this.#snapshot;
    this.#use(number);
    const page = (this.#levels[level] ??= Buffer.alloc(pageBytes));
    if (readSync(this.#file, page, 0, pageBytes, number * pageBytes) < pageBytes) throw this.#cut(number + 1);
    if (numberAt(page, 0) !== number || (page.readUInt16LE(18) & KINDS) !== kind) throw bad(number);
    if (numberAt(page, 8) > transaction) {
      throw new DamagedFileError(
        `its page ${number} is newer than its beginning, as in a copy that was made while it was being written`,
      );
    }
    return page;
  }

  #use(number: number): void {
    if (number < 2 || number > this.#snapshot.lastPage) throw bad(number);
    const bit = 1 << (number & 7);
    const index = Math.floor(number / 8);
    const byte = this.#used[index] ?? 0;
    if ((byte & bit) !== 0) throw bad(number);
    this.#used[index] = byte | bit;
  }

  #cut(pages: number): DamagedFileError {
    const should = pages * this.#snapshot.pageBytes;
    return new DamagedFileError(`it was cut off: it has ${this.#size} bytes, but should have ${should} at least`);
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

function isBelow(one: Bound, other: Bound): boolean {
  if (!one || !other) return false;
  return one.page.compare(other.page, other.start, other.end, one.start, one.end) < 0;
}

function bad(number: number): DamagedFileError {
  return new DamagedFileError(`its page ${number} is not what it should be`);
}

function tableAt(bytes: Buffer, at: number): Table {
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branches: numberAt(bytes, at + 8),
    leaves: numberAt(bytes, at + 16),
    overflow: numberAt(bytes, at + 24),
    entries: numberAt(bytes, at + 32),
    root: numberAt(bytes, at + 40),
  };
}

/** A number of 8 bytes; one that is too large to be exact is too large for anything it may stand for. */
function numberAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
