import type { Clock } from '@tidings/server/live';

/** Resolves after a time, or when one of the signals is aborted. @param ms milliseconds */
export function sleep(clock: Clock, ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise<void>((resolve) => {
    const timer = clock.setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener('abort', done, { once: true });
    if (signals.some(({ aborted }) => aborted)) done();
    function done(): void {
      clock.clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
