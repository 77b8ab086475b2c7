// How much all responses together may be sent before the loop gets its turn: about a millisecond's work. A source whose next event is always
// there, and a listener that takes it at once, would leave nothing else any time, not even the end of their connection.
const MAX_BYTES = 256 * 1024;

// What a small event costs beside its bytes.
const EVENT_BYTES = 1024;

const later: (run: () => void) => unknown = globalThis.setImmediate ?? ((run) => setTimeout(run, 0));

let spent = 0;
let turn: Promise<void> | undefined;

/** Fulfils when the loop has had its turn; undefined if that is not due yet. To be called for every event that is sent. */
export function turnAfter(bytes: number): Promise<void> | undefined {
  if (turn) return turn;
  spent += bytes + EVENT_BYTES;
  if (spent < MAX_BYTES) return undefined;
  turn = new Promise((resolve) => {
    later(() => {
      spent = 0;
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
