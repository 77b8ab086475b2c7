import type { LogEntry } from './log.ts';

/** Who is told of each committed batch. */
export class Tails {
  readonly #listeners = new Set<(batch: readonly LogEntry[]) => void>();

  add(listener: (batch: readonly LogEntry[]) => void): () => void {
    // A function of its own, so that one listener added twice is called twice and each can be stopped.
    const own = (batch: readonly LogEntry[]): void => listener(batch);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  emit(batch: readonly LogEntry[]): void {
    for (const listener of this.#listeners) listener(batch);
  }

  clear(): void {
    this.#listeners.clear();
  }
}
