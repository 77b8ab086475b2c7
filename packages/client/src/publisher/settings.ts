import { defaultFetch } from '#transport';
import { type Backoff, fullJitter } from '../connection/connection-state.ts';
import { bareUrl, basicAuthorization } from '../connection/request.ts';
import type { AbortSignalLike, UrlLike } from '../globals.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Network, systemNetwork } from '../platform/network.ts';
import { check, isFunction, readObject, readUrl, refuse } from '../subscription/option-checks.ts';
import type { RetryOptions } from '../subscription/options.ts';
import type { Fetch } from '../transport/fetch.ts';
import { meant } from './meant.ts';
import type { LeaseOptions, PublisherOptions } from './options.ts';
import type { Outbox } from './outbox.ts';
import { readRequestHeaders } from './request-headers.ts';

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

/** The options of a lease, checked and with their defaults. */
export interface LeaseSettings {
  readonly ttl: string;
  readonly token: string | undefined;
}

/** How a kind of option is checked: what it has to be, and whether it is. */
type Kind = readonly [allowed: string, isAllowed: (value: never) => unknown];

const number = (from: number, to = Infinity): Kind => [
  to < Infinity ? `a number from ${from} to ${to}` : `a number from ${from}`,
  (value: unknown) => typeof value === 'number' && value >= from && value <= to,
];
const FUNCTION: Kind = ['a function', isFunction];
const BOOLEAN: Kind = ['true or false', (value: unknown) => typeof value === 'boolean'];
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
  stopAtRefusal: BOOLEAN,
  signal: [
    'an AbortSignal',
    (signal?: { readonly addEventListener?: unknown }) => isFunction(signal?.addEventListener),
  ],
  retry: ['an object', (value: unknown) => typeof value === 'object' && value],
  'retry.initialMs': number(1),
  'retry.maxMs': number(1),
  'retry.maxRetryAfterMs': number(0),
  'retry.maxAttempts': number(1),
  'retry.retryStatus': FUNCTION,
  requestTimeoutMs: number(1),
  maxUnconfirmedMs: number(0),
  fetch: FUNCTION,
  withCredentials: BOOLEAN,
  onState: FUNCTION,
  clock: ANYTHING,
  network: ANYTHING,
};

/** @throws InvalidOptionError */
export function readPublisherOptions(hubUrl: string | UrlLike, options: PublisherOptions): PublisherSettings {
  checkEach(options, '');
  checkEach(options.retry ?? {}, 'retry.');
  const { headers = {}, retry = {} } = options;
  const hub = readUrl(hubUrl, undefined, 'hubUrl');
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
export function readLeaseOptions(options: LeaseOptions): LeaseSettings {
  for (const name of Object.keys(readObject('options', options))) {
    if (name !== 'ttl' && name !== 'token') refuse(`a lease has no option ${name}, only ttl and token`);
  }
  const { ttl = '30s', token } = options;
  check(typeof ttl === 'string', 'ttl', "a duration such as '30s'", ttl);
  // It is secret, so that it is not told what was found.
  if (token !== undefined && (typeof token !== 'string' || !/^[\w-]+$/.test(token)))
    refuse('token has to be that of a lease');
  return { ttl, token };
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
    if (!kind) {
      const names = Object.keys(KINDS);
      refuse(`there is no option ${path}, only ${names.join(', ')}${meant(path, names)}`);
    }
    const [allowed, isAllowed] = kind;
    check(isAllowed(value as never), path, allowed, value);
  }
}
