interface Item {
  readonly name: string;
  rank: number;
  /** Its place in the heap. */
  at: number;
}

/** Names in the order of a number of each, such as a time at which it falls due. No change costs noticeably more for more names. */
export class RankedNames {
  /** A binary heap: none has a lower number than the one above it. */
  readonly #heap: Item[] = [];
  readonly #items = new Map<string, Item>();

  /** The name with the lowest number. */
  get first(): { readonly name: string; readonly rank: number } | undefined {
    return this.#heap[0];
  }

  /** Names whose numbers are at most this one, at most so many names: the lowest number first, and of those with the same one the first by name. */
  upTo(rank: number, limit: number): string[] {
    const found: Item[] = [];
    const places = [0];
    for (let at = places.pop(); at !== undefined && found.length < limit; at = places.pop()) {
      const item = this.#heap[at];
      if (!item || item.rank > rank) continue;
      found.push(item);
      places.push(2 * at + 1, 2 * at + 2);
    }
    return found
      .toSorted((one, other) => one.rank - other.rank || (one.name < other.name ? -1 : 1))
      .map(({ name }) => name);
  }

  set(name: string, rank: number): void {
    const item = this.#items.get(name);
    if (item) {
      item.rank = rank;
      this.#settle(item);
      return;
    }
    const added = { name, rank, at: this.#heap.length };
    this.#items.set(name, added);
    this.#heap.push(added);
    this.#settle(added);
  }

  delete(name: string): void {
    const item = this.#items.get(name);
    const last = item && this.#heap.pop();
    if (!item || !last) return;
    this.#items.delete(name);
    if (last === item) return;
    last.at = item.at;
    this.#heap[last.at] = last;
    this.#settle(last);
  }

  /** Moves an item to where it belongs. */
  #settle(item: Item): void {
    const heap = this.#heap;
    for (let above = heap[(item.at - 1) >> 1]; above && above.rank > item.rank; above = heap[(item.at - 1) >> 1]) {
      this.#swap(above, item);
    }
    for (;;) {
      const left = heap[2 * item.at + 1];
      const right = heap[2 * item.at + 2];
      const below = left && right && right.rank < left.rank ? right : left;
      if (!below || below.rank >= item.rank) return;
      this.#swap(item, below);
    }
  }

  #swap(upper: Item, lower: Item): void {
    [upper.at, lower.at] = [lower.at, upper.at];
    this.#heap[upper.at] = upper;
    this.#heap[lower.at] = lower;
  }
}
