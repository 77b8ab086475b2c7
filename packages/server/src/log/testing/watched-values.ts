import type { StoredValue, ValuesChange } from '../stored-values.ts';

/** What has changed from some values to others; `known` is null if nothing has been told yet. */
export function changeFrom(known: readonly StoredValue[] | null, found: readonly StoredValue[]): ValuesChange {
  if (!known) return { isWhole: true, set: found, removed: [] };
  const [before, now] = [known, found].map((values) => new Map(values.map(({ name, value }) => [name, value])));
  return {
    isWhole: false,
    set: found.filter(({ name, value }) => before?.get(name) !== value),
    removed: known.map(({ name }) => name).filter((name) => now?.has(name) === false),
  };
}

/** The values that somebody has been told who watches them. */
export class WatchedValues {
  readonly #values = new Map<string, string>();

  /** Takes a change. Returns what there is with it, in the order of the names. */
  take({ isWhole, set, removed }: ValuesChange): readonly StoredValue[] {
    if (isWhole) this.#values.clear();
    for (const name of removed) this.#values.delete(name);
    for (const { name, value } of set) this.#values.set(name, value);
    return [...this.#values]
      .map(([name, value]) => ({ name, value }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }
}
