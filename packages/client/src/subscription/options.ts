import type { EventMessage } from '@tidings/wire';
import type { ConnectionError } from '../client-error.ts';
import type { Clock } from '../platform/clock.ts';
import type { EventSchemas } from './event-item.ts';
import type { Fetch } from '../transport/fetch.ts';
import type { Network } from '../platform/network.ts';
import type { PositionStore } from '../position/position-store.ts';
import type { RequestBody } from '../connection/request-body.ts';

/** What a function for a part of the request is told. */
export interface Attempt {
  /** The number of this try in its row, from 1. */
  readonly attempt: number;
  /** Whether the try before was answered 401: what it carried is not good any more. */
  readonly unauthorized: boolean;
  /** The last event ID that this try goes on behind, `''` where there is none. */
  readonly lastEventId: string;
}

/** A value, or a function that is called for it at each try. Where it throws, the try counts as failed. */
export type PerTry<T> = T | ((attempt: Attempt) => T | Promise<T>);

export interface RetryOptions {
  /**
   * The longest wait before the first reconnect in milliseconds, from 1. It doubles with each failure in a row, and
   * how much of it is waited is left to chance. Once the server names a time with `retry`, no wait is shorter than that.
   * @default 1000
   */
  initialMs?: number;
  /**
   * The longest wait in milliseconds, from 1, that a row of failures leads to. A longer `retry` of the server is
   * kept to all the same.
   * @default 30000
   */
  maxMs?: number;
  /**
   * The longest `Retry-After` in milliseconds, from 0, that is kept to. Guards against an answer that would put the
   * subscription to sleep for good.
   * @default 600000
   */
  maxRetryAfterMs?: number;
  /**
   * How many tries in a row may fail, from 1, before the subscription gives up. A connection that stayed up begins a
   * new row, and its loss is the first failure of it: 1 never reconnects. Given by name, it also says that a POST or PATCH
   * may be sent again.
   * @default Infinity; for a method that may do something twice when it is sent twice (POST, PATCH), 1
   */
  maxAttempts?: number;
  /**
   * Whether a response with this status is worth another try. Not asked for 200, nor for 204, which ends the iteration,
   * nor for the first 401 in a row where `url`, `headers` or `body` is a function: those are called once more at once.
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

export interface SubscribeOptions<Schemas extends EventSchemas | undefined = undefined, Json extends boolean = false> {
  /** @default 'GET' */
  method?: PerTry<string>;
  /**
   * Request headers. `Last-Event-ID` is the subscription's own.
   * @default { accept: 'text/event-stream' }
   */
  headers?: PerTry<HeadersInit>;
  /**
   * Request body, sent again at each try, with the content type that fetch would give it unless `headers` has one.
   * @default none
   */
  body?: PerTry<RequestBody | undefined>;
  /**
   * Ends the subscription when it aborts; the iteration then throws the signal's reason.
   * @default none
   */
  signal?: AbortSignal;
  /**
   * The last event ID to begin behind: at most 8,000 bytes as UTF-8, none of them a control character but tab.
   * @default ''
   */
  lastEventId?: string;
  /**
   * Where the last event ID is kept over restarts. What it holds goes before `lastEventId`. It is given the ID behind
   * the events whose handling is over, which is when the next one is asked for.
   * @default none
   */
  store?: PositionStore;
  /**
   * The least time between two writes to the store in milliseconds, from 0.
   * @default 250
   */
  storeIntervalMs?: number;
  /**
   * How many ids of events are remembered, from 0, to leave out an event that brings one of them again. An event
   * without an id of its own is never left out. Only for servers that give no two events the same id.
   * @default 0
   */
  dedupe?: number;
  /**
   * A schema for each event type that is wanted; other types are left out, as they are by an EventSource without a
   * listener for them. Event items then are typed by their `type`.
   * @default none
   */
  schemas?: Schemas;
  /**
   * Whether the data of events is JSON. With schemas, they get the parsed value; otherwise the text.
   * @default true with `schemas`, else false
   */
  json?: Json;
  /**
   * Ends the iteration well at the first event for which it answers true. That event is not given out.
   * @default none
   */
  until?: (event: EventMessage) => boolean;
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
   * Whether the tabs of this origin, and its workers, share one connection where their browser lets them. Those share
   * which give the same URL, `withCredentials` and name, where the name is the string given here: they have to be entitled to the same
   * events, so on a page for several users give a name for each. With the function for a URL a name is needed. GET only.
   * @default false
   */
  shared?: boolean | string;
  /**
   * How long the head of a response may take in milliseconds, from 1.
   * @default 60000
   */
  connectTimeoutMs?: number;
  /**
   * How long the first byte of the body may take after the head in milliseconds, from 1. For servers
   * that send one at once, as Tidings does.
   * @default Infinity
   */
  firstByteTimeoutMs?: number;
  /**
   * How long an open stream may be silent in milliseconds, from 1, before it counts as lost. Any byte ends the
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
  /**
   * Whether there is a network, for tests.
   * @default what the browser tells; elsewhere there always is
   */
  network?: Network;
}
