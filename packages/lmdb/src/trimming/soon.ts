import type { Clock } from '@tidings/server/log';

/** Does some work a while after it is asked for, however often that is. */
export class Soon {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #work: () => Promise<void>;
  #timer: unknown;
  #isAsked = false;
  #isRunning = false;
  #isStopped = false;

  /** @param work may not reject */
  constructor(clock: Clock, afterMs: number, work: () => Promise<void>) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#work = work;
  }

  ask(): void {
    this.#isAsked = true;
    if (this.#timer !== undefined || this.#isRunning || this.#isStopped) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      void this.#run();
    }, this.#afterMs);
  }

  /** The work may ask for more, which is not done at the same time. */
  async #run(): Promise<void> {
    this.#isAsked = false;
    this.#isRunning = true;
    await this.#work();
    this.#isRunning = false;
    if (this.#isAsked) this.ask();
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#timer);
  }
}
