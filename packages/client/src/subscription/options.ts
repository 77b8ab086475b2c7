import type { EventMessage } from '@tidings/wire';
import type { SubscriptionState } from '../connection/feed.ts';
import type { Clock } from '../platform/clock.ts';
import type { AbortSignalLike } from '../globals.ts';
import type { Network } from '../platform/network.ts';
import type { PositionStore } from '../position/position-store.ts';
import type { Fetch, RequestBody, RequestHeaders } from '../transport/fetch.ts';
import type { EventSchemas } from './event-item.ts';

/** What a function for a part of the request is called with. */
export interface Attempt {
  /** The number of this attempt in its row, counted from 1. */
  readonly attempt: number;
  /** Whether the attempt before was answered with 401, so that its credentials are no longer valid. */
  readonly unauthorized: boolean;
  /** The last event ID after which this attempt goes on, `''` if there is none. */
  readonly lastEventId: string;
}

/** A value, or a function that is called for it at each attempt. Where the function throws, the attempt counts as failed. */
export type PerAttempt<T> = T | ((attempt: Attempt) => T | Promise<T>);

export interface RetryOptions {
  /**
   * The longest wait before the first reconnect in milliseconds, from 1 to `maxMs`. It doubles with each wait in a row, until a connection stays up, and the actual wait
   * is a random part of it. Once the server has set a reconnection time with `retry:`, no wait is shorter than that.
   * @default 1000
   */
  initialMs?: number | undefined;
  /**
   * The longest wait that a row of waits leads to in milliseconds, from `initialMs`. A longer reconnection time of the server is
   * kept all the same.
   * @default 30000
   */
  maxMs?: number | undefined;
  /**
   * The longest wait that a `Retry-After` header leads to in milliseconds, from 0. Guards against a response that would stop the
   * subscription for good.
   * @default 600000
   */
  maxRetryAfterMs?: number | undefined;
  /**
   * How many attempts in a row may fail before the subscription gives up, from 1. A connection that stayed up, or that moved the last
   * event ID, begins a new row, and its loss is the first failure of that row, so a subscription with 1 never reconnects. Setting this option also allows a POST
   * or PATCH to be sent again.
   * @default Infinity; 1 where the method is POST, PATCH or another that may do something twice when it is sent twice
   */
  maxAttempts?: number | undefined;
  /**
   * Whether another attempt follows a response with this status. It is not called for 200, nor for 204, which ends the loop, nor
   * for the first 401 in a row where `url`, `headers` or `body` is a function: those functions are called once more at once. Where it
   * throws, the loop throws a `ConnectionError` with the code `ERR_REQUEST`.
   * @default 429 and 500 to 599
   */
  retryStatus?: ((status: number) => boolean) | undefined;
}

