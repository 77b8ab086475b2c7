import type { Clock } from '../clock.ts';
import { type CountedMatchers, MatcherMemory } from './matcher-memory.ts';

/** The limits of listeners. */
export interface PlaceLimits {
  readonly maxListeners: number;
  readonly maxListenersPerKey: number;
  readonly maxMatcherBytes: number;
}

/** The holder of one listener's place, from the answer to the end of the stream. */
export interface PlaceHolder {
  key: string | undefined;
  /** What it asks for, or undefined if it does not listen to a log. */
  readonly matchers: CountedMatchers | undefined;
  /** When the place was promised, by the clock's `now`. */
  since: number;
}

// An answer is started within microseconds. A place that is promised for longer belongs to an answer that will never be started.
const PROMISE_MS = 10_000;

/**
 * The places for listeners. A place is promised with an answer, taken when its stream starts, and free again as soon as the stream ends. A
 * promise that is not used expires, so that no place can be lost.
 */
export class Places<Holder extends PlaceHolder> {
  readonly #limits: PlaceLimits;
  readonly #clock: Clock;
  readonly #promised = new Set<Holder>();
  readonly #taken = new Set<Holder>();
  readonly #perKey = new Map<string, number>();
  readonly #memory = new MatcherMemory();
  /** Called when no place is taken any more. */
  onEmpty: () => void = () => {};

  constructor(limits: PlaceLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** The holders of places that are taken. */
  get taken(): ReadonlySet<Holder> {
    return this.#taken;
  }

  /** Whether no place is taken or promised. */
  get isEmpty(): boolean {
    if (this.#promised.size > 0) this.#lapse();
    return this.#promised.size + this.#taken.size === 0;
  }

  /** The limit that refuses a listener with these matchers, or undefined if none does. */
  full(key: string | undefined, matchers?: CountedMatchers): 'full' | 'full-for-key' | undefined {
    if (this.#promised.size > 0) this.#lapse();
    if (this.#promised.size + this.#taken.size >= this.#limits.maxListeners) return 'full';
    if (matchers && this.#memory.bytes + this.#memory.more(matchers) > this.#limits.maxMatcherBytes) return 'full';
    if (key === undefined) return undefined;
    return (this.#perKey.get(key) ?? 0) >= this.#limits.maxListenersPerKey ? 'full-for-key' : undefined;
  }

  promise(holder: Holder): void {
    this.#promised.add(holder);
    this.#keep(holder);
  }

  /** Takes a place, even if its promise has expired, because the head has been sent. */
  take(holder: Holder): void {
    if (!this.#promised.delete(holder)) this.#keep(holder);
    this.#taken.add(holder);
  }

  /** Turns a taken place into a promised one. */
  promiseAgain(holder: Holder): void {
    if (!this.#taken.delete(holder)) return;
    holder.since = this.#clock.now();
    this.#promised.add(holder);
    if (this.#taken.size === 0) this.onEmpty();
  }

  /** Frees a place that was promised and not taken. */
  abandon(holder: Holder): void {
    if (this.#promised.delete(holder)) this.#release(holder);
  }

  /** Frees a taken place. */
  free(holder: Holder): void {
    if (!this.#taken.delete(holder)) return;
    this.#release(holder);
    if (this.#taken.size === 0) this.onEmpty();
  }

  /** Counts the holder by another key from now on. */
  rekey(holder: Holder, key: string | undefined): void {
    this.#count(holder, -1);
    holder.key = key;
    this.#count(holder, 1);
  }

  #keep(holder: Holder): void {
    this.#count(holder, 1);
    if (holder.matchers) this.#memory.add(holder.matchers);
  }

  #release(holder: Holder): void {
    this.#count(holder, -1);
    if (holder.matchers) this.#memory.delete(holder.matchers);
  }

  #count({ key }: Holder, change: number): void {
    if (key === undefined) return;
    const count = (this.#perKey.get(key) ?? 0) + change;
    if (count > 0) this.#perKey.set(key, count);
    else this.#perKey.delete(key);
  }

  #lapse(): void {
    const before = this.#clock.now() - PROMISE_MS;
    for (const holder of this.#promised) {
      // They are in the order in which they were promised.
      if (holder.since > before) return;
      this.abandon(holder);
    }
  }
}
