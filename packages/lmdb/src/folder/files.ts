import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LmdbError } from '../errors.ts';
import { notFolder, unusable } from './refusal.ts';
import { freeOnDisk, noRoom } from './room.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

// More than LMDB's table of readers takes. If the disk is full, writing to a missing part of a mapped file would end the process.
const LOCK_BYTES = 16_384;

// Several times what the files of a new folder take.
const NEW_BYTES = 512 * 1024;

/** The files of a data folder. Only the owner can read them, because events may be private. */
export const FILES = {
  data: 'data.mdb',
  lock: 'lock.mdb',
  owner: 'owner.mdb',
  ownerLock: 'owner.mdb-lock',
  state: 'state.json',
} as const;

/** Creates the folder for its owner alone, if it does not exist. @throws {LmdbError} `ERR_DATA_FOLDER` */
export function makeFolder(path: string): void {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new LmdbError('ERR_DATA_FOLDER', notFolder(path));
    return;
  }
  make(path);
  chmodSync(path, FOLDER_MODE);
}

/** Creates a folder and those above it. `mkdirSync` with `recursive` never returns on Node 20 if the path leads through /proc/x. */
function make(path: string): void {
  const parent = dirname(path);
  if (parent !== path && !existsSync(parent)) make(parent);
  try {
    mkdirSync(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'ENOENT' || !existsSync(parent)) throw cause;
    throw new LmdbError('ERR_DATA_FOLDER', `The folder ${path} cannot be created: ${parent} takes no new folders`, {
      cause,
    });
  }
}

/** Creates the files, which LMDB would make readable for everybody, and makes existing ones readable only for the owner. */
export function makeFiles(path: string, folder: string): void {
  for (const name of Object.values(FILES)) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    if (!statSync(file).isFile()) throw unusable(path, new Error(`${file} is not a file`));
    closeToOthers(file);
  }
  if (!areMade(folder) && freeOnDisk(folder) < NEW_BYTES) throw noRoom();
  for (const name of [FILES.lock, FILES.ownerLock]) {
    if (!existsSync(join(folder, name))) makeWhole(join(folder, name), Buffer.alloc(LOCK_BYTES));
  }
  for (const name of [FILES.data, FILES.owner]) {
    if (!existsSync(join(folder, name))) makeWhole(join(folder, name), Buffer.alloc(0));
  }
}

function areMade(folder: string): boolean {
  const files = [FILES.data, FILES.owner, FILES.lock, FILES.ownerLock].map((name) => join(folder, name));
  return files.every((file) => existsSync(file) && statSync(file).size > 0);
}

/** Creates a file with all of its bytes at once, unless another process has created it meanwhile. */
function makeWhole(file: string, bytes: Buffer): void {
  const made = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(made, bytes, { flag: 'wx' });
    chmodSync(made, FILE_MODE);
    link(made, file);
  } finally {
    rmSync(made, { force: true });
  }
}

function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // It exists by now, or the file system has no links. Then LMDB creates it.
  }
}

function closeToOthers(file: string): void {
  try {
    if ((statSync(file).mode & 0o777) !== FILE_MODE) chmodSync(file, FILE_MODE);
  } catch {
    // The file is of another user, or the file system has no modes. LMDB finds out whether it can be used.
  }
}
