import type { EventMessage } from '@tidings/wire';
import type { ConnectionError } from '../errors.ts';

/** Where a subscription gets its events: from a connection of its own, or from one that tabs share. */
export interface Feed {
  /** The last event ID after everything that was given to `onEvent`. */
  readonly lastEventId: string;
  /** Begins an attempt now, which gives up the wait or the open connection. */
  reconnect(): void;
  /** Ends the feed for good. The closed phase is reported before this returns, and nothing after it. */
  close(): void;
}

export interface FeedHandlers {
  /**
   * Called for each event. Must not throw.
   * @param hasOwnId - whether the event itself set its last event ID
   */
  onEvent(message: EventMessage, hasOwnId: boolean): void;
  /** Called after each change of the state. Must not throw. */
  onState(state: SubscriptionState): void;
  /** Called before each read. Reading goes on when the promise that it returns is settled, or at once if it returns none. */
  room(): Promise<void> | undefined;
}

/** What a subscription is doing, in a form that can be shown to a person. */
export interface SubscriptionState {
  readonly phase: 'connecting' | 'open' | 'waiting' | 'closed';
  /** The number of this attempt in its row or, while waiting, of the coming one, counted from 1. */
  readonly attempt: number;
  /** When the next attempt begins, in milliseconds since 1970 (UTC). It is there while waiting only. */
  readonly retryAt?: number;
  /** While waiting, the reason for it. When closed, the error of the subscription; it is absent if the subscription ended well. */
  readonly error?: ConnectionError;
}
