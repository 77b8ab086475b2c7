import type { Clock, EarlierEpoch } from '@tidings/server/log';
import type { Done, ReplicaHost } from '../replica/replica.ts';
import type { Store } from '../store/store.ts';

export interface FollowingParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly scanMs: number | undefined;
  readonly compactBytes: number;
}

export interface FollowingHost extends Omit<ReplicaHost, 'scanMs'> {
  /** The replica has caught up with the stream, for the first time or again. */
  onLive(): void;
  /** It cannot follow the stream. It is tried again until it can. */
  onLost(reason: unknown): void;
  /** A message was carried out. */
  onDone(done: Done): void;
  /** Something failed that is tried again. */
  onError(error: unknown): void;
  /**
   * Sends the first message of an epoch, if nothing has been stored after a message of this number.
   * @param earlier the epochs before it, whose events are gone; undefined if it goes on with what there is
   */
  begin(epoch: string, earlier: readonly EarlierEpoch[] | undefined, last: number): Promise<void>;
}
