import type { Clock } from '@tidings/server/log';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A time, by the system's clock and by one that never goes back. */
export interface Moment {
  readonly time: number;
  readonly now: number;
}

/** The clock of a replica: it says when the last command was sent, so that all replicas have the same time at the same command. */
export class ReplicaClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now: number;
  #time: number;

  constructor({ time, now }: Moment) {
    this.#time = time;
    this.#now = now;
  }

  get moment(): Moment {
    return { time: this.#time, now: this.#now };
  }

  now(): number {
    return this.#now;
  }

  time(): number {
    return this.#time;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Lets time pass up to a moment, and calls what falls due, in order. */
  advance({ time, now }: Moment): void {
    const end = Math.max(now, this.#now);
    for (;;) {
      let due: Timer | undefined;
      for (const timer of this.#timers) if (timer.at <= end && (!due || timer.at < due.at)) due = timer;
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      this.#time = time - (end - this.#now);
      due.callback();
    }
    this.#now = end;
    this.#time = time;
  }
}
