import type { Clock } from '../platform/clock.ts';

/** A moment on both clocks: the one that never goes back, which may stop while the machine sleeps, and the time of day. */
export interface Moment {
  readonly now: number;
  readonly time: number;
}

export function momentOf(clock: Pick<Clock, 'now' | 'time'>): Moment {
  return { now: clock.now(), time: clock.time() };
}
