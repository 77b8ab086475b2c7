import { type FileHandle, open, realpath, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkPath, namingFile } from '../platform/file.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { encodeBlock, HEADER, readOutboxFile } from './outbox-file.ts';
import { type Outbox, type OutboxChange, OutboxState } from './outbox.ts';

export type { Outbox, OutboxBatch, OutboxChange, OutboxContent } from './outbox.ts';

/** How much of a file may be without use before it is written anew, in bytes, if that is more than half of it. */
const MAX_WASTE_BYTES = 1024 * 1024;

/** Guards against reading a file that is no outbox into memory. The queue of a publisher is far smaller. */
const MAX_FILE_BYTES = 1024 ** 3;

/**
 * Keeps what a publisher was given in a file, on Node and on runtimes that have its modules. Changes are appended, and are on disk when the publisher goes on. The
 * file is written anew now and then, so that it is not much longer than twice what is in the queue. One publisher at a time may use it. A lock beside
 * it, `PATH.lock.N`, says which process has it, and one that a process has left behind is taken over. Where `path` is a link, they are beside the file that it leads to.
 * @param path - the file, in a folder that exists
 * @throws InvalidOptionError
 * @example
 * const publisher = new Publisher(hubUrl, { store: fileOutbox('/var/lib/shop/outbox') });
 */
export function fileOutbox(path: string): Outbox {
  checkPath(path);
  const outbox = new FileOutbox(path);
  return {
    open: () => namingFile(path, () => outbox.open()),
    write: (changes) => namingFile(path, () => outbox.write(changes)),
    close: () => namingFile(path, () => outbox.close()),
  };
}

class FileOutbox implements Outbox {
  readonly #given: string;
  /** Where the file is, without links: they would give one file two locks, and the file that is written anew would take the place of a link. */
  #path = '';
  #lock: FileLock | undefined;
  #file: FileHandle | undefined;
  #state = new OutboxState();
  /** How long the file is, as far as it counts. */
  #length = 0;

  constructor(path: string) {
    this.#given = path;
  }

  async open(): Promise<ReturnType<OutboxState['content']>> {
    // It is made if it is not there. What is open for appending could not be written over.
    await (await open(this.#given, 'a', 0o600)).close();
    this.#path = await realpath(this.#given);
    this.#lock = await lockFile(this.#path);
    // A publisher that is made with the same outbox again reads it again.
    this.#state = new OutboxState();
    await unlink(`${this.#path}.new`).catch(() => {});
    const file = (this.#file = await open(this.#path, 'r+'));
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new RangeError(`found ${size} bytes, at most ${MAX_FILE_BYTES} are read`);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, size - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    this.#length = readOutboxFile(bytes, (change) => this.#state.apply(change));
    if (this.#length < size) await file.truncate(this.#length);
    if (this.#length === 0) {
      await this.#append(new TextEncoder().encode(HEADER));
      await syncFolder(this.#path);
    }
    return this.#state.content();
  }

  async write(changes: readonly OutboxChange[]): Promise<void> {
    await this.#lock?.check();
    for (const change of changes) this.#state.apply(change);
    await this.#append(encodeBlock(changes));
    if (this.#length > MAX_WASTE_BYTES) await this.#compact();
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    const file = this.#file;
    if (!file) throw new Error('the outbox is closed');
    try {
      await writeAll(file, bytes, this.#length);
      await file.datasync();
    } catch (error) {
      // So that no block follows one that was cut off.
      await file.truncate(this.#length).catch(() => {});
      throw error;
    }
    this.#length += bytes.length;
  }

  /** Writes the file anew if most of it is without use. */
  async #compact(): Promise<void> {
    const { events, batch } = this.#state.content();
    const bytes = encodeBlock([
      ...events.map((event) => ({ type: 'event' as const, ...event })),
      ...(batch ? [{ type: 'batch' as const, batch }] : []),
    ]);
    const length = HEADER.length + bytes.length;
    if (this.#length < 2 * length || this.#length - length < MAX_WASTE_BYTES) return;
    const written = `${this.#path}.new`;
    const file = await open(written, 'w', 0o600);
    try {
      await writeAll(file, new TextEncoder().encode(HEADER), 0);
      await writeAll(file, bytes, HEADER.length);
      // A file that is renamed before its content is on disk can be empty after a power cut.
      await file.datasync();
      await rename(written, this.#path);
      await syncFolder(this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#length = length;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

/** Has the name of a file on disk. Not every system can. */
async function syncFolder(path: string): Promise<void> {
  try {
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch {}
}
