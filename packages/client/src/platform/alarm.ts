import type { Clock } from './clock.ts';

/** How often the time of day is looked at, in milliseconds. */
const CHECK_MS = 10_000;

/**
 * How late a look has to be, in milliseconds, before the machine counts as having slept. Pages in the background get
 * their timers once a minute, and those are awake.
 */
const SLEPT_MS = 75_000;

/** One timer that notices when the machine has slept. */
export interface Alarm {
  /** Rings after so many milliseconds, in place of what was set before. `Infinity` never rings. */
  set(ms: number, onDue: () => void): void;
  /** Puts off what is set until so many milliseconds from now. */
  putOff(ms: number): void;
  readonly clear: () => void;
}

/**
 * It waits on the clock that never goes back and may stop while the machine sleeps, and looks at the time of day now and then.
 * A clock that was set back tells nothing.
 */
export function createAlarm(clock: Omit<Clock, 'random'>, onSlept: () => void): Alarm {
  /** Absent while nothing is set. */
  let timer: unknown;
  let ring: () => void;
  /** When it is due, and when to look, by `now`. */
  let dueAt = 0;
  let lookAt = 0;

  function wait(): void {
    clear();
    const ms = Math.min(Math.max(dueAt - clock.now(), 0), CHECK_MS);
    lookAt = clock.now() + ms;
    const expected = clock.time() + ms;
    timer = clock.setTimeout(() => {
      timer = undefined;
      if (clock.time() - expected > SLEPT_MS) onSlept();
      else if (clock.now() < dueAt) wait();
      else ring();
    }, ms);
  }

  function clear(): void {
    clock.clearTimeout(timer);
    timer = undefined;
  }

  return {
    set(ms, onDue) {
      ring = onDue;
      dueAt = clock.now() + ms;
      wait();
    },
    putOff(ms) {
      dueAt = clock.now() + ms;
      // A timer that is only too early may stay: one anew for each chunk would cost more.
      if (timer && dueAt < lookAt) wait();
    },
    clear,
  };
}
