// It is kept from the start, because tests may put a fake one in its place. Not every runtime has the first.
const { setImmediate: later = setTimeout } = globalThis as { readonly setImmediate?: (run: () => void) => unknown };

/** Waits for a task of its own, so that timers and sockets get their turns. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    later(resolve);
  });
}
