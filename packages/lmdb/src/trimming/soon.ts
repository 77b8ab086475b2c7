import type { Clock } from '@tidings/server/log';

/** Does some work a while after it is asked for, however often that is. */
export class Soon {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #work: () => Promise<void>;
  #timer: unknown;
  #isStopped = false;

  /** @param work may not reject */
  constructor(clock: Clock, afterMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#work = work;
  }

  ask(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.#timer = this.#clock.setTimeout(() => {
      void this.#work().then(() => {
        this.#timer = undefined;
      });
    }, this.#afterMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#timer);
  }
}

/** Resolves when others have had their turn. */
export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
