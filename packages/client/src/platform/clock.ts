/** Time and chance, passed in so that tests need no waiting. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970 (UTC), for people. */
  time(): number;
  /** Chance: at least 0, less than 1. */
  random(): number;
  /** Calls back once after `ms` milliseconds (0 to 2^31 - 1) and keeps the process alive until then. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  time: Date.now,
  random: Math.random,
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
};
