import { readSync } from 'node:fs';
import { endianness } from 'node:os';

// What is known here of a file of LMDB, as the binding `lmdb` 3 writes it on machines of 64 bits, the lower byte first.
// A page begins with: u64 number · u64 transaction that wrote it · u16 · u16 kind · and if it has nodes u16 end of their list · u16 start of the
// nodes, both counted from the end of this header. A run of pages for a large value has a u32 with its length instead.
export const HEADER = 24;
export const BRANCH = 1;
export const LEAF = 2;
export const OVERFLOW = 4;
const META = 8;
const KINDS = 0x6f;

// The first two pages each say where the tables are; the one of the later transaction counts.
const META_BYTES = 168;
const MAGIC = 0xbe_ef_c0_de;
const VERSION = 2;
const MIN_PAGE_BYTES = 256;
const MAX_PAGE_BYTES = 65_536;

/** Bytes of what a file says of a table. */
export const TABLE_BYTES = 48;

const PAGES_AHEAD = 16;

// The last pages of a file may be free and never have been written, but not many.
const MAX_UNWRITTEN_PAGES = 1_000_000;

/** Whether files of this machine are laid out as this module expects. */
export const KNOWN_LAYOUT: boolean = process.arch.endsWith('64') && endianness() === 'LE';

/** What is wrong with a data file. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

/** What a file says of one of its tables. */
export interface Table {
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

/** Pages that have been read. */
interface Window {
  first: number;
  pages: number;
  readonly bytes: Buffer;
}

/** The pages of a data file, each of which has one use at most. */
export class PageFile {
  readonly snapshot: Snapshot;
  readonly #file: number;
  readonly #size: number;
  /** A bit for each page. */
  readonly #used: Uint8Array;
  /** Pages of each level of a tree, read ahead. */
  readonly #windows: Window[] = [];

  constructor(file: number, size: number) {
    this.#file = file;
    this.#size = size;
    this.snapshot = this.#readSnapshot();
    this.#used = new Uint8Array(Math.floor(this.snapshot.lastPage / 8) + 1);
  }

  /** Reads a page that must be of a kind. It is good until another one of its level is read. */
  read(number: number, level: number, kind: number): Buffer {
    const { pageBytes, transaction } = this.snapshot;
    this.use(number);
    const window = (this.#windows[level] ??= { first: 0, pages: 0, bytes: Buffer.alloc(PAGES_AHEAD * pageBytes) });
    if (number < window.first || number >= window.first + window.pages) {
      // Leaves that were written together lie one behind the other.
      const bytes = (number === window.first + window.pages ? PAGES_AHEAD : 1) * pageBytes;
      window.pages = Math.floor(readSync(this.#file, window.bytes, 0, bytes, number * pageBytes) / pageBytes);
      window.first = number;
      if (window.pages === 0) throw this.#cutOff(number);
    }
    const at = (number - window.first) * pageBytes;
    const page = window.bytes.subarray(at, at + pageBytes);
    if (numberAt(page, 0) !== number || (page.readUInt16LE(18) & KINDS) !== kind) throw bad(number);
    if (numberAt(page, 8) > transaction) {
      throw new DamagedFileError(
        `its page ${number} is newer than its beginning, as in a copy that was made while it was being written`,
      );
    }
    return page;
  }

  /** Reads the bytes of a large value. */
  readRun(first: number, bytes: number): Buffer {
    const value = Buffer.alloc(bytes);
    readSync(this.#file, value, 0, bytes, first * this.snapshot.pageBytes + HEADER);
    return value;
  }

  /** Notes a use of a page that is not read. */
  use(number: number): void {
    if (number < 2 || number > this.snapshot.lastPage) throw bad(number);
    const bit = 1 << (number & 7);
    const index = Math.floor(number / 8);
    const byte = this.#used[index] ?? 0;
    if ((byte & bit) !== 0) throw bad(number);
    this.#used[index] = byte | bit;
  }

  /** Checks that the file reaches to the end of a page. */
  reaches(page: number): void {
    if ((page + 1) * this.snapshot.pageBytes > this.#size) throw this.#cutOff(page);
  }

  #cutOff(page: number): DamagedFileError {
    return cutOff(this.#size, (page + 1) * this.snapshot.pageBytes);
  }

  #readSnapshot(): Snapshot {
    const first = this.#readMeta(0);
    if (!first) throw new DamagedFileError('it is not a file of LMDB');
    const other = this.#readMeta(first.pageBytes);
    if (other?.pageBytes !== first.pageBytes) throw bad(1);
    const snapshot = first.transaction >= other.transaction ? first : other;
    if (snapshot.lastPage > this.#size / snapshot.pageBytes + MAX_UNWRITTEN_PAGES)
      throw cutOff(this.#size, snapshot.lastPage * snapshot.pageBytes);
    return snapshot;
  }

  #readMeta(at: number): Snapshot | undefined {
    const page = Buffer.alloc(META_BYTES);
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
}

function cutOff(size: number, needed: number): DamagedFileError {
  return new DamagedFileError(`it was cut off: it has ${size} bytes, but should have ${needed} at least`);
}

export function bad(number: number): DamagedFileError {
  return new DamagedFileError(`its page ${number} is damaged`);
}

export function tableAt(bytes: Buffer, at: number): Table {
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
export function numberAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}
