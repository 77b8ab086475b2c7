import type { Place } from './event-log.ts';
import type { Position } from './position.ts';

/** A numbering that a log had before the present one. */
export interface EarlierEpoch {
  readonly epoch: string;
  /** The last sequence number that was given in it. The next epoch goes on behind it. */
  readonly through: number;
}

/** The numberings of a log: the present one, and where each earlier one ended (PROTOCOL §1). */
export class Epochs {
  readonly current: string;
  readonly #earlier: readonly EarlierEpoch[];

  /** @param earlier oldest first */
  constructor(current: string, earlier: readonly EarlierEpoch[] = []) {
    this.current = current;
    this.#earlier = earlier;
  }

  /** Whether a cursor of this epoch is one of this log's. */
  has(epoch: string): boolean {
    return epoch === this.current || this.#earlier.some((each) => each.epoch === epoch);
  }

  /** The epoch in which a sequence number was given. */
  of(seq: number): string {
    return this.#earlier.find(({ through }) => seq <= through)?.epoch ?? this.current;
  }

  /** Where a cursor is in a log whose newest event has the sequence number `head`. */
  locate({ epoch, seq }: Position, head: number): Place {
    if (epoch === this.current) return seq <= head ? { after: seq, head } : { after: 0, head, misplaced: 'ahead' };
    const earlier = this.#earlier.find((each) => each.epoch === epoch);
    // Behind its end the epoch went on elsewhere, with events that this log never had.
    return earlier && seq <= earlier.through ? { after: seq, head } : { after: 0, head, misplaced: 'foreign' };
  }
}
