import type { encodeLastEventId } from '../connection/request.ts';
import type { StoreError, storeError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { PositionStore } from './position-store.ts';

/** Writes a position to its store: only the newest one, not too often, and one write at a time. */
export interface PositionKeeper {
  /** The position that the store had, `''` if it had none. */
  readonly stored: string;
  /** Has the position written soon: after this tick, and not before the interval is over. */
  keep(id: string): void;
  /** Writes at once what is not written yet. The promise is settled when it is written, and never rejects. */
  flush(): Promise<void>;
}

/** What a keeper is made with. Code that the subscription has already is passed in, so that this module loads alone. */
export interface PositionKeeperParts {
  readonly store: PositionStore;
  /** The shortest time between two writes, in milliseconds. */
  readonly storeIntervalMs: number;
  readonly clock: Clock;
  readonly encodeLastEventId: typeof encodeLastEventId;
  readonly storeError: typeof storeError;
  /** Called when a write fails. */
  fail(error: StoreError): void;
}

/** The longest delay that a timer holds, in milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Reads the position in a store, and then keeps it there.
 * @throws StoreError
 */
export async function keepPosition(parts: PositionKeeperParts): Promise<PositionKeeper> {
  const { store, clock } = parts;
  let stored = '';
  try {
    stored = (await store.get()) ?? '';
  } catch (cause) {
    throw parts.storeError('read', cause);
  }

  let newest = stored;
  /** The position that is to be written; `''` where the store has the newest one. */
  let unwritten = '';
  let timer: unknown;
  let writing: Promise<void> | undefined;
  let writtenAt = -Infinity;

  async function write(): Promise<void> {
    try {
      while (unwritten) {
        const id = unwritten;
        unwritten = '';
        // An ID that no header can carry is left out, because no subscription could go on after it.
        await (parts.encodeLastEventId(id) !== undefined && store.set(id));
      }
    } catch (cause) {
      unwritten = '';
      parts.fail(parts.storeError('write', cause));
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
    stored,
    keep(id) {
      if (id === newest || !id) return;
      newest = unwritten = id;
      if (timer || writing) return;
      timer = clock.setTimeout(
        () => void flush(),
        Math.max(writtenAt + Math.min(parts.storeIntervalMs, MAX_TIMER_MS) - clock.now(), 0),
      );
    },
    flush,
  };
}
