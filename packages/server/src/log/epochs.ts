import { ServerError } from '../errors.ts';
import type { Place } from './event-log.ts';
import { EARLIEST, formatCursor, parseCursor, type Position } from './position.ts';
import type { Selection } from './selection.ts';

/** A numbering that a log had before the present one. */
export interface EarlierEpoch {
  readonly epoch: string;
  /** The last sequence number of the epoch. The next epoch goes on after it. */
  readonly through: number;
}

/** The most earlier epochs that a log remembers. They are written with every new one. */
const MAX_EARLIER = 4096;

/** Guards against a log that loses events again and again: so many epochs are remembered by {@link wentTo}. */
const MAX_WENT = 16;

/** Adds how far an epoch is known to have gone of which the log has lost the last events. */
export function wentTo(went: readonly EarlierEpoch[], { epoch, seq }: Position): readonly EarlierEpoch[] {
  return [...went.filter((other) => other.epoch !== epoch), { epoch, through: seq }].slice(-MAX_WENT);
}

/** The numberings of a log: the present one, and where each earlier one ended (PROTOCOL §1). */
export class Epochs {
  readonly current: string;
  readonly #earlier: readonly EarlierEpoch[];
  /** Where each epoch ended. The present one has no end. */
  readonly #ends: ReadonlyMap<string, number>;

  /**
   * @param earlier oldest first
   * @throws {ServerError} `ERR_INVALID_OPTION` if a name is not that of an epoch or is there twice, or an epoch ends before the one before it
   */
  constructor(current: string, earlier: readonly EarlierEpoch[] = []) {
    this.current = current;
    this.#earlier = earlier;
    const names = [...earlier.map(({ epoch }) => epoch), current];
    for (const name of names) {
      if (parseCursor(formatCursor({ epoch: name, seq: 0 }))) continue;
      throw invalid(`The epoch ${JSON.stringify(name)} is not allowed; a name is 1 to 16 of a to z and 0 to 9`);
    }
    this.#ends = new Map(names.map((name, index) => [name, earlier[index]?.through ?? Infinity]));
    if (this.#ends.size < names.length) {
      throw invalid(`The epochs ${names.join(', ')} are not allowed; each needs a name of its own`);
    }
    earlier.reduce((before, { epoch, through }) => {
      if (Number.isSafeInteger(through) && through >= before) return through;
      throw invalid(
        `The epoch ${epoch} ends at ${through}; an integer from ${before} is allowed, where the epoch before it ended`,
      );
    }, 0);
  }

  /** The sequence number after which the present epoch begins. */
  get start(): number {
    return this.#earlier.at(-1)?.through ?? 0;
  }

  /** Every epoch but the present one, oldest first. */
  get earlier(): readonly EarlierEpoch[] {
    return this.#earlier;
  }

  /**
   * Begins a new epoch after this log's newest event, where the present one ends. If there are more than 4,096 earlier ones, the oldest without events
   * is forgotten, or else the oldest.
   */
  begin(epoch: string, head: number): Epochs {
    const earlier = [...this.#earlier, { epoch: this.current, through: head }];
    if (earlier.length > MAX_EARLIER) {
      const empty = earlier.findIndex(({ through }, index) => through === (earlier[index - 1]?.through ?? 0));
      earlier.splice(Math.max(empty, 0), 1);
    }
    return new Epochs(epoch, earlier);
  }

  /** Whether this epoch belongs to this log. */
  has(epoch: string): boolean {
    return this.#ends.has(epoch);
  }

  /**
   * How many events are lost: somebody has had them, and this log does not know of them. 0 if the epoch is none of this log's.
   * @param seen how far somebody has got
   * @param head the sequence number of this log's newest event
   * @param went how far epochs are known to have gone of which events are lost
   */
  lostBehind({ epoch, seq }: Position, head: number, went: readonly EarlierEpoch[]): number {
    if (epoch === this.current) return Math.max(0, seq - head);
    const end = went.find((one) => one.epoch === epoch)?.through ?? this.#ends.get(epoch) ?? Infinity;
    return Math.max(0, seq - end);
  }

  /** The epoch in which a sequence number was given. */
  of(seq: number): string {
    if (seq > this.start) return this.current;
    let low = 0;
    let high = this.#earlier.length - 1;
    // The first epoch that reaches so far.
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#earlier[middle]?.through ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return this.#earlier[low]?.epoch ?? this.current;
  }

  /**
   * Finds the place of a last event ID in a log with these epochs.
   * @param log the sequence number of the log's newest event, and the count of its trims
   * @param seqOf returns the sequence number of the earliest kept and selected event with a publisher's id. It is not called for a cursor, because
   * no id has that form
   * @param newest the newest event that who asks may know of: a cursor of the present epoch past it is ahead. See {@link newestFor}
   * @default the log's newest event
   */
  async locate(
    id: string,
    log: Pick<Place, 'head' | 'trims'>,
    seqOf: (id: string) => number | undefined | Promise<number | undefined>,
    newest: number = log.head,
  ): Promise<Place> {
    if (id === EARLIEST) return { after: 0, ...log };
    const cursor = parseCursor(id);
    if (cursor) return this.#locate(cursor, log, newest);
    const seq = await seqOf(id);
    return seq === undefined ? { after: 0, ...log, misplaced: 'unknown' } : { after: seq, ...log };
  }

  #locate({ epoch, seq }: Position, log: Pick<Place, 'head' | 'trims'>, newest: number): Place {
    if (epoch === this.current) {
      return seq <= newest ? { after: seq, ...log } : { after: 0, ...log, misplaced: 'ahead' };
    }
    // After its end the epoch went on in another log, with events that this log never had.
    const end = this.#ends.get(epoch) ?? -1;
    return seq <= end ? { after: seq, ...log } : { after: 0, ...log, misplaced: 'foreign' };
  }
}

/**
 * Returns the sequence number of the newest event that may be known to who asks for a selection: the one of all events, or of the public ones if
 * the selection has no private events. Without a selection, it is the one of all events.
 */
export function newestFor(selection: Selection | undefined, ofAll: number, ofPublic: number): number {
  return selection && (selection.private ?? []).length === 0 ? ofPublic : ofAll;
}

function invalid(message: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', message);
}
