import type { Clock } from '@tidings/server/log';
import type { Command } from '../replica/command.ts';
import type { Done, ReplicaHost, ReplicaRecord } from '../replica/replica.ts';
import type { Store } from '../store/store.ts';

export interface FollowingParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly scanMs: number | undefined;
  readonly compactBytes: number;
  /** With what a log begins. */
  readonly settings: ReplicaRecord['settings'];
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
   * Sends the first message of an epoch.
   * @param last it counts if nothing has been stored after a message of this number; always if it is undefined
   */
  begin(command: Command & { readonly op: 'begin' | 'epoch' }, last: number | undefined): Promise<void>;
}
