import type { Clock } from '../../clock.ts';
import type { StopWatch } from './run-store.ts';

/** How long a watch waits before it begins anew, in milliseconds. */
const AGAIN_MS = 1000;

/**
 * Watches until it is ended, and begins anew where the store has failed: otherwise no request would reach the producers here any more, as long as there are any.
 * @param watch resolves or rejects when it can watch no longer
 * @param onError is told of a failure, once until a watch has lasted for some time
 */
export function keepWatching(
  watch: (signal: AbortSignal) => Promise<void>,
  onError: (error: unknown) => void,
  clock: Clock,
): StopWatch {
  const gone = new AbortController();
  const { signal } = gone;
  let wake = (): void => {};
  const keep = async (): Promise<void> => {
    let failedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      try {
        await watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        const now = clock.now();
        if (now - failedAt > 2 * AGAIN_MS) onError(error);
        failedAt = now;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (signal.aborted) resolve();
        else clock.setTimeout(resolve, AGAIN_MS);
      });
    }
  };
  void keep();
  return {
    end() {
      gone.abort();
      wake();
    },
  };
}
