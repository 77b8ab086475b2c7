import { StoreError } from '../client-error.ts';
import type { Clock } from '../platform/clock.ts';
import { MAX_TIMER_MS } from '../connection/connection-state.ts';
import { describeException } from '../platform/exception-text.ts';
import type { PositionStore } from './position-store.ts';
import { encodeLastEventId } from '../connection/request-headers.ts';

/** Writes a position to its store: the newest one, not too often, and one write at a time. */
export interface PositionKeeper {
  /** What the store holds, `''` where that is nothing. @throws StoreError */
  read(): Promise<string>;
  /** Has the position written soon: together with what else comes in this tick, and not before the interval is over. */
  keep(id: string): void;
  /** Writes at once what is not written yet. Settles when it is, and never rejects. */
  flush(): Promise<void>;
}

export function keepPosition(
  store: PositionStore,
  clock: Clock,
  intervalMs: number,
  onError: (error: StoreError) => void,
): PositionKeeper {
  let known = '';
  /** What is to be written; `''` where the store has the newest one. */
  let next = '';
  let timer: unknown;
  let writing: Promise<void> | undefined;
  let writtenAt = -Infinity;

  const failure = (what: string, cause: unknown): StoreError =>
    new StoreError({
      code: 'ERR_STORE',
      message: `could not ${what} the position: ${describeException(cause)}`,
      cause,
    });

  async function write(): Promise<void> {
    try {
      while (next) {
        const id = next;
        next = '';
        // With one that no header can carry there would be no going on.
        if (encodeLastEventId(id) !== undefined) await store.set(id);
      }
    } catch (cause) {
      next = '';
      onError(failure('write', cause));
    }
    writtenAt = clock.now();
    writing = undefined;
  }

  async function flush(): Promise<void> {
    clock.clearTimeout(timer);
    timer = undefined;
    writing ??= write();
    await writing;
  }

  return {
    async read() {
      try {
        known = (await store.get()) ?? '';
      } catch (cause) {
        throw failure('read', cause);
      }
      return known;
    },
    keep(id) {
      if (id === known || !id) return;
      known = next = id;
      if (timer || writing) return;
      timer = clock.setTimeout(
        () => void flush(),
        Math.max(writtenAt + Math.min(intervalMs, MAX_TIMER_MS) - clock.now(), 0),
      );
    },
    flush,
  };
}
