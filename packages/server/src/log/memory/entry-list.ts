import type { LogEntry } from '../entry.ts';

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

  get first(): LogEntry | undefined {
    return this.#entries[this.#start];
  }

  get last(): LogEntry | undefined {
    return this.length === 0 ? undefined : this.#entries.at(-1);
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry);
  }

  /** The index of the first entry after a sequence number. */
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

  /** The entries after a sequence number, oldest first. The list may not be changed meanwhile. */
  *rising(after: number): Generator<LogEntry, undefined, undefined> {
    for (let index = this.#start + this.indexAfter(after); ; index += 1) {
      const entry = this.#entries[index];
      if (!entry) return;
      yield entry;
    }
  }

  /** The entries up to a sequence number, newest first. The list may not be changed meanwhile. */
  *falling(through: number): Generator<LogEntry, undefined, undefined> {
    for (let index = this.#start + this.indexAfter(through) - 1; index >= this.#start; index -= 1) {
      const entry = this.#entries[index];
      if (!entry) return;
      yield entry;
    }
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
