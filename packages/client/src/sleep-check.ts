/** How often a connection looks at the time of day, in milliseconds. */
const CHECK_MS = 10_000;

/**
 * How late a check has to be, in milliseconds, before the machine counts as having slept. Pages in the background get
 * their timers once a minute, and those are awake.
 */
const SLEPT_MS = 75_000;

/** When to look, and what the time of day should then be. */
export interface SleepCheck {
  /** On the clock that never goes back and may stop while the machine sleeps. */
  readonly at: number;
  /** The time of day in milliseconds. */
  readonly time: number;
}

export function nextSleepCheck(now: number, time: number): SleepCheck {
  return { at: now + CHECK_MS, time: time + CHECK_MS };
}

/** Whether much more time has passed than the timer was set for. A clock that was set back tells nothing. */
export function hasSlept(check: SleepCheck | undefined, time: number): boolean {
  return check !== undefined && time - check.time > SLEPT_MS;
}
