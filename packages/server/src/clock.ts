/** Time, passed in so that tests need no waiting. */
export interface Clock {
  /** Milliseconds on a clock that never goes back: for durations. */
  now(): number;
  /** Milliseconds since 1970 (UTC), which jump when the system's time is set: for what people and other programs read. */
  time(): number;
  /** Calls back once after `ms` milliseconds (0 to 2^31 - 1). A timer does not keep the process alive. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  time: Date.now,
  setTimeout(callback, ms) {
    const timer = setTimeout(callback, ms);
    if (typeof timer === 'object') timer.unref();
    return timer;
  },
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};
