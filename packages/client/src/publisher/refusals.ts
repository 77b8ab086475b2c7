import type { Failure } from './answer.ts';
import type { Entry, Queue } from './queue.ts';

/** Finds out which events the refusals of batches are for. */
export class Refusals {
  readonly #queue: Queue;
  /** The last event of the batches that were refused for one of several topics. */
  #doubtfulSeq = 0;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /**
   * The events that a refusal of a batch is for, as far as it can be known: none if another batch, of fewer events, has to tell. One that is for a topic is
   * for the events that have the same lease.
   */
  of(entries: readonly Entry[], verdict: 'event' | 'topic' | 'all', { line = 0 }: Failure): readonly Entry[] {
    if (verdict === 'all') return entries;
    const named = entries[line - 1];
    if (verdict === 'event') return named ? [named] : entries.length === 1 ? entries : [];
    const { topic, lease } = named ?? entries[0] ?? {};
    const last = Math.max(this.#doubtfulSeq, entries.at(-1)?.seq ?? 0);
    if (!named && entries.some((entry) => entry.topic !== topic)) {
      this.#doubtfulSeq = last;
      return [];
    }
    // Those that were in the same refused batch at first are refused with it. One that is before the named one, such as that which closes the topic, is not.
    return this.#queue
      .oldest(Infinity, Infinity, last)
      .filter((entry) => entry.topic === topic && entry.lease === lease && entry.seq >= (named?.seq ?? 0));
  }
}
