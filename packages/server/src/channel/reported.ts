const soon: (run: () => void) => unknown = globalThis.setImmediate ?? ((run) => setTimeout(run, 0));

/** A promise that knows whether anybody waits for it. `await` calls `then` of a subclass, too. */
class KnownPromise<T> extends Promise<T> {
  // What its methods return are promises like any other.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  isAwaited = false;

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<Result1 = T, Result2 = never>(
    onFulfilled?: ((value: T) => Result1 | PromiseLike<Result1>) | null,
    onRejected?: ((reason: unknown) => Result2 | PromiseLike<Result2>) | null,
  ): Promise<Result1 | Result2> {
    this.isAwaited = true;
    return super.then(onFulfilled, onRejected);
  }
}

/**
 * Returns a promise that settles as the work does. If it rejects while nobody waits for it, that does not end the process as an unhandled rejection, but
 * is reported, once everything under way has had its turn.
 */
export function reported<T>(work: Promise<T>, report: (error: unknown) => void): Promise<T> {
  const promise = new KnownPromise<T>((resolve, reject) => {
    work.then(resolve, reject);
  });
  promise.catch((error: unknown) => soon(() => promise.isAwaited || report(error)));
  promise.isAwaited = false;
  return promise;
}
