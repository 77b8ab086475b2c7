import type { Clock } from '../clock.ts';

/** The longest time that a timer can wait for, in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Calls back at a time, which may be further off than a timer can wait. */
export class Expiry {
  readonly #clock: Clock;
  readonly #onExpiry: () => void;
  #timer: unknown;

  constructor(clock: Clock, onExpiry: () => void) {
    this.#clock = clock;
    this.#onExpiry = onExpiry;
  }

  /** @param expiresAt milliseconds since 1970; an infinite time never comes */
  runUntil(expiresAt: number): void {
    this.end();
    if (expiresAt === Number.POSITIVE_INFINITY) return;
    const left = expiresAt - this.#clock.time();
    // A timer may also run a little early.
    this.#timer = this.#clock.setTimeout(
      () => (this.#clock.time() < expiresAt ? this.runUntil(expiresAt) : this.#onExpiry()),
      Math.min(Math.max(left, 1), MAX_DELAY_MS),
    );
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
