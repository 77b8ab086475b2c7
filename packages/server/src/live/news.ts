import { encodeEvent, GAP_TYPE } from '@tidings/wire';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';
import { formatCursor } from '../log/position.ts';
import type { StartAfter } from '../log/start.ts';
import type { View } from './cohort.ts';
import type { FanOut } from './fan-out.ts';

// What stands for an event. Nothing else that a listener is sent begins so: comments and fields do not.
const EVENT: Uint8Array = Uint8Array.of(0);

const GAP = new TextEncoder().encode(encodeEvent({ event: GAP_TYPE }).trimEnd());

/**
 * Resolves when a listener with this view would be given an event or a gap, when it would be sent away, or when the signal is aborted. It counts as a
 * listener until then.
 */
export async function news(fanOut: FanOut, view: View, start: StartAfter, signal: AbortSignal): Promise<void> {
  let wake = (): void => {};
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  signal.addEventListener('abort', wake);
  const { epoch } = fanOut.position;
  // Not announced, and known where it is: nothing is told to it.
  const known = { ...start, sent: start.sent ?? formatCursor({ epoch, seq: start.after }) };
  const listener = signal.aborted ? undefined : fanOut.listen(new WakeSink(wake), wakeView(view), known);
  if (listener) await woken;
  signal.removeEventListener('abort', wake);
  if (listener) fanOut.breakOff(listener, 'left');
}

/** The view of a listener that only wants to know that there is an event. */
function wakeView(view: View): View {
  const { selection, accepts } = view;
  return { key: `wake ${view.key}`, selection, render: () => EVENT, ...(accepts ? { accepts } : {}) };
}

/** The sink of a listener that wants to know when there is an event or a gap for it, or when it is sent away. */
class WakeSink implements Sink {
  readonly backlog = 0;
  readonly needsDrain = false;
  onDrain: () => void = () => {};
  onClose: () => void = () => {};
  readonly #wake: () => void;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  write({ bytes }: SharedChunk): void {
    if (bytes[0] === EVENT[0] || GAP.every((byte, index) => bytes[index] === byte)) this.#wake();
  }

  end(): void {
    this.#wake();
  }

  destroy(): void {
    this.#wake();
  }
}
