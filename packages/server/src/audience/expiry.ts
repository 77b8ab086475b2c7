// What setTimeout can wait for.
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Calls back when a time has come, however far off it is. */
export class Lease {
  readonly #now: () => number;
  readonly #onExpiry: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(now: () => number, onExpiry: () => void) {
    this.#now = now;
    this.#onExpiry = onExpiry;
  }

  /** @param expiresAt milliseconds since 1970 */
  runUntil(expiresAt: number): void {
    clearTimeout(this.#timer);
    const left = expiresAt - this.#now();
    // A timer may also run a little early.
    this.#timer = setTimeout(
      () => (this.#now() < expiresAt ? this.runUntil(expiresAt) : this.#onExpiry()),
      Math.min(Math.max(left, 1), MAX_DELAY_MS),
    );
    // Nobody's rights keep the process alive.
    if (typeof this.#timer === 'object') this.#timer.unref();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
