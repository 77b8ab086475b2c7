import { ConnectionError, subscribe } from '@tidings/client';
import type { EventMessage, EventSubscription, SubscribeOptions, SubscriptionState } from '@tidings/client';
import { decodeEventStream } from '@tidings/wire';
import { withQuery } from './address.ts';
import type { ConnectionInput } from './connection.ts';
import { hubClockOffset } from './hub-clock.ts';
import { authorization, keyGroup } from './hub-key.ts';
import { readObject } from './read-object.ts';

export interface LiveStreamHandlers {
  onEvent(event: EventMessage): void;
  /** `offset` is how far the hub's clock is ahead of this one, in milliseconds. */
  onConnection(input: ConnectionInput, offset: number): void;
}

/** What the tabs that show the same stream share. */
export interface LiveStreamSource {
  readonly url: string;
  /** The event ID to begin after. @default only new events are received */
  readonly lastEventId?: string;
  /** A stream whose first event has the ID to begin after. It takes the place of `lastEventId`. */
  readonly positionUrl?: string;
  /** Makes the requests. @default fetch */
  readonly fetch?: (url: string | URL, init: RequestInit) => Promise<Response>;
}

/** The longest wait between two attempts, in milliseconds: a person is watching. */
const MAX_WAIT_MS = 10_000;

/** How long a stream may be silent before it counts as lost, in milliseconds: four keep-alives of the hub (PROTOCOL §5.5). */
const MAX_SILENCE_MS = 60_000;

/** How long the hub has to say whether a stream has an end, in milliseconds. */
const ANSWER_MS = 5000;

/**
 * A stream that the tabs of a browser share, if the browser allows it. It can try again at once. After `close` no handler is called.
 */
export class LiveStream {
  readonly #source: LiveStreamSource;
  readonly #handlers: LiveStreamHandlers;
  #subscription: EventSubscription | undefined;
  /** Counts subscriptions: the state of one that is over is of no interest. */
  #turn = 0;
  #isClosed = false;
  #offset = 0;
  /** Whether it is known where to begin. */
  #hasBegun = false;

  constructor(source: LiveStreamSource, handlers: LiveStreamHandlers) {
    this.#source = source;
    this.#handlers = handlers;
    this.#begin();
  }

  /** Ends the wait for the next attempt and goes on now, after the last event that was received. */
  retryNow(): void {
    if (this.#subscription?.state.phase !== 'closed') this.#subscription?.reconnect();
    else this.resume();
  }

  /** Gives the connection up until {@link resume}. */
  pause(): void {
    this.#turn += 1;
    this.#subscription?.close();
  }

  /** Goes on after the last event that was received. */
  resume(): void {
    if (this.#isClosed) return;
    this.#turn += 1;
    this.#handlers.onConnection({ kind: 'connecting' }, this.#offset);
    if (this.#hasBegun) this.#listen(this.#subscription?.lastEventId ?? '');
    else this.#begin();
  }

  /** Asks the hub whether nothing comes after the last event that was received (PROTOCOL §12.9). Without an answer it is not known to. */
  async isAtEnd(): Promise<boolean> {
    // The events that have arrived are handed over first.
    await new Promise((resolve) => setTimeout(resolve));
    const position = encodeURIComponent(this.#subscription?.lastEventId ?? '');
    try {
      const { status } = await fetch(withQuery(this.#source.url, `lastEventId=${position}`), {
        method: 'HEAD',
        headers: authorization(),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return status === 204;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.pause();
  }

  #begin(): void {
    const { positionUrl, lastEventId = '' } = this.#source;
    if (positionUrl === undefined) this.#listen(lastEventId);
    else void this.#findPosition(positionUrl);
  }

  /**
   * Finds out where to begin. A stream that tabs share has one beginning for all of them, and each tab has its own.
   * The connection is given up as soon as its first event has come.
   */
  async #findPosition(url: string): Promise<void> {
    const turn = this.#turn;
    let position = '';
    const fetchFirst = async (at: string | URL, init: RequestInit): Promise<Response> => {
      const response = await fetch(at, init);
      if (response.status !== 200 || response.body === null) return response;
      for await (const { lastEventId } of decodeEventStream(response.body)) {
        position = lastEventId;
        break;
      }
      // A subscription ends well at this status.
      return new Response(null, { status: 204 });
    };
    this.#subscription = this.#subscribe(url, { fetch: fetchFirst });
    await this.#receive(this.#subscription);
    const { phase, error } = this.#subscription.state;
    if (this.#turn === turn && phase === 'closed' && error === undefined) this.#listen(position);
  }

  #listen(lastEventId: string): void {
    this.#hasBegun = true;
    this.#subscription = this.#subscribe(this.#source.url, {
      lastEventId,
      shared: `tidings page ${keyGroup()}`,
      // A stream may wait for its turn among those of other tabs.
      connectTimeoutMs: Infinity,
      fetch: async (url, init) => {
        const response = await (this.#source.fetch ?? fetch)(url, init);
        this.#offset = hubClockOffset(response.headers.get('date'), Date.now());
        return response;
      },
    });
    void this.#receive(this.#subscription);
  }

  #subscribe(url: string, options: SubscribeOptions): EventSubscription {
    const turn = this.#turn;
    return subscribe(url, {
      headers: authorization,
      retry: { maxMs: MAX_WAIT_MS },
      idleTimeoutMs: MAX_SILENCE_MS,
      ...options,
      onState: (state) => {
        const isFound = state.phase === 'closed' && !state.error && !this.#hasBegun;
        if (this.#turn === turn && !isFound) this.#handlers.onConnection(readState(state), this.#offset);
      },
    });
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
      return { kind: 'waiting', retryAt: state.retryAt, status, ended: state.error?.code === 'ERR_STREAM_ENDED' };
    case 'closed':
      return { kind: 'closed', status, reason: reasonOf(state.error) };
  }
}

/** What the hub says of its refusal (PROTOCOL §10), else what the client does. */
function reasonOf(error: SubscriptionState['error']): string | undefined {
  const { detail } = readObject(error?.body ?? '');
  return typeof detail === 'string' && detail !== '' ? detail : error?.message;
}
