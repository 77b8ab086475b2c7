import type { LogEntry } from '../event-log.ts';

/** Entries in the order of their sequence numbers, taken off at the front and cheap to search. */
export class EntryList {
  #entries: LogEntry[] = [];
  #start = 0;

  get length(): number {
    return this.#entries.length - this.#start;
  }

  at(index: number): LogEntry | undefined {
    return this.#entries[this.#start + index];
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry);
  }

  /** The index of the first entry behind a sequence number. */
  indexAfter(seq: number): number {
    let low = this.#start;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low - this.#start;
  }

  remove(seq: number): void {
    const index = this.indexAfter(seq - 1);
    if (this.at(index)?.seq !== seq) return;
    if (index > 0) {
      this.#entries.splice(this.#start + index, 1);
      return;
    }
    this.#start += 1;
    // Moving the rest to the front once half is empty keeps a removal cheap on average and the memory in bounds.
    if (this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    } else {
      this.#entries.fill(undefined as never, this.#start - 1, this.#start);
    }
  }
}
