import { ServerError } from '../../errors.ts';
import type { Epochs } from '../epochs.ts';
import type { AppendOptions, AppendReceipt } from '../event-log.ts';
import { formatCursor } from '../position.ts';
import type { PreparedBatch, PreparedEvent } from './prepared.ts';

/** The places of a batch's events. */
export interface BatchPlace {
  /** The sequence number of the last event. */
  readonly seq: number;
  /** The sequence numbers of all events, if there are holes between them. */
  readonly seqs?: readonly number[] | undefined;
}

/** What a log remembers of an append that had a key. */
export interface KeyedAppend extends Pick<AppendOptions, 'digest'>, BatchPlace {
  /** The id of the batch's last event. */
  readonly id: string;
}

/**
 * The result of an append whose key is known: the receipt of the first one, or `ERR_KEY_REUSED` if that was another append. What a log of an earlier
 * version remembers may have no digest, and is taken for the same.
 */
export function repeatOf(
  { seq, seqs, id, digest }: KeyedAppend,
  again: Pick<PreparedBatch, 'digest' | 'events'>,
  epochs: Epochs,
): AppendReceipt | ServerError {
  if (digest === undefined || digest === again.digest) {
    // They are the same events, so those that have an id of their own have the same one.
    return { seq, id, ids: idsOf(again.events, { seq, seqs }, epochs), repeated: true };
  }
  return new ServerError('ERR_KEY_REUSED', 'Cannot append: the key has been used to append something else');
}

/** The ids of a batch's events, in their order. */
export function idsOf(events: readonly PreparedEvent[], { seq: last, seqs }: BatchPlace, epochs: Epochs): string[] {
  return events.map(({ id }, index) => {
    if (id !== undefined) return id;
    const seq = seqs?.[index] ?? last - (events.length - 1 - index);
    return formatCursor({ epoch: epochs.of(seq), seq });
  });
}
