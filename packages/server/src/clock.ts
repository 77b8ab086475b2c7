import { ServerError, shown } from './errors.ts';

/** A clock and its timers. It is an option, so that tests need not wait. */
export interface Clock {
  /** Returns milliseconds of a clock that never goes back, for durations. */
  now(): number;
  /** Returns milliseconds since 1970 (UTC), for people and other programs. They jump when the system's time is set. */
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

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkClock(clock: Clock = systemClock): Clock {
  const methods = ['now', 'time', 'setTimeout', 'clearTimeout'] as const;
  if (methods.every((method) => typeof clock?.[method] === 'function')) return clock;
  throw new ServerError('ERR_INVALID_OPTION', `The option clock is ${shown(clock)}, but must be a Clock`);
}
