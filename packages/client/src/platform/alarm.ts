import type { Clock } from './clock.ts';

/** How often the time of day is compared, in milliseconds. */
const CHECK_MS = 10_000;

/**
 * How late a timer has to end before the machine counts as having slept, in milliseconds. Pages in the background get their timers
 * once a minute although the machine is awake.
 */
const SLEPT_MS = 75_000;

/** One timer that notices when the machine has slept. */
export interface Alarm {
  /** Calls `onDue` after this many milliseconds, in place of what was set before. `Infinity` never calls it. */
  set(ms: number, onDue: () => void): void;
  /** Moves the call that is set to this many milliseconds from now. */
  putOff(ms: number): void;
  readonly clear: () => void;
}

/**
 * Creates an alarm. It waits on the clock that never goes back, which may stop while the machine sleeps, and compares the time of
 * day now and then. A time of day that was set back is ignored. Tests may fake timers and leave
 * that clock as it is: where it has not gone half as far as a timer, the timer is believed.
 * @param onSlept - called in place of `onDue`
 */
export function createAlarm(clock: Omit<Clock, 'random'>, onSlept: () => void): Alarm {
  /** `undefined` while nothing is set. */
  let timer: unknown;
  let onDue: () => void;
  /** When the alarm is due, and when its timer ends, by `now`. */
  let dueAt: number;
  let checkAt: number;
  /** How much of what timers have waited for is missing from the clock, in milliseconds. */
  let missingMs = 0;

  const now = (): number => clock.now() + missingMs;

  function wait(): void {
    clear();
    const ms = Math.min(Math.max(dueAt - now(), 0), CHECK_MS);
    checkAt = now() + ms;
    const expected = clock.time() + ms;
    timer = clock.setTimeout(() => {
      clear();
      const early = checkAt - now();
      if (early > ms / 2) missingMs += early;
      if (clock.time() - expected > SLEPT_MS) onSlept();
      else if (now() < dueAt) wait();
      else onDue();
    }, ms);
  }

  function clear(): void {
    clock.clearTimeout(timer);
    timer = undefined;
  }

  return {
    set(ms, callback) {
      onDue = callback;
      dueAt = now() + ms;
      wait();
    },
    putOff(ms) {
      dueAt = now() + ms;
      // A timer that ends too early may stay: a new one for each chunk would cost more.
      if (timer && dueAt < checkAt) wait();
    },
    clear,
  };
}
