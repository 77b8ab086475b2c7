import type { Clock } from '../clock.ts';
import { type CountedMatchers, MatcherMemory } from './matcher-memory.ts';

/** The limits of listeners. */
export interface PlaceLimits {
  readonly maxListeners: number;
  readonly maxListenersPerKey: number;
  readonly maxMatcherBytes: number;
}

/** Counts the listeners of this process with those of others. Nothing here may throw or reject. */
export interface SharedPlaces {
  /** Counts one more, in all and with its key. Resolves to the limit that refuses it, or to undefined if it was counted. */
  take(key: string | undefined): Promise<'full' | 'full-for-key' | undefined>;
  /** Counts one more, however many there are. */
  add(key: string | undefined): void;
  /** One is no longer counted. */
  free(key: string | undefined): void;
}

/** The holder of one listener's place, from the answer to the end of the stream. */
export interface PlaceHolder {
  key: string | undefined;
  /** What it asks for, or undefined if it does not listen to a log. */
  readonly matchers: CountedMatchers | undefined;
  /** When the place was promised, by the clock's `now`. */
  since: number;
  /** Whether it is counted with those of other processes. */
  isShared: boolean;
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
  readonly #shared: SharedPlaces | undefined;
  readonly #promised = new Set<Holder>();
  readonly #taken = new Set<Holder>();
  readonly #perKey = new Map<string, number>();
  readonly #memory = new MatcherMemory();
  /** Called when no place is taken any more. */
  onEmpty: () => void = () => {};

  /** @param shared undefined if there are no other processes */
  constructor(limits: PlaceLimits, clock: Clock, shared?: SharedPlaces) {
    this.#limits = limits;
    this.#clock = clock;
    this.#shared = shared;
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

  /** Promises a place, and asks other processes for it, too. Resolves to the limit that refuses it, if one does. */
  async ask(holder: Holder): Promise<'full' | 'full-for-key' | undefined> {
    const full = this.full(holder.key, holder.matchers);
    if (full) return full;
    this.#promise(holder);
    return await this.#share(holder);
  }

  #promise(holder: Holder): void {
    this.#promised.add(holder);
    this.#keep(holder);
  }

  /** Counts a promised place with those of other processes. Resolves to the limit that refuses it: then it is free again. */
  async #share(holder: Holder): Promise<'full' | 'full-for-key' | undefined> {
    if (!this.#shared) return undefined;
    const { key } = holder;
    const refused = await this.#shared.take(key);
    if (refused) this.abandon(holder);
    // Its promise may have expired meanwhile.
    else if (this.#promised.has(holder) || this.#taken.has(holder)) holder.isShared = true;
    else this.#shared.free(key);
    return refused;
  }

  /** Takes a place, even if its promise has expired, because the head has been sent. */
  take(holder: Holder): void {
    if (!this.#promised.delete(holder)) {
      this.#keep(holder);
      holder.isShared = this.#shared !== undefined;
      this.#shared?.add(holder.key);
    }
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
    if (key === holder.key) return;
    this.#count(holder, -1);
    if (holder.isShared) {
      this.#shared?.add(key);
      this.#shared?.free(holder.key);
    }
    holder.key = key;
    this.#count(holder, 1);
  }

  #keep(holder: Holder): void {
    this.#count(holder, 1);
    if (holder.matchers) this.#memory.add(holder.matchers);
  }

  #release(holder: Holder): void {
    this.#count(holder, -1);
    if (holder.isShared) this.#shared?.free(holder.key);
    holder.isShared = false;
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
