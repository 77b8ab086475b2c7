import { messageOf, StoreError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import { MAX_TIMER_MS } from '../connection/connection-state.ts';
import type { PositionStore } from './position-store.ts';
import { encodeLastEventId } from '../connection/request.ts';

/** Writes a position to its store: only the newest one, not too often, and one write at a time. */
export interface PositionKeeper {
  /**
   * The position in the store, `''` if it has none.
   * @throws StoreError
   */
  read(): Promise<string>;
  /** Has the position written soon: after this tick, and not before the interval is over. */
  keep(id: string): void;
  /** Writes at once what is not written yet. The promise is settled when it is written, and never rejects. */
  flush(): Promise<void>;
}

export function keepPosition(
  store: PositionStore,
  clock: Clock,
  intervalMs: number,
  onError: (error: StoreError) => void,
): PositionKeeper {
  let newest = '';
  /** The position that is to be written; `''` where the store has the newest one. */
  let unwritten = '';
  let timer: unknown;
  let writing: Promise<void> | undefined;
  let writtenAt = -Infinity;

  const failure = (action: 'read' | 'write', cause: unknown): StoreError =>
    new StoreError({
      code: 'ERR_STORE',
      message: `could not ${action} the position: ${messageOf(cause)}`,
      cause,
    });

  async function write(): Promise<void> {
    try {
      while (unwritten) {
        const id = unwritten;
        unwritten = '';
        // An ID that no header can carry is left out, because no subscription could go on after it.
        await (encodeLastEventId(id) !== undefined && store.set(id));
      }
    } catch (cause) {
      unwritten = '';
      onError(failure('write', cause));
    }
    writtenAt = clock.now();
    writing = undefined;
  }

  async function flush(): Promise<void> {
    clock.clearTimeout(timer);
    timer = undefined;
    if (unwritten) writing ??= write();
    await writing;
  }

  return {
    async read() {
      try {
        newest = (await store.get()) ?? '';
      } catch (cause) {
        throw failure('read', cause);
      }
      return newest;
    },
    keep(id) {
      if (id === newest || !id) return;
      newest = unwritten = id;
      if (timer || writing) return;
      timer = clock.setTimeout(
        () => void flush(),
        Math.max(writtenAt + Math.min(intervalMs, MAX_TIMER_MS) - clock.now(), 0),
      );
    },
    flush,
  };
}
