import type { EventMessage } from '@tidings/wire';
import type { SubscriptionState } from './options.ts';

/** What a subscription reads from: a connection of its own, or one that it shares. */
export interface Feed {
  /** The last event ID behind everything that was given to `onEvent`. */
  readonly lastEventId: string;
  /** Begins a try now: gives up the wait, or the open connection. */
  reconnect(): void;
  /** Ends it for good. Nothing is told later but the closed phase, before this returns. */
  close(): void;
}

export interface FeedHandlers {
  /** `hasOwnId` tells whether the event brought its last event ID itself. Must not throw. */
  onEvent(message: EventMessage, hasOwnId: boolean): void;
  /** Told after each change. `closed` with an error where it failed, without one where it ended well. Must not throw. */
  onState(state: SubscriptionState): void;
  /** Reading goes on when what it returns has settled, or at once where it returns nothing. */
  room(): Promise<void> | undefined;
}
