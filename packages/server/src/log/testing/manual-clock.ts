import type { Clock } from '../../clock.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that only moves when `advance` is called. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #start: number;
  #now = 0;

  /** @param start what `time` begins with, milliseconds since 1970 */
  constructor(start = 0) {
    this.#start = start;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  time(): number {
    return this.#start + this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Sets the time ahead or back, by a number of milliseconds, as an administrator does. Nothing falls due by it. */
  set(ms: number): void {
    this.#start += ms;
  }

  /** Lets time pass and calls what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [due] = [...this.#timers].filter((timer) => timer.at <= end).toSorted((one, other) => one.at - other.at);
      if (!due) break;
      this.#timers.delete(due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }
}
