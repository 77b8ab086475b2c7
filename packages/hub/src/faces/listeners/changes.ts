import type { PresenceObserver, Present } from '@tidings/server/live';

/** What has become of a listener. */
export type Change = 'opened' | 'closed';

/**
 * Guards the memory: of a topic with more changes than this, which a reader has not been told yet, it is told anew who listens.
 */
const MAX_CHANGES = 1000;

/** What a reader has not been told yet of the listeners of a topic. It is told who listens in pages, and meanwhile and afterwards what has changed. */
export class Changes implements PresenceObserver {
  /** Up to which number the reader has been told the listeners. Those behind it are on the pages that are to come. */
  #through = 0;
  /** How often each has come since then, less how often it has gone: for a moment one that changes its patterns is there twice. */
  readonly #changes = new Map<Present, number>();
  readonly #max: number;

  /** @param max how many changes are kept */
  constructor(max: number = MAX_CHANGES) {
    this.#max = max;
  }

  /** The number behind which the next page begins, 0 for the first one; undefined if the reader has been told all pages. */
  get next(): number | undefined {
    return this.#through === Number.POSITIVE_INFINITY ? undefined : this.#through;
  }

  /** The reader has been told those up to a number; without one, all. */
  tellThrough(number: number = Number.POSITIVE_INFINITY): void {
    this.#through = number;
  }

  onCome(present: Present): void {
    this.#note(present, 1);
  }

  onGo(present: Present): void {
    this.#note(present, -1);
  }

  /** What there is to tell, which counts as told from now on. */
  take(): readonly (readonly [Present, Change])[] {
    const changes = [...this.#changes].map(([present, sum]) => [present, sum > 0 ? 'opened' : 'closed'] as const);
    this.#changes.clear();
    return changes;
  }

  #note(present: Present, step: 1 | -1): void {
    if (present.number > this.#through) return;
    const sum = (this.#changes.get(present) ?? 0) + step;
    // Who has come and gone again, or has only changed its patterns, is nothing to tell.
    if (sum === 0) this.#changes.delete(present);
    else if (this.#changes.size >= this.#max && !this.#changes.has(present)) this.#startAnew();
    else this.#changes.set(present, sum);
  }

  /** The reader is too slow: all that it was told is replaced by new pages. */
  #startAnew(): void {
    this.#changes.clear();
    this.#through = 0;
  }
}
