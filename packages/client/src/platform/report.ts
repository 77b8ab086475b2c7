/** Reports an exception as the platform reports one that nobody catches, without an effect on the code that goes on. */
export function report(exception: unknown): void {
  queueMicrotask(() => {
    throw exception;
  });
}
