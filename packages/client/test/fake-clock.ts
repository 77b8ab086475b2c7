import type { Clock } from '@tidings/client';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  /** What chance answers: as a rule the most, so that waits are as long as they get. */
  chance: number = 1 - Number.EPSILON;
  #slept = 0;
  #now = 1_000;
  readonly #timers = new Set<Timer>();

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  time(): number {
    return 1_700_000_000_000 + this.#now + this.#slept;
  }

  random(): number {
    return this.chance;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Lets the machine sleep: the time of day goes on, and no timer does. */
  sleep(ms: number): void {
    this.#slept += ms;
  }

  /** Lets time pass and calls what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }
}
