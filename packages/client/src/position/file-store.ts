import { open, rename } from 'node:fs/promises';
import type { PositionStore } from './position-store.ts';

export type { PositionStore } from './position-store.ts';

/** Guards against reading a file that is something else altogether. */
const MAX_FILE_BYTES = 64 * 1024;

/**
 * Keeps the last event ID in a file, for Node and what has its modules. The file is replaced as a whole and is on disk
 * when `set` has resolved. One process at a time.
 * @param path - of the file; its folder has to exist. A file of the same name with `.new` appended is written on the way
 */
export function fileStore(path: string): PositionStore {
  return {
    async get() {
      try {
        await using file = await open(path);
        const { buffer, bytesRead } = await file.read(new Uint8Array(MAX_FILE_BYTES + 1), { position: 0 });
        if (bytesRead <= MAX_FILE_BYTES) return new TextDecoder().decode(buffer.subarray(0, bytesRead));
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
      throw new RangeError(`${path} holds more than ${MAX_FILE_BYTES} bytes, so it is no store of a position`);
    },
    async set(id) {
      const written = `${path}.new`;
      {
        await using file = await open(written, 'w');
        await file.writeFile(id);
        // A file that is renamed before its content is on disk can be empty after a power cut.
        await file.datasync();
      }
      await rename(written, path);
    },
  };
}
