import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { LmdbError } from './errors.ts';

/** A data folder that this process has for itself. */
export interface DataFolder {
  readonly root: RootDatabase;
  /** The metadata of the folder. */
  readonly meta: Database<unknown, string>;
  close(): Promise<void>;
}

const FORMAT = 1;

// How the data file of LMDB begins: two pages of at least 4 KiB, the first with this number in it.
const MAGIC = 0xbe_ef_c0_de;
const MAGIC_OFFSET = 24;
const MIN_FILE_BYTES = 2 * 4096;

// The folders that this process has open. LMDB distinguishes processes, but not the logs of one process.
const openFolders = new Set<string>();

/**
 * Opens a data folder, or makes one.
 * @throws {LmdbError} `ERR_DATA_FOLDER`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT`
 */
export function openFolder(path: string): DataFolder {
  const folder = makeFolder(path);
  if (openFolders.has(folder)) throw inUse(path);
  checkFile(path, join(folder, 'data.mdb'));
  const root = openRoot(path, folder);
  try {
    const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
    // The read enters this process in LMDB's table of readers, from which the system removes dead processes. Any other process in it
    // is another hub. Of two that start at once both may be refused, but never are both let in.
    const format = meta.get('format');
    root.readerCheck();
    if (readers(root) > 1) throw inUse(path);
    if (format !== undefined && format !== FORMAT) {
      throw new LmdbError(
        'ERR_DATA_FORMAT',
        `The data folder ${path} has the format ${JSON.stringify(format)}; this version reads ${FORMAT}`,
      );
    }
    if (format === undefined) meta.putSync('format', FORMAT);
    openFolders.add(folder);
    return {
      root,
      meta,
      async close() {
        openFolders.delete(folder);
        await root.close();
      },
    };
  } catch (error) {
    void root.close();
    throw error instanceof LmdbError ? error : unusable(path, error);
  }
}

function makeFolder(path: string): string {
  try {
    // On Node 20, making /proc/x recursively never returns, so it is done only if it is needed.
    if (!existsSync(path)) mkdirSync(path, { recursive: !existsSync(dirname(path)) });
    accessSync(path, constants.R_OK | constants.W_OK);
    return realpathSync(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** LMDB maps its file into memory. A file that it has not written completely would end the process with a signal. */
function checkFile(path: string, file: string): void {
  if (!existsSync(file)) return;
  let size: number;
  const start = Buffer.alloc(MAGIC_OFFSET + 4);
  try {
    const descriptor = openSync(file, 'r');
    try {
      ({ size } = fstatSync(descriptor));
      readSync(descriptor, start);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw unusable(path, error);
  }
  if (size === 0 || (size >= MIN_FILE_BYTES && start.readUInt32LE(MAGIC_OFFSET) === MAGIC)) return;
  throw unusable(path, new Error(`its file ${file} is damaged or not of LMDB`));
}

function openRoot(path: string, folder: string): RootDatabase {
  try {
    return open({
      path: folder,
      maxDbs: 16,
      // A commit is on disk when its promise resolves, and the next one starts after that.
      overlappingSync: false,
      // LMDB makes a promise for the batches of a turn that nobody handles. If their commit failed, it would end the process.
      eventTurnBatching: false,
    });
  } catch (error) {
    throw unusable(path, error);
  }
}

/** How many processes have the folder open, this one included. */
function readers(root: RootDatabase): number {
  const rows = root.readerList().matchAll(/^\s*\d+\s/gm);
  return [...rows].length;
}

function inUse(path: string): LmdbError {
  return new LmdbError('ERR_DATA_IN_USE', `The data folder ${path} is in use by another hub`);
}

export function unusable(path: string, cause: unknown): LmdbError {
  const found = cause instanceof Error ? cause.message : String(cause);
  return new LmdbError('ERR_DATA_FOLDER', `The data folder ${path} cannot be used: ${found}`, { cause });
}
