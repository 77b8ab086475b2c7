import type { Clock } from '../../clock.ts';
import type { KeptEntries } from './kept-entries.ts';

// How often events that have become too old are removed at most, in milliseconds. Reads leave them out before that.
const MIN_SWEEP_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Removes events that become too old, so that they do not stay in memory without appends and reads, too. */
export class Sweep {
  readonly #clock: Clock;
  readonly #kept: Pick<KeptEntries, 'due'>;
  readonly #run: () => void;
  #timer: unknown;
  #isStopped = false;

  /** @param kept says when the next event becomes too old */
  constructor(clock: Clock, kept: Pick<KeptEntries, 'due'>, run: () => void) {
    this.#clock = clock;
    this.#kept = kept;
    this.#run = run;
  }

  plan(now: number): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    const { due } = this.#kept;
    if (due === undefined) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#run();
      },
      Math.min(Math.max(due - now, MIN_SWEEP_MS), MAX_TIMER_MS),
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#timer);
  }
}
