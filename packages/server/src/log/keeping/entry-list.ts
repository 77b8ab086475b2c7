import type { LogEntry } from '../entry.ts';

// The removed entries of a shorter list stay for longer: moving a few is not worth the work.
const MIN_REMOVED = 16;

/**
 * Entries in the order of their sequence numbers, cheap to search. Removing one costs the same on average, wherever it is in the list: its number
 * stays in its place until as many have been removed as are kept.
 */
export class EntryList {
  /** Entries, and the numbers of removed ones. The first and the last of those in use are entries. */
  readonly #slots: (LogEntry | number)[] = [];
  #start = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): LogEntry | undefined {
    return this.#entryAt(this.#start);
  }

  get last(): LogEntry | undefined {
    return this.#length === 0 ? undefined : this.#entryAt(this.#slots.length - 1);
  }

  push(entry: LogEntry): void {
    this.#slots.push(entry);
    this.#length += 1;
  }

  /** The entry with a sequence number. */
  at(seq: number): LogEntry | undefined {
    const entry = this.#entryAt(this.#indexAfter(seq - 1));
    return entry?.seq === seq ? entry : undefined;
  }

  /** The most entries that there are after a sequence number. Removed ones may be counted, too. */
  countAfter(seq: number): number {
    return Math.min(this.#length, this.#slots.length - this.#indexAfter(seq));
  }

  /** The entries after a sequence number, oldest first. The list may not be changed meanwhile. */
  *rising(after: number): Generator<LogEntry, undefined, undefined> {
    const { length } = this.#slots;
    for (let index = this.#indexAfter(after); index < length; index += 1) {
      const entry = this.#entryAt(index);
      if (entry) yield entry;
    }
  }

  /** The entries up to a sequence number, newest first. The list may not be changed meanwhile. */
  *falling(through: number): Generator<LogEntry, undefined, undefined> {
    for (let index = this.#indexAfter(through) - 1; index >= this.#start; index -= 1) {
      const entry = this.#entryAt(index);
      if (entry) yield entry;
    }
  }

  /** The first entry that passes a test. Every entry behind it has to pass, too. */
  firstWith(test: (entry: LogEntry) => boolean): LogEntry | undefined {
    let low = this.#start;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let at = middle;
      while (at < high && typeof this.#slots[at] === 'number') at += 1;
      const entry = at < high ? this.#entryAt(at) : undefined;
      if (!entry || test(entry)) high = middle;
      else low = at + 1;
    }
    while (typeof this.#slots[low] === 'number') low += 1;
    return this.#entryAt(low);
  }

  remove(seq: number): void {
    const index = this.#indexAfter(seq - 1);
    if (this.#entryAt(index)?.seq !== seq) return;
    this.#slots[index] = seq;
    this.#length -= 1;
    if (this.#length === 0) {
      this.#slots.length = 0;
      this.#start = 0;
      return;
    }
    while (typeof this.#slots[this.#start] === 'number') this.#start += 1;
    while (typeof this.#slots.at(-1) === 'number') this.#slots.pop();
    if (this.#slots.length - this.#length > this.#length + MIN_REMOVED) this.#compact();
  }

  /** Moves the entries to the front, in the same array: another one would be a lot of garbage. */
  #compact(): void {
    const slots = this.#slots;
    let to = 0;
    for (let from = this.#start; from < slots.length; from += 1) {
      const slot = slots[from];
      if (slot === undefined || typeof slot === 'number') continue;
      slots[to] = slot;
      to += 1;
    }
    slots.length = to;
    this.#start = 0;
  }

  #entryAt(index: number): LogEntry | undefined {
    const slot = this.#slots[index];
    return typeof slot === 'number' ? undefined : slot;
  }

  /** The index of the first slot after a sequence number. */
  #indexAfter(seq: number): number {
    const slots = this.#slots;
    let low = this.#start;
    let high = slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const slot = slots[middle];
      if ((typeof slot === 'number' ? slot : (slot?.seq ?? 0)) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
