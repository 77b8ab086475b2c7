import { defaultFetch } from '#transport';
import { fullJitter, type Backoff } from '../connection/connection-state.ts';
import { bareUrl, basicAuthorization } from '../connection/request.ts';
import type { PublishError } from '../errors.ts';
import type { AbortSignalLike, UrlLike } from '../globals.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Network, systemNetwork } from '../platform/network.ts';
import { check, isFunction, readHeaders, readUrl, refuse } from '../subscription/option-checks.ts';
import type { RetryOptions } from '../subscription/options.ts';
import type { Fetch, RequestHeaders } from '../transport/fetch.ts';
import type { Outbox } from './outbox.ts';

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
  /** The event as it was sent: a line of JSON. */
  readonly event: string;
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
   * Called for each event of an earlier run that was in the store, once it is settled. Without it, an event that was not published is reported like an
   * exception that nobody catches.
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

/** The options of a publisher, checked and with their defaults. */
export interface PublisherSettings {
  /** Where batches go, without credentials. */
  readonly url: string;
  readonly authorization: Record<string, string>;
  readonly headers: NonNullable<PublisherOptions['headers']>;
  readonly store: Outbox | undefined;
  readonly onKept: PublisherOptions['onKept'];
  readonly maxQueuedEvents: number;
  readonly maxQueuedBytes: number;
  readonly whenFull: 'wait' | 'reject';
  readonly maxBatchEvents: number;
  readonly maxBatchBytes: number;
  readonly stopAtRefusal: boolean;
  readonly signal: AbortSignalLike | undefined;
  readonly backoff: Backoff;
  readonly maxRetryAfterMs: number;
  readonly retryStatus: (status: number) => boolean;
  readonly requestTimeoutMs: number;
  readonly maxUnconfirmedMs: number;
  readonly fetch: Fetch;
  readonly withCredentials: boolean;
  readonly onState: PublisherOptions['onState'];
  readonly clock: Clock;
  readonly network: Network;
}

/** How a kind of option is checked: what it has to be, and whether it is. */
type Kind = readonly [allowed: string, isAllowed: (value: never) => boolean];

const number = (from: number, to = Infinity): Kind => [
  to < Infinity ? `a number from ${from} to ${to}` : `a number from ${from}`,
  (value: unknown) => typeof value === 'number' && value >= from && value <= to,
];
const FUNCTION: Kind = ['a function', isFunction];
const ANYTHING: Kind = ['', () => true];

const KINDS: Record<keyof PublisherOptions | `retry.${keyof RetryOptions}`, Kind> = {
  headers: ANYTHING,
  store: [
    'an object with open(), write() and close()',
    (store: Partial<Outbox>) => isFunction(store.open) && isFunction(store.write) && isFunction(store.close),
  ],
  onKept: FUNCTION,
  maxQueuedEvents: number(1),
  maxQueuedBytes: number(1),
  whenFull: ["'wait' or 'reject'", (value: string) => value === 'wait' || value === 'reject'],
  maxBatchEvents: number(1, 10_000),
  maxBatchBytes: number(1),
  stopAtRefusal: ANYTHING,
  signal: ANYTHING,
  retry: ANYTHING,
  'retry.initialMs': number(1),
  'retry.maxMs': number(1),
  'retry.maxRetryAfterMs': number(0),
  'retry.maxAttempts': number(1),
  'retry.retryStatus': FUNCTION,
  requestTimeoutMs: number(1),
  maxUnconfirmedMs: number(0),
  fetch: FUNCTION,
  withCredentials: ANYTHING,
  onState: FUNCTION,
  clock: ANYTHING,
  network: ANYTHING,
};

/** @throws InvalidOptionError */
export function readPublisherOptions(hubUrl: string | UrlLike, options: PublisherOptions): PublisherSettings {
  checkEach(options, '');
  checkEach(options.retry ?? {}, 'retry.');
  const { headers = {}, retry = {} } = options;
  const hub = readUrl(hubUrl);
  check(/^https?:$/.test(hub.protocol), 'hubUrl', 'http: or https:', hubUrl);
  check(!hub.search, 'hubUrl', 'without a query', hubUrl);
  // A hub would take a batch that is posted below for one event to the topic of that name.
  check(!/\/topics(?:\/|$)/.test(hub.pathname), 'hubUrl', 'the URL of the hub, above topics', hubUrl);
  if (!isFunction(headers)) readRequestHeaders(headers);
  const { initialMs = 200, maxMs = 30_000, maxAttempts = Infinity } = retry;
  return {
    url: `${bareUrl(hub).replace(/\/?$/, '/')}topics`,
    authorization: basicAuthorization(hub),
    headers,
    store: options.store,
    onKept: options.onKept,
    maxQueuedEvents: options.maxQueuedEvents ?? 10_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 16_777_216,
    whenFull: options.whenFull ?? 'wait',
    maxBatchEvents: options.maxBatchEvents ?? 1_000,
    maxBatchBytes: options.maxBatchBytes ?? 1_048_576,
    stopAtRefusal: options.stopAtRefusal ?? false,
    signal: options.signal,
    backoff: fullJitter(initialMs, maxMs, maxAttempts),
    maxRetryAfterMs: retry.maxRetryAfterMs ?? 600_000,
    retryStatus: retry.retryStatus ?? isPassing,
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    maxUnconfirmedMs: options.maxUnconfirmedMs ?? 82_800_000,
    fetch: options.fetch ?? defaultFetch,
    withCredentials: options.withCredentials ?? false,
    onState: options.onState,
    clock: options.clock ?? systemClock,
    network: options.network ?? systemNetwork,
  };
}

/** @throws InvalidOptionError */
export function readRequestHeaders(headers: RequestHeaders): Record<string, string> {
  const read = isRecord(headers) ? readRecord(headers) : Object.fromEntries(readHeaders(headers));
  for (const name of OWN_HEADERS) {
    check(read[name] === undefined, 'headers', `without ${name}, which the publisher sets`, read[name]);
  }
  return read;
}

const OWN_HEADERS = ['accept', 'content-type', 'idempotency-key'];

function isRecord(headers: RequestHeaders): headers is Readonly<Record<string, string>> {
  const prototype: unknown = Object.getPrototypeOf(headers);
  return (prototype === Object.prototype || prototype === null) && !(Symbol.iterator in headers);
}

/** Reads headers as `Headers` does, whose first use makes Node load all of its fetch: 100 ms and 16 MB. */
function readRecord(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const read: Record<string, string> = {};
  for (const [name, given] of Object.entries(headers)) {
    const value = String(given).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
    const isValid = /^[\w!#-'*+.^`|~-]+$/.test(name) && !/[\0\n\r\u{100}-\u{10FFFF}]/u.test(value);
    check(isValid, 'headers', 'valid HTTP headers', `${name}: ${value}`);
    const key = name.toLowerCase();
    read[key] = read[key] === undefined ? value : `${read[key]}, ${value}`;
  }
  return read;
}

/** What may be over soon. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599);
}

function checkEach(options: object, prefix: string): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    const path = `${prefix}${name}`;
    const kind = Object.hasOwn(KINDS, path) ? KINDS[path as keyof typeof KINDS] : undefined;
    if (!kind) refuse(`there is no option ${path}, only ${Object.keys(KINDS).join(', ')}`);
    const [allowed, isAllowed] = kind;
    check(isAllowed(value as never), path, allowed, value);
  }
}
