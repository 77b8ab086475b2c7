import { open, realpath, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkPath, namingFile } from '../platform/file.ts';
import type { PositionStore } from './position-store.ts';

export type { PositionStore } from './position-store.ts';

/** Guards against reading a large file that is not a store. */
const MAX_FILE_BYTES = 64 * 1024;

/**
 * Keeps the last event ID in a file, on Node and on runtimes that have its modules. The file is replaced as a whole, and it is on
 * disk when the promise of `set` is resolved. Only one process at a time may use it. A file that somebody has written by hand may end with the end of a line.
 * @param path - the file, in a folder that exists. On the way a file with the same name and `.new` appended is written
 * @throws InvalidOptionError
 */
export function fileStore(path: string): PositionStore {
  checkPath(path);
  return {
    get: () => namingFile(path, () => read(path)),
    set: (id) => namingFile(path, () => write(path, id)),
  };
}

async function read(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(new Uint8Array(MAX_FILE_BYTES + 1), { position: 0 });
    if (bytesRead > MAX_FILE_BYTES)
      throw new RangeError(`found more than ${MAX_FILE_BYTES} bytes, which is no position`);
    return new TextDecoder().decode(buffer.subarray(0, bytesRead)).replace(/\r?\n$/, '');
  } catch (error) {
    if (!isMissing(error)) throw error;
    // Otherwise only the first write would fail, when events were handled already.
    await stat(dirname(path)).catch((cause: unknown) => {
      throw isMissing(cause) ? new Error('its folder does not exist', { cause }) : cause;
    });
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function write(given: string, id: string): Promise<void> {
  // A link stays one: the file that it leads to is replaced.
  const path = await realpath(given).catch(() => given);
  const written = `${path}.new`;
  {
    await using file = await open(written, 'w');
    await file.writeFile(id);
    // A file that is renamed before its content is on disk can be empty after a power cut.
    await file.datasync();
  }
  await rename(written, path);
}
