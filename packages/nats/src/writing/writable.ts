import { NatsError } from '../errors.ts';
import { isFull, isLate, unusable } from '../store/problem.ts';
import type { Store } from '../store/store.ts';

// How often a store that does not answer in time is asked what it allows when a log is opened.
const MAX_TRIES = 5;

/**
 * Finds out whether a log that was opened can be written to: its node may do what it will have to do later, its first message is taken, what is stored stays there, and there is room. One without
 * room, or of which messages may go, can still be read, so that is only told, unless the log is new.
 * @param write sends the first message
 * @param tell is told of it
 */
export async function checkWritable(
  store: Store,
  write: () => Promise<unknown>,
  tell: (error: NatsError) => void,
): Promise<void> {
  try {
    await untilAnswered(() => store.check());
    await write();
    await untilAnswered(() => store.checkLimits());
    await untilAnswered(() => store.checkRoom());
  } catch (error) {
    if (!isOnlyTold(error) || store.isNew) throw error;
    tell(unusable(error));
  }
}

async function untilAnswered(ask: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isLate(error) || tries === MAX_TRIES) throw error;
    }
  }
}

function isOnlyTold(error: unknown): boolean {
  return isFull(error) || (error instanceof NatsError && error.code === 'ERR_STORE_LIMITS');
}
