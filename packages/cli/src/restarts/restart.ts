/** A process that served for less than this ended at once, in milliseconds. */
const STABLE_MS = 10_000;

/** The wait after the first process that ended at once, in milliseconds. It doubles with each. */
const FIRST_WAIT_MS = 250;

/** The longest wait, in milliseconds. It bounds what a process costs that ends again and again, and connections may wait during that time, so it must be short. */
const MAX_WAIT_MS = 10_000;

export interface Restart {
  /** How many processes in a row have ended soon after they were started. */
  readonly failures: number;
  /** How long the next one is waited with, in milliseconds. */
  readonly ms: number;
}

/**
 * When the next process starts in the place of one that has ended by itself.
 * @param servedMs how long it served; undefined if it never did
 * @param failures how many before it have ended in a row soon after they were started
 */
export function restartAfter(servedMs: number | undefined, failures: number): Restart {
  if (servedMs !== undefined && servedMs >= STABLE_MS) return { failures: 0, ms: 0 };
  return { failures: failures + 1, ms: Math.min(FIRST_WAIT_MS * 2 ** failures, MAX_WAIT_MS) };
}
