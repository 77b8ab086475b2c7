import type { Selector } from '../selection.ts';

// Guards the memory: a search finds 10,000 events at most, of 8 bytes each. For more searches at once the events are looked through from where they were found.
const MAX_FOUND = 64;

/** What a search has found. */
export interface Found {
  /** The sequence numbers of all events that are selected behind `after` and up to `through`, the lowest first. */
  readonly seqs: Float64Array;
  readonly after: number;
  readonly through: number;
}

/** What searches for the last events have found lately. So reading them from their place on costs what it gives out, too. */
export class FoundEvents {
  readonly #found = new Map<Selector, Found>();

  /** @param seqs the highest first */
  keep(selector: Selector, seqs: readonly number[], after: number, through: number): void {
    this.#found.delete(selector);
    this.#found.set(selector, { seqs: Float64Array.from(seqs.toReversed()), after, through });
    for (const oldest of this.#found.keys()) {
      if (this.#found.size <= MAX_FOUND) break;
      this.#found.delete(oldest);
    }
  }

  /** What is selected behind a sequence number, up to another one; undefined if no search has found that. */
  behind(selector: Selector, after: number): Pick<Found, 'seqs' | 'through'> | undefined {
    const found = this.#found.get(selector);
    if (!found || after < found.after || after >= found.through) return undefined;
    const { seqs, through } = found;
    let low = 0;
    for (let high = seqs.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((seqs[middle] ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return { seqs: seqs.subarray(low), through };
  }
}
