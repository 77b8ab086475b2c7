import type { Clock } from './clock.ts';
import { look, type Watch, watchFor } from './watch.ts';

/** One timer that notices when the machine has slept. */
export interface Alarm {
  /** Rings after so many milliseconds, in place of what was set before. `Infinity` never rings. */
  set(ms: number, onDue: () => void): void;
  /** Puts off what is set until so many milliseconds from now. */
  putOff(ms: number): void;
  readonly clear: () => void;
}

/** The shell around `watch.ts`. */
export function createAlarm(clock: Clock, onSlept: () => void): Alarm {
  let watch: Watch | undefined;
  let ring: () => void;
  let timer: unknown;

  function arm(next: Watch | undefined): void {
    clock.clearTimeout(timer);
    watch = next;
    if (next) timer = clock.setTimeout(check, Math.max(next.lookAt - clock.now(), 0));
  }

  function check(): void {
    const seen = watch && look(watch, clock.now(), clock.time());
    if (typeof seen === 'object') return arm(seen);
    watch = undefined;
    if (seen === 'due') ring();
    else onSlept();
  }

  return {
    set(ms, onDue) {
      ring = onDue;
      arm(watchFor(ms, clock.now(), clock.time()));
    },
    putOff(ms) {
      if (!watch) return;
      const dueAt = clock.now() + ms;
      // A timer that is only too early may stay: one anew for each chunk would cost more.
      if (dueAt < watch.lookAt) arm(watchFor(ms, clock.now(), clock.time()));
      else watch = { ...watch, dueAt };
    },
    clear: () => arm(undefined),
  };
}
