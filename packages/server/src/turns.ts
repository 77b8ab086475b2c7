// How much all sources together may send in one turn of the event loop: about a millisecond's work. A source whose next event is always there, and a
// listener that takes it at once, would leave nothing else any time, not even the end of their connection.
const MAX_BYTES = 256 * 1024;

// The same, in milliseconds: a source may take long to make an event, and so may its compression.
const MAX_MS = 4;

// What a small event costs beside its bytes.
const EVENT_BYTES = 1024;

const later: (run: () => void) => unknown = globalThis.setImmediate ?? ((run) => setTimeout(run, 0));

/** What was spent in this turn. */
let spent = 0;
/** When the first of it was, in milliseconds. */
let since = 0;
let next: { readonly promise: Promise<void>; resolve(): void } | undefined;

/**
 * Fulfils in the next turn of the event loop, after everything else had its turn; undefined if that is not due yet. To be called for every event that is
 * sent, received or published.
 */
export function turnAfter(bytes: number): Promise<void> | undefined {
  if (next) return next.promise;
  const now = performance.now();
  if (spent === 0) {
    since = now;
    later(begin);
  }
  spent += bytes + EVENT_BYTES;
  if (spent < MAX_BYTES && now - since < MAX_MS) return undefined;
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  next = { promise, resolve };
  return promise;
}

/**
 * Makes such a function for one producer alone, which counts only what that has taken: the first call in a turn of the event loop never waits. It fulfils in the next turn once the
 * producer has been at work for some milliseconds in this one.
 */
export function ownTurns(): () => Promise<void> | undefined {
  let begunAt: number | undefined;
  let wait: Promise<void> | undefined;
  return () => {
    const now = performance.now();
    if (begunAt === undefined) {
      begunAt = now;
      later(() => {
        begunAt = undefined;
        wait = undefined;
      });
    }
    if (now - begunAt < MAX_MS) return undefined;
    // It fulfils behind the beginning of the next turn.
    wait ??= new Promise((resolve) => void later(resolve));
    return wait;
  };
}

/** A new turn begins. */
function begin(): void {
  const waiting = next;
  spent = 0;
  next = undefined;
  waiting?.resolve();
}
