import type { StoredValue, StoredValues } from '../../stored-values.ts';

/** Resolves with the values of a prefix when they are others than those that are known. */
export function otherValues(
  values: StoredValues,
  prefix: string,
  known: readonly StoredValue[] | null,
): Promise<unknown> {
  return new Promise((resolve) => {
    const stop = values.watch(prefix, (found) => {
      if (JSON.stringify(found) === JSON.stringify(known)) return;
      stop();
      resolve(found);
    });
  });
}
