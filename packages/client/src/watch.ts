/** How often the time of day is looked at, in milliseconds. */
const CHECK_MS = 10_000;

/**
 * How late a look has to be, in milliseconds, before the machine counts as having slept. Pages in the background get
 * their timers once a minute, and those are awake.
 */
const SLEPT_MS = 75_000;

/** A wait for something that is due, with a look at the time of day now and then. */
export interface Watch {
  /** When it is due, on the clock that never goes back and may stop while the machine sleeps. */
  readonly dueAt: number;
  /** When to look. */
  readonly lookAt: number;
  /** What the time of day should then be, in milliseconds. */
  readonly time: number;
}

/** Waits so many milliseconds, from `now` and the time of day on. */
export function watchFor(ms: number, now: number, time: number): Watch {
  const wait = Math.min(ms, CHECK_MS);
  return { dueAt: now + ms, lookAt: now + wait, time: time + wait };
}

/**
 * What a look shows: that the machine slept, because much more time has passed than was waited (a clock that was set back tells
 * nothing); that it is due; or how the wait goes on.
 */
export function look(watch: Watch, now: number, time: number): 'slept' | 'due' | Watch {
  if (time - watch.time > SLEPT_MS) return 'slept';
  return now < watch.dueAt ? watchFor(watch.dueAt - now, now, time) : 'due';
}
