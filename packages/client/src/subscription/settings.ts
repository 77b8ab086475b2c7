import { DEFAULT_MAX_EVENT_BYTES } from '@tidings/wire';
import { defaultFetch } from '#transport';
import { MAX_BACKOFF_MS } from '../connection/connection-state.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Network, systemNetwork } from '../platform/network.ts';
import type { Fetch } from '../transport/fetch.ts';
import type { EventSchemas } from './event-item.ts';
import {
  check,
  isFunction,
  isIdempotent,
  checkBody,
  readHeaders,
  readLastEventId,
  readMethod,
  readUrl,
} from './option-checks.ts';
import type { PerAttempt, SubscribeOptions } from './options.ts';

type Options = SubscribeOptions<EventSchemas | undefined, boolean>;

/** The least that a number may be, and its default. */
type NumberRule = readonly [min: number, fallback: number];
type NumberName =
  | 'storeIntervalMs'
  | 'dedupe'
  | 'connectTimeoutMs'
  | 'firstByteTimeoutMs'
  | 'idleTimeoutMs'
  | 'maxQueuedEvents'
  | 'maxQueuedBytes'
  | 'maxEventBytes';
type RetryNumberName = 'initialMs' | 'maxMs' | 'maxRetryAfterMs' | 'maxAttempts';

const NUMBERS: Record<NumberName, NumberRule> = {
  storeIntervalMs: [0, 250],
  dedupe: [0, 0],
  connectTimeoutMs: [1, 60_000],
  firstByteTimeoutMs: [1, Infinity],
  idleTimeoutMs: [1, Infinity],
  maxQueuedEvents: [1, 1_000],
  maxQueuedBytes: [1, 1_048_576],
  maxEventBytes: [1, DEFAULT_MAX_EVENT_BYTES],
};

const RETRY_NUMBERS: Record<RetryNumberName, NumberRule> = {
  initialMs: [1, 1_000],
  maxMs: [1, MAX_BACKOFF_MS],
  maxRetryAfterMs: [0, 600_000],
  maxAttempts: [1, Infinity],
};

/** The options of a subscription, checked and with their defaults. */
export interface SubscriptionSettings
  extends
    Pick<Options, 'body' | 'signal' | 'store' | 'until' | 'onState' | 'schemas' | 'withCredentials'>,
    Record<NumberName | RetryNumberName, number> {
  readonly url: PerAttempt<string | URL>;
  readonly method: PerAttempt<string>;
  readonly headers: PerAttempt<HeadersInit>;
  readonly lastEventId: string;
  readonly json: boolean;
  readonly fetch: Fetch;
  readonly retryStatus: (status: number) => boolean;
  /** Whether one more attempt follows a 401 at once, because the next request may have new credentials. */
  readonly refreshes: boolean;
  /** Whether a request is repeated although its method says that it may do something twice. */
  readonly repeats: boolean;
  /** Tabs with the same key share one connection. `undefined` where nothing is shared. */
  readonly sharedKey: string | undefined;
  readonly clock: Clock;
  readonly network: Network;
}

/** @throws InvalidOptionError */
export function readOptions(url: PerAttempt<string | URL>, options: Options): SubscriptionSettings {
  const {
    method = 'GET',
    headers = {},
    body,
    lastEventId = '',
    store,
    schemas,
    json = schemas !== undefined,
    fetch = defaultFetch,
    until,
    onState,
    retry = {},
    shared = false,
    clock = systemClock,
    network = systemNetwork,
  } = options;
  const { retryStatus = (status) => status === 429 || (status >= 500 && status <= 599) } = retry;
  for (const [name, value] of Object.entries({ fetch, until, onState, retryStatus })) {
    check(value === undefined || isFunction(value), name, 'a function', value);
  }
  const target = isFunction(url) ? url : readUrl(url);
  const isOnce = !isFunction(method) && !isIdempotent(readMethod(method));
  if (!isFunction(headers)) readHeaders(headers);
  if (!isFunction(body)) checkBody(body, method);
  check(
    !store || (typeof store.get === 'function' && typeof store.set === 'function'),
    'store',
    'an object with get() and set()',
    store,
  );
  for (const [type, schema] of Object.entries(schemas ?? {})) {
    check(schema?.['~standard']?.version === 1, `schemas.${type}`, 'a Standard Schema of version 1', schema);
  }
  if (shared !== false) {
    const isName = typeof shared === 'string' && shared;
    check(
      isName || (shared === true && !isFunction(url)),
      'shared',
      'a name, or true if url is not a function',
      shared,
    );
    check(/^get$/i.test(method as string), 'method', 'GET if shared is set', method);
  }
  return {
    ...options,
    ...readNumbers('', NUMBERS, options),
    ...readNumbers('retry.', RETRY_NUMBERS, isOnce ? { maxAttempts: 1, ...retry } : retry),
    url: target,
    method,
    headers,
    lastEventId: readLastEventId('lastEventId', lastEventId),
    json,
    fetch,
    retryStatus,
    refreshes: [url, headers, body].some(isFunction),
    repeats: retry.maxAttempts !== undefined,
    sharedKey:
      shared === false ? undefined : JSON.stringify([shared, isFunction(url) ? '' : target, options.withCredentials]),
    clock,
    network,
  };
}

function readNumbers<Name extends string>(
  prefix: string,
  rules: Record<Name, NumberRule>,
  options: Partial<Record<Name, number>>,
): Record<Name, number> {
  const numbers: Partial<Record<Name, number>> = {};
  for (const name in rules) {
    const [min, fallback] = rules[name];
    const value = (numbers[name] = options[name] ?? fallback);
    check(typeof value === 'number' && value >= min, prefix + name, `a number from ${min}`, value);
  }
  return numbers as Record<Name, number>;
}
