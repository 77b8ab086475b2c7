import { statfsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { LmdbError } from '../errors.ts';
import { DamagedFileError } from './pages.ts';

// Node has names for the errors of the system, LMDB has numbers.
const CODES = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EEXIST', 'ENOENT', 'ENOLCK'] as const;
type Code = (typeof CODES)[number];

export function inUse(path: string): LmdbError {
  return new LmdbError('ERR_DATA_IN_USE', `The data folder ${path} is in use by another hub`);
}

export function inUseHere(path: string): LmdbError {
  const found = `This process (${process.pid}) has the data folder ${path} open already`;
  return new LmdbError('ERR_DATA_IN_USE', `${found}. Use that log, or close it first`);
}

/** Returns the reason why a data folder cannot be used, and what its owner can do. */
export function unusable(path: string, cause: unknown): LmdbError {
  if (cause instanceof LmdbError) return cause;
  if (cause instanceof DamagedFileError) return damaged(path, 'data.mdb', cause);
  const found = cause instanceof Error ? cause.message : String(cause);
  // What is not an event is JSON.
  if (cause instanceof SyntaxError)
    return damaged(path, 'data.mdb', new Error(`one of its entries is damaged (${found})`));
  const what = {
    EACCES: notAllowed,
    EPERM: notAllowed,
    EROFS: readOnly,
    ENOSPC: full,
    EDQUOT: full,
    ENOTDIR: notFolder,
    // A link that leads nowhere is in the way of a new folder.
    EEXIST: notFolder,
    ENOENT: removed,
    ENOLCK: noLocks,
  };
  const code = codeOf(cause);
  const sentence = code ? what[code](path) : `The data folder ${path} cannot be used: ${found}`;
  return new LmdbError('ERR_DATA_FOLDER', sentence, { cause });
}

export function damaged(path: string, file: string, cause: Error): LmdbError {
  return new LmdbError(
    'ERR_DATA_DAMAGED',
    `The data folder ${path} cannot be used, because of its file ${file}: ${cause.message}. ` +
      'Put an undamaged copy in its place, or move the file away to begin without its events',
    { cause },
  );
}

export function notFolder(path: string): string {
  return `${path} cannot be the data folder, because it is not a folder`;
}

function removed(path: string): string {
  return `The data folder ${path} was removed or renamed while it was being opened. Put it back, or start again to begin with an empty one`;
}

function codeOf(cause: unknown): Code | undefined {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return CODES.find((name) => code === name || code === constants.errno[name]);
}

function notAllowed(path: string): string {
  const user = process.getuid ? ` (uid ${process.getuid()})` : '';
  return `The data folder ${path} may not be read and written by this user${user}${ownerOf(path)}. Run as its owner, or change its owner`;
}

function ownerOf(path: string): string {
  try {
    return `; its owner is uid ${statSync(path).uid}`;
  } catch {
    return '';
  }
}

function readOnly(path: string): string {
  return `The data folder ${path} is on a file system that is mounted read-only. Mount it for writing`;
}

function full(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(path);
    return `The disk of the data folder ${path} is full: ${bavail * bsize} bytes are free, which is too little. Make room on it`;
  } catch {
    return `The disk of the data folder ${path} is full. Make room on it`;
  }
}

function noLocks(path: string): string {
  return `The data folder ${path} is on a file system without locks. Move it to a local disk`;
}
