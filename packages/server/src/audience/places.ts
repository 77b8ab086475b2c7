/** How many listeners there may be. */
export interface PlaceLimits {
  readonly maxListeners: number;
  readonly maxListenersPerKey: number;
}

/** One listener's place, from its answer to its end. */
export interface Place {
  readonly key: string | undefined;
  /** When it was given, milliseconds since 1970. */
  readonly since: number;
}

// An answer is started within microseconds. A place that is promised for longer belongs to an answer that nobody will ever start.
const PROMISE_MS = 10_000;

/**
 * The places for listeners. One is promised with an answer, taken when its stream starts, and free again as soon as that ends. A promise
 * that is not kept lapses, so that no place can be lost.
 */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #now: () => number;
  readonly #promised = new Set<Place>();
  readonly #perKey = new Map<string, number>();
  #count = 0;

  constructor(limits: PlaceLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Places that are promised or taken. */
  get count(): number {
    return this.#count;
  }

  /** Which limit keeps a listener out, if one does. */
  full(key: string | undefined): 'full' | 'full-for-key' | undefined {
    if (this.#promised.size > 0) this.#lapse();
    if (this.#count >= this.#limits.maxListeners) return 'full';
    if (key === undefined) return undefined;
    return (this.#perKey.get(key) ?? 0) >= this.#limits.maxListenersPerKey ? 'full-for-key' : undefined;
  }

  promise(key: string | undefined): Place {
    const place: Place = { key, since: this.#now() };
    this.#promised.add(place);
    this.#add(place);
    return place;
  }

  /** Also where the promise has lapsed: the head was sent. */
  take(place: Place): void {
    if (!this.#promised.delete(place)) this.#add(place);
  }

  /** Gives up a place that was promised and not taken. */
  abandon(place: Place): void {
    if (this.#promised.delete(place)) this.free(place);
  }

  /** Gives a taken place back. */
  free({ key }: Place): void {
    this.#count -= 1;
    if (key === undefined) return;
    const left = (this.#perKey.get(key) ?? 0) - 1;
    if (left > 0) this.#perKey.set(key, left);
    else this.#perKey.delete(key);
  }

  #add({ key }: Place): void {
    this.#count += 1;
    if (key !== undefined) this.#perKey.set(key, (this.#perKey.get(key) ?? 0) + 1);
  }

  #lapse(): void {
    const before = this.#now() - PROMISE_MS;
    for (const place of this.#promised) {
      // They are in the order in which they were given.
      if (place.since > before) return;
      this.abandon(place);
    }
  }
}
