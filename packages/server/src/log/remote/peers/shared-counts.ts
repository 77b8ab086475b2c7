/** A name, and the most that there may be of it; null if it is not bounded. */
export type Counted = readonly [name: string, most: number | null];

/** A change of counts: by how much they rise, and which. They change together, or not at all. */
export type CountChange = readonly [change: number, counted: readonly Counted[]];

/** A change that was refused, by its index: there is no room under the name with the other index. */
export type RefusedChange = readonly [change: number, counted: number];

/** What one process has counted. */
export type Holder = Map<string, number>;

/** Counts that several processes have together, by their names. A name takes memory for as long as somebody has counted something under it. */
export class SharedCounts {
  readonly #sums = new Map<string, number>();

  /** Makes changes for a process, in their order. Returns those that were refused. */
  change(holder: Holder, changes: readonly CountChange[]): readonly RefusedChange[] {
    const refused: RefusedChange[] = [];
    for (const [index, [change, counted]] of changes.entries()) {
      const full =
        change < 0 ? -1 : counted.findIndex(([name, most]) => most !== null && this.#of(name) + change > most);
      if (full === -1) for (const [name] of counted) this.#add(holder, name, change);
      else refused.push([index, full]);
    }
    return refused;
  }

  /** Takes back all that a process has counted. */
  drop(holder: Holder): void {
    for (const [name, own] of holder) put(this.#sums, name, this.#of(name) - own);
    holder.clear();
  }

  #of(name: string): number {
    return this.#sums.get(name) ?? 0;
  }

  #add(holder: Holder, name: string, change: number): void {
    const own = holder.get(name) ?? 0;
    // Nobody takes back more than it has counted.
    const step = Math.max(change, -own);
    put(holder, name, own + step);
    put(this.#sums, name, this.#of(name) + step);
  }
}

/** Keeps no name that has nothing. */
export function put(counts: Map<string, number>, name: string, count: number): void {
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
