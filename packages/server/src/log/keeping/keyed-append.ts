import { ServerError } from '../../errors.ts';
import type { AppendOptions, AppendReceipt } from '../event-log.ts';

/** What a log remembers of an append that had a key. */
export interface KeyedAppend extends Pick<AppendOptions, 'digest'>, Omit<AppendReceipt, 'repeated'> {}

/** The result of an append whose key is known: the receipt of the first one, or `ERR_KEY_REUSED` if that was another append. */
export function repeatOf({ seq, id, digest }: KeyedAppend, again: AppendOptions): AppendReceipt | ServerError {
  if (digest === undefined || again.digest === undefined || digest === again.digest) return { seq, id, repeated: true };
  return new ServerError('ERR_KEY_REUSED', 'Cannot append: the key has been used to append something else');
}
