/** Tells an error of which no caller learns. */
export function reportTo(onError: ((error: unknown) => void) | undefined, error: unknown): void {
  let told = error;
  try {
    if (onError) {
      const made: unknown = onError(error);
      // oxlint-disable-next-line no-console -- as below
      if (made instanceof Promise) made.catch((failure: unknown) => console.error(failure));
      return;
    }
  } catch (failure) {
    // A handler that fails must not end the process as an unhandled rejection.
    told = failure;
  }
  // oxlint-disable-next-line no-console -- the one place that every runtime has for an error that has no caller
  console.error(told);
}
