import { newEpoch } from '@tidings/server/log';
import type { Command } from '../replica/command.ts';
import type { Replica } from '../replica/replica.ts';
import type { FollowingParts } from './host.ts';
import type { Known } from './known.ts';

export interface Beginning {
  readonly command: Command & { readonly op: 'begin' | 'epoch' };
  /** It counts if nothing has been stored after a message of this number; always if it is undefined. */
  readonly last: number | undefined;
}

/**
 * With what a node that has caught up with the stream has to begin an epoch; undefined if it has not to.
 * @param known what it had before the stream was deleted, replaced or cut short
 * @param newest the number of the stream's newest message
 */
export function beginningOf(
  replica: Replica,
  known: Known | undefined,
  { clock, settings }: FollowingParts,
  newest: number,
): Beginning | undefined {
  const epoch = newEpoch(clock.time());
  const last = Math.max(replica.at, newest);
  if (!replica.hasBegun) {
    return { command: { op: 'begin', epoch, earlier: known?.begin(epoch) ?? [], settings }, last };
  }
  if (!known) return undefined;
  const { position } = known;
  const seen = replica.lostBehind(position) > 0 ? position : undefined;
  const command = { op: 'epoch', epoch, seen } as const;
  if (replica.log.epochs.current === position.epoch) return { command, last };
  // Another node has begun an epoch. It only has to be told what is lost, whatever has been stored since.
  return seen && { command, last: undefined };
}
