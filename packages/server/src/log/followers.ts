import type { LogEntry } from './event-log.ts';

type TailListener = (batch: readonly LogEntry[]) => void;

/** Who is told of each committed batch. */
export class Tails {
  readonly #listeners = new Set<TailListener>();
  /** Batches to tell, each with those who listened when it was committed. */
  #pending: { readonly batch: readonly LogEntry[]; readonly listeners: readonly TailListener[] }[] = [];

  add(listener: TailListener): () => void {
    // A function of its own, so that one listener added twice is called twice and each can be stopped.
    const own: TailListener = (batch) => listener(batch);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Tells all listeners. Where one of them makes a batch, that one is told after this one, so that all have the same order. */
  emit(batch: readonly LogEntry[]): void {
    this.#pending.push({ batch, listeners: [...this.#listeners] });
    if (this.#pending.length > 1) return;
    try {
      for (const { batch: next, listeners } of this.#pending) {
        for (const listener of listeners) if (this.#listeners.has(listener)) listener(next);
      }
    } finally {
      this.#pending = [];
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
