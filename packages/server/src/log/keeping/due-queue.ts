interface Item {
  readonly name: string;
  due: number;
  /** Its place in the heap. */
  at: number;
}

/** Names in the order of a time at which each falls due. No change costs noticeably more for more names. */
export class DueQueue {
  /** A binary heap: none is due before the one above it. */
  readonly #heap: Item[] = [];
  readonly #items = new Map<string, Item>();

  /** The name that is due first. */
  get first(): { readonly name: string; readonly due: number } | undefined {
    return this.#heap[0];
  }

  /** Names that are due by a time, at most so many: those that are due first come first, and of those that are due at once the first by name. */
  dueBy(time: number, limit: number): string[] {
    const found: Item[] = [];
    const places = [0];
    for (let at = places.pop(); at !== undefined && found.length < limit; at = places.pop()) {
      const item = this.#heap[at];
      if (!item || item.due > time) continue;
      found.push(item);
      places.push(2 * at + 1, 2 * at + 2);
    }
    return found
      .toSorted((one, other) => one.due - other.due || (one.name < other.name ? -1 : 1))
      .map(({ name }) => name);
  }

  set(name: string, due: number): void {
    const item = this.#items.get(name);
    if (item) {
      item.due = due;
      this.#settle(item);
      return;
    }
    const added = { name, due, at: this.#heap.length };
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
    for (let above = heap[(item.at - 1) >> 1]; above && above.due > item.due; above = heap[(item.at - 1) >> 1]) {
      this.#swap(above, item);
    }
    for (;;) {
      const left = heap[2 * item.at + 1];
      const right = heap[2 * item.at + 2];
      const below = left && right && right.due < left.due ? right : left;
      if (!below || below.due >= item.due) return;
      this.#swap(item, below);
    }
  }

  #swap(upper: Item, lower: Item): void {
    [upper.at, lower.at] = [lower.at, upper.at];
    this.#heap[upper.at] = upper;
    this.#heap[lower.at] = lower;
  }
}
