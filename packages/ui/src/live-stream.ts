import { ConnectionError, subscribe } from '@tidings/client';
import type { EventMessage, EventSubscription, SubscriptionState } from '@tidings/client';
import type { ConnectionInput } from './connection.ts';
import { hubClockOffset } from './hub-clock.ts';
import { authorization } from './hub-key.ts';

export interface LiveStreamHandlers {
  onEvent(event: EventMessage): void;
  /** `offset` is how far the hub's clock is ahead of this one, in milliseconds. */
  onConnection(input: ConnectionInput, offset: number): void;
}

/** The longest wait between two attempts, in milliseconds: a person is watching. */
const MAX_WAIT_MS = 10_000;

/** How long a stream may be silent before it counts as lost, in milliseconds: four keep-alives of the hub (PROTOCOL §5.5). */
const MAX_SILENCE_MS = 60_000;

/** A subscription that can try again at once. After `close` no handler is called. */
export class LiveStream {
  readonly #url: string;
  readonly #handlers: LiveStreamHandlers;
  #subscription: EventSubscription | undefined;
  /** Counts subscriptions: the state of one that is over is of no interest. */
  #turn = 0;
  #isClosed = false;
  #offset = 0;

  constructor(url: string, handlers: LiveStreamHandlers) {
    this.#url = url;
    this.#handlers = handlers;
    this.#listen('');
  }

  /** Ends the wait for the next attempt and goes on now, after the last event that was received. */
  retryNow(): void {
    const lastEventId = this.#subscription?.lastEventId ?? '';
    this.#turn += 1;
    this.#subscription?.close();
    this.#handlers.onConnection({ kind: 'connecting' }, this.#offset);
    this.#listen(lastEventId);
  }

  close(): void {
    this.#isClosed = true;
    this.#turn += 1;
    this.#subscription?.close();
  }

  #listen(lastEventId: string): void {
    const turn = this.#turn;
    this.#subscription = subscribe(this.#url, {
      headers: authorization,
      lastEventId,
      retry: { maxMs: MAX_WAIT_MS },
      idleTimeoutMs: MAX_SILENCE_MS,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        this.#offset = hubClockOffset(response.headers.get('date'), Date.now());
        return response;
      },
      onState: (state) => {
        if (this.#turn === turn) this.#handlers.onConnection(readState(state), this.#offset);
      },
    });
    void this.#receive(this.#subscription);
  }

  /**
   * Never rejects for a connection's sake: what ended a subscription was told by its state. The last event that a
   * subscription handed over counts, even if another one has taken its place meanwhile: that one goes on after it.
   */
  async #receive(subscription: EventSubscription): Promise<void> {
    try {
      for await (const event of subscription) {
        if (this.#isClosed) return;
        this.#handlers.onEvent(event);
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }
}

function readState(state: SubscriptionState): ConnectionInput {
  const status = state.error?.status;
  switch (state.phase) {
    case 'connecting':
      return { kind: 'connecting' };
    case 'open':
      return { kind: 'open', now: Date.now() };
    case 'waiting':
      return { kind: 'waiting', retryAt: state.retryAt, status };
    case 'closed':
      return { kind: 'closed', status, reason: state.error?.message };
  }
}
