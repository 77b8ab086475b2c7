import { type ConnectionError, InvalidOptionError } from './client-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { type ConnectionPolicy, MAX_TIMER_MS } from './connection-state.ts';
import type { EventQueueLimits } from './event-queue.ts';
import type { Fetch } from './fetch.ts';
import { encodeLastEventId } from './request-headers.ts';
import { defaultFetch } from '#transport';

/** A value, or a function that is called for it at each try. Where it throws, the try counts as failed. */
export type PerTry<T> = T | (() => T | Promise<T>);

export interface RetryOptions {
  /**
   * The wait before the first reconnect in milliseconds, 1 to 2^31 - 1, until the server names another with `retry`.
   * @default 1000
   */
  initialMs?: number;
  /**
   * The longest wait in milliseconds, 1 to 2^31 - 1, that a row of failures leads to. A longer `retry` of the server is
   * kept to all the same.
   * @default 30000
   */
  maxMs?: number;
  /**
   * How many tries in a row may fail, from 1, before the subscription gives up. A connection that stayed up begins a
   * new row, and its loss is the first failure of it: 1 never reconnects.
   * @default Infinity
   */
  maxAttempts?: number;
  /**
   * Whether a response with this status is worth another try. Not asked for 200, nor for 204, which ends the iteration.
   * @default 429 and 500 to 599
   */
  retryStatus?: (status: number) => boolean;
}

/** Where a subscription is, for a person to see. */
export interface SubscriptionState {
  readonly phase: 'connecting' | 'open' | 'waiting' | 'closed';
  /** The number of this try in its row, or while waiting of the coming one, from 1. */
  readonly attempt: number;
  /** While waiting: when the next try begins, in milliseconds since 1970 (UTC). */
  readonly retryAt?: number;
  /** While waiting: why. When closed: what it failed with, absent where it ended well. */
  readonly error?: ConnectionError;
}

export interface SubscribeOptions {
  /** @default 'GET' */
  method?: string;
  /**
   * Request headers. `Last-Event-ID` is the subscription's own.
   * @default { accept: 'text/event-stream' }
   */
  headers?: PerTry<HeadersInit>;
  /**
   * Request body, sent again at each try.
   * @default none
   */
  body?: PerTry<string | Uint8Array<ArrayBuffer> | undefined>;
  /**
   * Ends the subscription when it aborts; the iteration then throws the signal's reason.
   * @default none
   */
  signal?: AbortSignal;
  /**
   * The last event ID to begin behind.
   * @default ''
   */
  lastEventId?: string;
  /**
   * Makes the requests.
   * @default the platform's fetch; on Node a transport of our own, because fetch there cuts a stream that is silent for 300 s
   */
  fetch?: Fetch;
  /**
   * Whether a request to another origin carries cookies, in browsers.
   * @default false
   */
  withCredentials?: boolean;
  retry?: RetryOptions;
  /**
   * How long the head of a response may take in milliseconds, 1 to 2^31 - 1, or Infinity.
   * @default 60000
   */
  connectTimeoutMs?: number;
  /**
   * How long an open stream may be silent in milliseconds, 1 to 2^31 - 1, before it counts as lost. Any byte ends the
   * silence, comments included. Twice the server's keep-alive interval is a good value.
   * @default Infinity
   */
  idleTimeoutMs?: number;
  /**
   * The most events held for a consumer that is slower than the stream, from 1; then reading stops until it takes one.
   * What arrived in one piece is held whole, so it may be one chunk more.
   * @default 1000
   */
  maxQueuedEvents?: number;
  /**
   * The same bound in bytes, two for each UTF-16 code unit.
   * @default 1048576
   */
  maxQueuedBytes?: number;
  /**
   * The most bytes of one event. A longer one ends the subscription with ERR_EVENT_TOO_LARGE.
   * @default the decoder's own
   */
  maxEventBytes?: number;
  /** Called after each change of the state. What it throws is reported like an exception of an event listener. */
  onState?: (state: SubscriptionState) => void;
  /**
   * Time and chance, for tests.
   * @default the system's
   */
  clock?: Clock;
}

/** The options with every default filled in. */
export interface SubscriptionSettings {
  readonly method: string;
  readonly headers: PerTry<HeadersInit>;
  readonly body: PerTry<string | Uint8Array<ArrayBuffer> | undefined>;
  readonly signal: AbortSignal | undefined;
  readonly lastEventId: string;
  readonly fetch: Fetch;
  readonly withCredentials: boolean;
  readonly policy: ConnectionPolicy;
  readonly limits: EventQueueLimits;
  readonly maxEventBytes: number | undefined;
  readonly onState: ((state: SubscriptionState) => void) | undefined;
  readonly clock: Clock;
}

/** @throws InvalidOptionError */
export function readOptions(options: SubscribeOptions): SubscriptionSettings {
  const { headers = {}, body, lastEventId = '', fetch = defaultFetch, retry = {} } = options;
  const method = (options.method ?? 'GET').toUpperCase();
  if (typeof fetch !== 'function') throw new InvalidOptionError(`fetch has to be a function, found ${typeof fetch}`);
  if (encodeLastEventId(lastEventId) === undefined) {
    const found = JSON.stringify(lastEventId);
    throw new InvalidOptionError(`lastEventId goes into a header, which holds no control characters; found ${found}`);
  }
  if (!/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(method)) {
    throw new InvalidOptionError(`method has to be an HTTP method, found ${JSON.stringify(method)}`);
  }
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new InvalidOptionError(`body needs a method that sends one, found ${method}`);
  }
  return {
    method,
    headers: typeof headers === 'function' ? headers : readHeaders(headers),
    body,
    signal: options.signal,
    lastEventId,
    fetch,
    withCredentials: options.withCredentials ?? false,
    policy: {
      reconnectionMs: checkNumber('retry.initialMs', retry.initialMs ?? 1_000, MAX_TIMER_MS),
      maxBackoffMs: checkNumber('retry.maxMs', retry.maxMs ?? 30_000, MAX_TIMER_MS),
      maxAttempts: checkNumber('retry.maxAttempts', retry.maxAttempts ?? Infinity),
      connectTimeoutMs: checkDuration('connectTimeoutMs', options.connectTimeoutMs ?? 60_000),
      idleTimeoutMs: checkDuration('idleTimeoutMs', options.idleTimeoutMs ?? Infinity),
      retryStatus: retry.retryStatus ?? ((status) => status === 429 || (status >= 500 && status <= 599)),
    },
    limits: {
      maxEvents: checkNumber('maxQueuedEvents', options.maxQueuedEvents ?? 1_000),
      maxBytes: checkNumber('maxQueuedBytes', options.maxQueuedBytes ?? 1_048_576),
    },
    maxEventBytes:
      options.maxEventBytes === undefined ? undefined : checkInteger('maxEventBytes', options.maxEventBytes),
    onState: options.onState,
    clock: options.clock ?? systemClock,
  };
}

function readHeaders(headers: HeadersInit): Headers {
  try {
    return new Headers(headers);
  } catch (cause) {
    throw new InvalidOptionError('headers has a name or value that HTTP does not allow', { cause });
  }
}

function checkNumber(name: string, value: number, max = Infinity): number {
  if (typeof value === 'number' && value >= 1 && value <= max) return value;
  throw new InvalidOptionError(`${name} has to be a number from 1 to ${max}, found ${String(value)}`);
}

function checkInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidOptionError(`${name} has to be an integer of at least 1, found ${String(value)}`);
}

function checkDuration(name: string, value: number): number {
  if (value === Infinity) return value;
  return checkNumber(name, value, MAX_TIMER_MS);
}
