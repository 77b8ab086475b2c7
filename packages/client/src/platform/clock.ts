/** Time and chance. They are passed in, so that tests need not wait. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970 (UTC). */
  time(): number;
  /** A random number: at least 0 and less than 1. */
  random(): number;
  /** Calls back once after `ms` milliseconds (0 to 2^31 - 1) and keeps the process alive until then. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Cancels what `setTimeout` returned. Does nothing with `undefined`, or once the timer has ended. */
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  time: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
};
