import type { Clock } from '@tidings/server/live';

/** The requests that are being answered. */
export class UnderWay {
  #count = 0;
  /** Called when there is none. */
  #whenNone: () => void = () => {};

  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#whenNone();
  }

  /** Waits until none is left, and after so many milliseconds for none any more: then it aborts the deadline. */
  async finished(ms: number, clock: Clock, deadline: AbortController): Promise<void> {
    if (this.#count === 0) return;
    const timer = clock.setTimeout(() => deadline.abort(), ms);
    await new Promise<void>((resolve) => {
      this.#whenNone = resolve;
      // Work that does not watch the deadline, such as a slow `authenticate`, is not waited for either.
      deadline.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    clock.clearTimeout(timer);
  }
}
