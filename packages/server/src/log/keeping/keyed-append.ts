import { ServerError } from '../../errors.ts';
import type { AppendOptions, AppendReceipt } from '../event-log.ts';
import type { PreparedBatch } from './prepared.ts';

/** What a log remembers of an append that had a key. */
export interface KeyedAppend extends Pick<AppendOptions, 'digest'>, Omit<AppendReceipt, 'repeated'> {}

/**
 * The result of an append whose key is known: the receipt of the first one, or `ERR_KEY_REUSED` if that was another append. What a log of an earlier
 * version remembers may have no digest, and is taken for the same.
 */
export function repeatOf(
  { seq, id, digest }: KeyedAppend,
  again: Pick<PreparedBatch, 'digest'>,
): AppendReceipt | ServerError {
  if (digest === undefined || digest === again.digest) return { seq, id, repeated: true };
  return new ServerError('ERR_KEY_REUSED', 'Cannot append: the key has been used to append something else');
}
