import type { KeptEntry } from '../records/record.ts';

// Room for the frames of a page and one more event.
const PAGE_ROOM = 128 * 1024;

/** The memory in which the frames of a page are put together. The frames follow each other, so that a sender of all of them need not put them together. */
export class PageRoom {
  /** It is used again for the next page. */
  readonly #kept: Buffer = Buffer.allocUnsafeSlow(PAGE_ROOM);
  #room: Buffer = this.#kept;
  #entries: KeptEntry[] = [];
  #bytes = 0;

  /** The bytes of the frames so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Begins a page. */
  begin(): void {
    this.#room = this.#kept;
    this.#entries = [];
    this.#bytes = 0;
  }

  /** Copies the frame of an entry. @param maxBytes where the page ends */
  take(entry: KeptEntry, maxBytes: number): void {
    const end = this.#bytes + entry.frameBytes;
    if (end > this.#room.length) this.#room = copyOf(this.#room, this.#bytes, end >= maxBytes ? end : 2 * end);
    entry.moveFrame(this.#room, this.#bytes);
    this.#entries.push(entry);
    this.#bytes = end;
  }

  /** Ends the page. Returns its entries. */
  end(): readonly KeptEntry[] {
    const bytes = this.#bytes;
    const page = this.#room === this.#kept ? copyOf(this.#room, bytes, bytes) : this.#room.subarray(0, bytes);
    for (const entry of this.#entries) entry.rebase(page);
    return this.#entries;
  }
}

/** Returns a buffer of the size that begins with the first bytes of another one. */
function copyOf(buffer: Buffer, bytes: number, size: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(size);
  buffer.copy(copy, 0, 0, bytes);
  return copy;
}
