import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';
import { LmdbError } from '../errors.ts';
import { checkDataFile } from './data-file.ts';
import { DamagedFileError } from './pages.ts';
import { FILES, makeFiles, makeFolder } from './files.ts';
import { damaged, inUse, inUseHere, unusable } from './refusal.ts';
import { isAsClosed, isOpenHere, noteClosed, noteOpen } from './state.ts';
import { noRoom, Room, type Need } from './room.ts';

/** A data folder that only this log uses. */
export interface DataFolder {
  readonly root: RootDatabase;
  /** The metadata of the folder. */
  readonly meta: Database<unknown, string>;
  readonly room: Room;
  /** Commits what is put and removed meanwhile. Rejects with the error of the system underneath, and if there is no room for it. */
  batch(write: () => void, need: Need): Promise<void>;
  close(): Promise<void>;
}

/** How the tables are laid out. Any change that an earlier version would misread, or that misreads an earlier one, needs another number. */
const FORMAT = 5;

/** Earlier formats of which this one reads everything. Such a folder gets the number of this one. */
const RAISED_FORMATS: ReadonlySet<unknown> = new Set([3, 4]);

// The folders that this thread has open, by device and inode. Other copies of this module share the set.
const KEY = Symbol.for('@tidings/lmdb open folders');
const shared = globalThis as { [KEY]?: Set<string> };
const openFolders = (shared[KEY] ??= new Set());

/**
 * Opens a data folder, or creates one.
 * @throws {LmdbError} `ERR_DATA_FOLDER`, `ERR_DATA_DAMAGED`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT`
 */
export async function openFolder(path: string): Promise<DataFolder> {
  const undo: (() => unknown)[] = [];
  const release = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const folder = realpathSync(path);
    const at = Object.fromEntries(
      Object.entries(FILES).map(([name, file]) => [name, join(folder, file)]),
    ) as typeof FILES;
    const { dev, ino } = statSync(folder, { bigint: true });
    const name = `${dev} ${ino}`;
    if (openFolders.has(name) || isOpenHere(at.state, name)) throw inUseHere(path);
    openFolders.add(name);
    undo.push(() => openFolders.delete(name));
    makeFiles(path, folder);
    const owner = await own(path, at.owner);
    undo.push(() => owner.close());
    if (!isAsClosed(at.state, at.data)) await checkTables(at.data);
    noteOpen(at.state, name);
    undo.push(() => noteClosed(at.state, at.data));
    const root = openFile(folder, false);
    undo.push(() => root.close());
    const room = new Room(root, at.data);
    // What opening writes is small.
    if (!room.has({})) throw noRoom();
    const meta = openMeta(path, root);
    const batch = async (write: () => void, need: Need): Promise<void> => {
      // A commit that changes nothing lets the next one use what the last one has set free.
      if (!room.has(need)) {
        await root.batch(() => {
          meta.put('format', FORMAT).catch(() => {});
        });
        if (!room.has(need)) throw noRoom();
      }
      try {
        await root.batch(write);
      } catch (error) {
        throw await underneath(error);
      }
    };
    return { root, meta, room, batch, close: release };
  } catch (error) {
    await release();
    throw unusable(path, error);
  }
}

/**
 * Locks the folder before its data are touched. LMDB has a table of the processes that read a file, and a lock of the system for each of them, so it
 * knows which are dead, in whatever namespace they are. A file without data is locked: opening it is safe, and tools may read the data file.
 */
async function own(path: string, file: string): Promise<RootDatabase> {
  try {
    await checkDataFile(file);
  } catch (error) {
    throw error instanceof DamagedFileError ? damaged(path, FILES.owner, error) : error;
  }
  const owner = openFile(file, true);
  try {
    takePlace(path, owner);
    return owner;
  } catch (error) {
    await owner.close();
    throw error;
  }
}

/** Of two that start at once both may be refused, but never are both let in. */
function takePlace(path: string, owner: RootDatabase): void {
  if (places(owner) > 0) throw inUse(path);
  try {
    // The first read takes a place. It fails if a process of another namespace has the same number.
    owner.get('owner');
  } catch {
    throw inUse(path);
  }
  owner.readerCheck();
  if (places(owner) > 1) throw inUse(path);
}

/** How many processes have a place in the table of readers. */
function places(owner: RootDatabase): number {
  return [...owner.readerList().matchAll(/^\s*\d+\s/gm)].length;
}

async function checkTables(file: string): Promise<void> {
  const tables = await checkDataFile(file);
  if (tables.length > 0 && !tables.includes('meta')) throw new DamagedFileError('another program made it');
}

// The mode of the files is an option of the binding that its types leave out.
interface OpenOptions extends RootDatabaseOptionsWithPath {
  readonly permissionsMode: number;
}

/**
 * Opens the data of a folder that another process of this machine has open, to read them.
 *
 * @throws {Error} what the binding throws if it cannot
 */
export function openToRead(path: string): RootDatabase {
  return openFile(realpathSync(path), false, true);
}

function openFile(path: string, noSubdir: boolean, readOnly = false): RootDatabase {
  const options: OpenOptions = {
    path,
    // Without this the binding takes a folder with a dot in its name for a file.
    noSubdir,
    readOnly,
    permissionsMode: 0o600,
    maxDbs: 32,
    // A commit is on disk when its promise resolves, and the next one starts after that.
    overlappingSync: false,
    // LMDB makes a promise for the batches of a turn that nobody handles. If their commit failed, it would end the process.
    eventTurnBatching: false,
  };
  return open(options);
}

function openMeta(path: string, root: RootDatabase): Database<unknown, string> {
  const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
  const format = meta.get('format');
  if (format === undefined || RAISED_FORMATS.has(format)) meta.putSync('format', FORMAT);
  else if (format !== FORMAT) {
    throw new LmdbError(
      'ERR_DATA_FORMAT',
      `The data folder ${path} has the format ${JSON.stringify(format)}, and this version reads ${FORMAT}. Open it with the version that wrote it, or move it away to begin without its events`,
    );
  }
  return meta;
}

/** The binding of LMDB reports "Commit failed", and has the reason in another promise. */
async function underneath(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return await Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
}
