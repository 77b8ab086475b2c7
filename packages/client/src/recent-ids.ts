/** The ids of the newest events, to tell one that comes again. */
export class RecentIds {
  readonly #limit: number;
  readonly #ids = new Set<string>();

  /** @param limit - how many are remembered; 0 remembers none */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Remembers an id, as the newest. Returns whether it was remembered already. */
  add(id: string): boolean {
    if (this.#limit === 0 || id === '') return false;
    const isKnown = this.#ids.delete(id);
    this.#ids.add(id);
    if (this.#ids.size > this.#limit) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return isKnown;
  }
}
