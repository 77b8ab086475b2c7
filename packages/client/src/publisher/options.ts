import type { AbortSignalLike } from '../globals.ts';
import type { Clock } from '../platform/clock.ts';
import type { Network } from '../platform/network.ts';
import type { RetryOptions } from '../subscription/options.ts';
import type { Fetch, RequestHeaders } from '../transport/fetch.ts';
import type { NewEvent } from './event.ts';
import type { Outbox } from './outbox.ts';
import type { PublishError } from './publish-error.ts';

/** What the function for headers is called with. */
export interface PublishAttempt {
  /** The number of this attempt in its row, counted from 1. */
  readonly attempt: number;
  /** Whether the attempt before was answered with 401, so that its credentials are no longer valid. */
  readonly unauthorized: boolean;
}

/** What a publisher is doing, in a form that can be shown to a person. */
export interface PublisherState {
  /**
   * - `opening`: the store is being opened
   * - `idle`: there is nothing to send
   * - `sending`: a batch was sent, and its answer is awaited
   * - `waiting`: the batch was not answered, and is sent again at `retryAt`
   * - `closed`: the publisher has ended, for the reason in `error` if there is one
   */
  readonly phase: 'opening' | 'idle' | 'sending' | 'waiting' | 'closed';
  /** The number of this attempt in its row or, while waiting, of the coming one, counted from 1. */
  readonly attempt: number;
  /** When the next attempt begins, in milliseconds since 1970 (UTC). It is there while waiting only. */
  readonly retryAt?: number;
  /** While waiting and sending again, why the last attempt failed: a `ConnectionError`. When closed, what has ended the publisher. */
  readonly error?: unknown;
}

/** An event of an earlier run that was in the store, and what became of it. */
export interface KeptEvent {
  readonly topic: string;
  /** The event as it was published, with data that is its JSON value. `publish` takes it again. */
  readonly event: NewEvent;
  /** Its id, if it is stored. */
  readonly id?: string;
  /** Why it is not stored, or that it is not known whether it is. */
  readonly error?: PublishError;
}

export interface PublisherOptions {
  /**
   * The request headers, or a function that is called for them at each attempt: once more, at once, after an answer with the status 401. They have to
   * be those of one sender for as long as the publisher lives, because a hub knows a batch that is sent again only of the same sender.
   * @default {}
   */
  readonly headers?:
    | RequestHeaders
    | ((attempt: PublishAttempt) => RequestHeaders | Promise<RequestHeaders>)
    | undefined;
  /**
   * Keeps events until the hub has them, so that they survive the program: `fileOutbox(path)` or `indexedDbOutbox(name)`.
   * @default none
   */
  readonly store?: Outbox | undefined;
  /**
   * Called for each event of an earlier run that was in the store, once it is settled and the store has forgotten it. Without it, an event that was not
   * published is reported like an exception that nobody catches.
   * @default none
   */
  readonly onKept?: ((event: KeptEvent) => void) | undefined;
  /**
   * The most events in the queue, from 1.
   * @default 10000
   */
  readonly maxQueuedEvents?: number | undefined;
  /**
   * The most bytes of events in the queue, from 1. It may exceed this by one event.
   * @default 16777216
   */
  readonly maxQueuedBytes?: number | undefined;
  /**
   * What `publish` does when the queue is full: it waits for room, or rejects with `ERR_QUEUE_FULL`. Events that wait are held by the program, in any
   * number: `accepted` of a publication says when there was room.
   * @default 'wait'
   */
  readonly whenFull?: 'wait' | 'reject' | undefined;
  /**
   * The most events of one request, from 1 to 10,000, which is what a hub takes.
   * @default 1000
   */
  readonly maxBatchEvents?: number | undefined;
  /**
   * The most bytes of one request, from 1. A longer event makes a request of its own. A hub takes 16 MiB.
   * @default 1048576
   */
  readonly maxBatchBytes?: number | undefined;
  /**
   * Whether an event that is refused ends the publisher, so that nothing after it is published.
   * @default false
   */
  readonly stopAtRefusal?: boolean | undefined;
  /**
   * Ends the publisher when it aborts. What is not published is rejected with the reason of the signal, and stays in the store if there is one.
   * @default none
   */
  readonly signal?: AbortSignalLike | undefined;
  /** When and how often a batch is sent again. `initialMs` is 200 here, and `retryStatus` 408, 425, 429 and 500 to 599. */
  readonly retry?: RetryOptions | undefined;
  /**
   * How long an answer may take in milliseconds, from 1. It is as much longer as attempts have failed before, at most ten times as long.
   * @default 60000
   */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * For how long a batch that may have reached the hub is sent again in milliseconds, from 0. A hub knows it again for 24 hours; after that it could be
   * stored twice. Then its events fail with `ERR_UNCONFIRMED`.
   * @default 82800000
   */
  readonly maxUnconfirmedMs?: number | undefined;
  /**
   * Makes the requests.
   * @default the platform's fetch; on Node a transport of our own
   */
  readonly fetch?: Fetch | undefined;
  /**
   * Whether a request to another origin carries cookies, in browsers.
   * @default false
   */
  readonly withCredentials?: boolean | undefined;
  /**
   * Called after each change of the state. An exception that it throws is reported like one of an event listener.
   * @default none
   */
  readonly onState?: ((state: PublisherState) => void) | undefined;
  /**
   * Time and chance, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined;
  /**
   * Whether there is a network, for tests.
   * @default what the browser reports; other runtimes always count as online
   */
  readonly network?: Network | undefined;
}

export interface LeaseOptions {
  /**
   * How long the lease lasts after each renewal: from `'1s'` to `'24h'`, a number with a unit (`ms`, `s`, `m`, `h` or `d`). So long after its holder is gone
   * the hub closes the topic.
   * @default '30s'
   */
  readonly ttl?: string | undefined;
  /**
   * The token of a lease of an earlier run, which is taken up and renewed for `ttl`. If it is over, the hub refuses it (`lease-lost`).
   * @default none, so that the topic is leased anew
   */
  readonly token?: string | undefined;
}
