import type { EventMessage } from '@tidings/wire';
import { type ConnectionError, InvalidOptionError } from './client-error.ts';
import { Connection, type RequestParts } from './connection.ts';
import type { ConnectionState } from './connection-state.ts';
import { EventQueue } from './event-queue.ts';
import { type GapMessage, readGap } from './gap.ts';
import { reportException } from './report-exception.ts';
import {
  type PerTry,
  readOptions,
  type SubscribeOptions,
  type SubscriptionSettings,
  type SubscriptionState,
} from './subscription-options.ts';
import { hasListenableScheme, parseTargetUrl } from './target-url.ts';

/**
 * The events of a stream, for one consumer: iterators share what arrives. Events come in the order of the stream, over
 * any number of reconnects. While the consumer is busy, a bounded number of events waits and the rest stays with the
 * server. Leaving the loop closes the subscription.
 */
export interface EventSubscription extends AsyncIterable<EventMessage | GapMessage>, AsyncDisposable {
  [Symbol.asyncIterator](): AsyncIterator<EventMessage | GapMessage, undefined>;
  readonly state: SubscriptionState;
  /**
   * The last event ID behind everything that the consumer has taken, heartbeats included: what to keep for going on
   * after a restart.
   */
  readonly lastEventId: string;
  /** Ends it for good: the connection is dropped, what is queued is forgotten, the iteration is done. */
  close(): void;
}

/**
 * Listens to an event stream. Connects at once and again whenever the connection is lost, behind the last event ID.
 * The iteration throws a `ConnectionError` when there is nothing more to try, and is done when the server says stop
 * (status 204).
 * @throws InvalidOptionError
 */
export function subscribe(url: string | URL, options: SubscribeOptions = {}): EventSubscription {
  let target: URL;
  try {
    target = parseTargetUrl(String(url));
  } catch (cause) {
    throw new InvalidOptionError(`url has to be a URL, found ${JSON.stringify(String(url))}`, { cause });
  }
  if (!hasListenableScheme(target)) {
    throw new InvalidOptionError(`url has to be http: or https:, found ${target.protocol}`);
  }
  return new Subscription(target, readOptions(options));
}

class Subscription implements EventSubscription {
  readonly #settings: SubscriptionSettings;
  readonly #queue: EventQueue;
  readonly #connection: Connection;
  #state: SubscriptionState = { phase: 'connecting', attempt: 1 };
  #takenId: string;
  readonly #abort = (): void => this.#stop((queue) => queue.fail(this.#settings.signal?.reason));

  constructor(url: URL, settings: SubscriptionSettings) {
    const { fetch, clock, policy, withCredentials, lastEventId, signal, maxEventBytes } = settings;
    this.#settings = settings;
    this.#queue = new EventQueue(settings.limits);
    this.#takenId = lastEventId;
    // Before the connection's own first microtask, so that nothing is asked for.
    if (signal?.aborted === true) queueMicrotask(this.#abort);
    else signal?.addEventListener('abort', this.#abort, { once: true });
    this.#connection = new Connection({
      url,
      fetch,
      clock,
      policy,
      withCredentials,
      keepRedirects: 'permanent',
      lastEventId,
      maxEventBytes,
      prepare: () => this.#prepare(),
      onState: (state, error) => this.#follow(state, error),
      onEvent: (message) => {
        if (message.type !== 'tidings-heartbeat') this.#queue.push(readGap(message));
      },
      room: () => this.#queue.room(),
    });
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get lastEventId(): string {
    return this.#queue.size === 0 ? this.#connection.lastEventId : this.#takenId;
  }

  close(): void {
    this.#stop((queue) => queue.end());
  }

  [Symbol.asyncIterator](): AsyncIterator<EventMessage | GapMessage, undefined> {
    return {
      next: async () => {
        const result = await this.#queue.take();
        if (result.done !== true) this.#takenId = result.value.lastEventId;
        return result;
      },
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #stop(endQueue: (queue: EventQueue) => void): void {
    this.#takenId = this.lastEventId;
    this.#queue.clear();
    endQueue(this.#queue);
    this.#connection.close();
  }

  async #prepare(): Promise<RequestParts> {
    const { method, headers, body } = this.#settings;
    const sent = await valueOf(body);
    const list = new Headers(await valueOf(headers));
    if (typeof sent === 'string' && !list.has('content-type')) list.set('content-type', 'text/plain;charset=UTF-8');
    return { method, headers: list, ...(sent === undefined ? {} : { body: sent }) };
  }

  #follow(state: ConnectionState, error: ConnectionError | undefined): void {
    const { clock, onState, signal } = this.#settings;
    const { phase } = state;
    const endedWell = state.phase === 'closed' && state.reason !== 'failed';
    const attempt = state.phase === 'closed' ? this.#state.attempt : state.attempt;
    this.#state = {
      phase,
      attempt,
      ...(state.phase === 'waiting' ? { retryAt: clock.time() + state.retryAt - clock.now() } : {}),
      ...(error === undefined || endedWell ? {} : { error }),
    };
    if (state.phase === 'closed') {
      signal?.removeEventListener('abort', this.#abort);
      if (state.reason === 'failed') this.#queue.fail(error);
      else this.#queue.end();
    }
    try {
      onState?.(this.#state);
    } catch (exception) {
      reportException(exception);
    }
  }
}

function valueOf<T>(value: PerTry<T>): T | Promise<T> {
  return typeof value === 'function' ? (value as () => T | Promise<T>)() : value;
}
