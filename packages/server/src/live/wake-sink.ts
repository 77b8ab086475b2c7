import { encodeEvent, GAP_TYPE } from '@tidings/wire';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';
import type { View } from './cohort.ts';

// What stands for an event. Nothing else that a listener is sent begins so: comments and fields do not.
const EVENT: Uint8Array = Uint8Array.of(0);

const GAP = new TextEncoder().encode(encodeEvent({ event: GAP_TYPE }).trimEnd());

/** The view of a listener that only wants to know that there is an event. */
export function wakeView(view: View): View {
  const { selection, accepts } = view;
  return { key: `wake ${view.key}`, selection, render: () => EVENT, ...(accepts ? { accepts } : {}) };
}

/** The sink of a listener that wants to know when there is an event or a gap for it, or when it is sent away. */
export class WakeSink implements Sink {
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
