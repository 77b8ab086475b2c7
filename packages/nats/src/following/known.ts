import type { EarlierEpoch, Position } from '@tidings/server/log';
import { positionOf } from '../replica/position.ts';
import type { Replica } from '../replica/replica.ts';
import type { Store, StreamState } from '../store/store.ts';

/** The numbering that the log had before its stream was deleted, replaced or cut short. */
export interface Known {
  readonly position: Position;
  /** The earlier epochs of a new one, so that cursors of the old ones are honoured up to where these ended. */
  begin(epoch: string): readonly EarlierEpoch[];
}

/** Undefined if the replica had none. */
export function knownOf({ log, hasBegun }: Replica): Known | undefined {
  if (!hasBegun) return undefined;
  const { epochs } = log;
  const { seq } = positionOf(log);
  return { position: { epoch: epochs.current, seq }, begin: (epoch) => epochs.begin(epoch, seq).earlier };
}

/** Whether the stream has another message than the last one that a replica has carried out: it was put back to an earlier state, and others have gone on with that. */
export async function isReplaced(store: Store, { first, last }: StreamState, replica: Replica): Promise<boolean> {
  const { at, last: known } = replica;
  if (!known || at < first || at > last) return false;
  const found = await store.next(at);
  return found?.seq === at && Buffer.compare(found.bytes, known) !== 0;
}