export interface SubscribeOptions<Schemas extends EventSchemas | undefined = undefined, Json extends boolean = false> {
  /**
   * The HTTP method, or a function that is called for it at each attempt.
   * @default 'GET'
   */
  method?: PerAttempt<string> | undefined;
  /**
   * The request headers, or a function that is called for them at each attempt. A `Last-Event-ID` among them is refused, because the
   * subscription sets it: see `lastEventId`.
   * @default { accept: 'text/event-stream' }
   */
  headers?: PerAttempt<RequestHeaders> | undefined;
  /**
   * The request body, or a function that is called for it at each attempt. It is sent again with each request, with the content
   * type that fetch would give it unless `headers` has one.
   * @default none
   */
  body?: PerAttempt<RequestBody | undefined> | undefined;
  /**
   * Ends the subscription when it aborts. The loop then throws the reason of the signal.
   * @default none
   */
  signal?: AbortSignalLike | undefined;
  /**
   * The last event ID to begin after: at most 8,000 bytes as UTF-8, without control characters other than tab.
   * @default ''
   */
  lastEventId?: string | undefined;
  /**
   * Keeps the last event ID, so that the subscription goes on after a restart of the program. An ID in the store has precedence over
   * `lastEventId`. The store gets the ID of an event once its handling is over, which is when the next event is asked for.
   * @default none
   */
  store?: PositionStore | undefined;
  /**
   * The shortest time between two writes to the store in milliseconds, from 0.
   * @default 250
   */
  storeIntervalMs?: number | undefined;
  /**
   * How many IDs of events are remembered, from 0. An event that comes with one of them again is left out. An event without an
   * ID of its own is never left out. This option is only for servers that give no two events the same ID.
   * @default 0
   */
  dedupe?: number | undefined;
  /**
   * A schema for each event type that is wanted. Events of other types are left out, as they are by an `EventSource` without a
   * listener for them. The `type` of an event then tells TypeScript the type of its `data`.
   * @default none
   */
  schemas?: Schemas | undefined;
  /**
   * Whether the data of events is JSON. Schemas are then given the parsed value, and otherwise the text. A message with empty data only
   * moves the last event ID; an event of another type comes with `undefined` as its data.
   * @default true with `schemas`, else false
   */
  json?: Json | undefined;
  /**
   * Ends the loop, without an error, at the first event for which it returns `true`. The loop does not get that event. Where the stream
   * ends for good before that, the loop throws a `ConnectionError`: `ERR_STREAM_ENDED`, or `ERR_STATUS` with the status 204. Where the
   * function throws, the loop throws its exception after the events before this one.
   * @default none
   */
  until?: ((event: EventMessage) => boolean) | undefined;
  /**
   * Makes the requests.
   * @default the platform's fetch; on Node a transport of our own, because fetch there cuts a stream that is silent for 300 s
   */
  fetch?: Fetch | undefined;
  /**
   * Whether a request to another origin carries cookies, in browsers.
   * @default false
   */
  withCredentials?: boolean | undefined;
  /** When and how often the subscription tries again. */
  retry?: RetryOptions | undefined;
  /**
   * Whether the tabs and workers of this origin share one connection, where the browser allows it. Tabs share where their URL,
   * `withCredentials` and this option are the same. They all get the same events, so on a page for several users give a name for
   * each user instead of `true`. A name is also needed where the URL is a function. The method has to be GET.
   * @default false
   */
  shared?: boolean | string | undefined;
  /**
   * How long the head of a response may take in milliseconds, from 1.
   * @default 60000
   */
  connectTimeoutMs?: number | undefined;
  /**
   * How long the first byte of the body may take after the head in milliseconds, from 1. For servers that send one at once, as
   * Tidings does.
   * @default Infinity
   */
  firstByteTimeoutMs?: number | undefined;
  /**
   * How long an open stream may be silent before it counts as lost in milliseconds, from 1. Any byte ends the silence, comments
   * included. Twice the keep-alive interval of the server is a good value.
   * @default Infinity
   */
  idleTimeoutMs?: number | undefined;
  /**
   * The most events that wait for a slow consumer, from 1. Then reading stops until the consumer takes one. A chunk is queued as a
   * whole, so the queue may exceed this by one chunk.
   * @default 1000
   */
  maxQueuedEvents?: number | undefined;
  /**
   * The most bytes of events that wait for a slow consumer, from 1. Two are counted for each UTF-16 code unit. Then reading stops
   * until the consumer takes an event.
   * @default 1048576
   */
  maxQueuedBytes?: number | undefined;
  /**
   * The most bytes of one event, from 1. A longer one ends the subscription with `ERR_EVENT_TOO_LARGE`.
   * @default 16777216
   */
  maxEventBytes?: number | undefined;
  /**
   * Called after each change of the state. An exception that it throws does not reach the loop, and the subscription goes on. It is
   * reported as the platform reports one of an event listener: as an `error` event of the page or worker, and on Node as an
   * `uncaughtException`, which ends the process unless something listens for that.
   * @default none
   */
  onState?: ((state: SubscriptionState) => void) | undefined;
  /**
   * Time and chance, for tests.
   * @default the system's
   */
  clock?: Clock | undefined;
  /**
   * Whether there is a network, for tests.
   * @default what the browser reports; other runtimes always count as online
   */
  network?: Network | undefined;
}
