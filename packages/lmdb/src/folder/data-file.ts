import { closeSync, fstatSync, openSync } from 'node:fs';
import { runsIn } from './free-pages.ts';
import { DamagedFileError, KNOWN_LAYOUT, PageFile, TABLE_BYTES, tableAt, type Table } from './pages.ts';
import { TABLE, TableWalk } from './table-walk.ts';

// How many pages are read before other work gets a turn.
const PAGES_AT_ONCE = 256;

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

class FileCheck {
  readonly names: string[] = [];
  readonly #pages: PageFile;

  constructor(pages: PageFile) {
    this.#pages = pages;
  }

  /** Goes through all tables, and stops after each page. */
  *run(): Generator<void> {
    const { free, main } = this.#pages.snapshot;
    const walk = new TableWalk(this.#pages);
    const lists: Buffer[] = [];
    yield* walk.table('the table of free pages', free, (_, list) => lists.push(Buffer.from(list)));
    const tables: Table[] = [];
    yield* walk.table('the table of tables', main, (key, value, flags) => {
      if ((flags & TABLE) === 0 || value.length !== TABLE_BYTES) throw new DamagedFileError('another program made it');
      // A name ends with a zero.
      this.names.push(key.toString('utf8').replace(/\0$/, ''));
      tables.push(tableAt(value, 0));
    });
    for (const [index, table] of tables.entries()) yield* walk.table(`the table ${this.names[index]}`, table);
    // A page in a list of those that are free is none that a table has, or it would be written over.
    for (const list of lists) {
      for (const { first, pages } of runsIn(list)) {
        for (let number = first; number < first + pages; number += 1) this.#pages.use(number);
      }
    }
  }
}
