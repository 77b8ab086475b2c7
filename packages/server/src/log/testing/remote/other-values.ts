import type { StoredValue, StoredValues } from '../../stored-values.ts';
import { WatchedValues } from '../watched-values.ts';

/** Resolves with the values of a prefix when they are others than those that are known. */
export function otherValues(
  values: StoredValues,
  prefix: string,
  known: readonly StoredValue[] | null,
): Promise<unknown> {
  return new Promise((resolve) => {
    const watched = new WatchedValues();
    const stop = values.watch(prefix, (change) => {
      const found = watched.take(change);
      if (JSON.stringify(found) === JSON.stringify(known)) return;
      stop();
      resolve(found);
    });
  });
}
