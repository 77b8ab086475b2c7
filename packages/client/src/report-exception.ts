/**
 * Reports an exception of someone's callback the way the platform reports one of an event listener, without
 * disturbing the caller: the `error` event of the global object, or Node's `uncaughtException`.
 */
export function reportException(exception: unknown): void {
  if (typeof globalThis.reportError === 'function') {
    globalThis.reportError(exception);
  } else {
    queueMicrotask(() => {
      throw exception;
    });
  }
}
