import { DEFAULT_MAX_EVENT_BYTES } from '@tidings/wire';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { EventSchemas } from './event-item.ts';
import type { Fetch } from '../transport/fetch.ts';
import { isIdempotent } from '../platform/method.ts';
import { type Network, systemNetwork } from '../platform/network.ts';
import { check, isFunction, readWith } from '../platform/option-check.ts';
import { checkBody } from '../connection/request-body.ts';
import { encodeLastEventId, MAX_ID_BYTES } from '../connection/request-headers.ts';
import type { PerTry, SubscribeOptions } from './options.ts';
import { hasListenableScheme, parseTargetUrl } from '../connection/target-url.ts';
import { defaultFetch } from '#transport';

type Options = SubscribeOptions<EventSchemas | undefined, boolean>;

/** Of a number: the least it may be, and the default. */
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
  maxMs: [1, 30_000],
  maxRetryAfterMs: [0, 600_000],
  maxAttempts: [1, Infinity],
};

/** The options with every default filled in. */
export interface SubscriptionSettings
  extends
    Pick<Options, 'body' | 'signal' | 'store' | 'until' | 'onState' | 'schemas' | 'withCredentials'>,
    Record<NumberName | RetryNumberName, number> {
  readonly url: PerTry<string | URL>;
  readonly method: PerTry<string>;
  readonly headers: PerTry<HeadersInit>;
  readonly lastEventId: string;
  readonly json: boolean;
  readonly fetch: Fetch;
  readonly retryStatus: (status: number) => boolean;
  /** Whether a 401 is worth one more try at once, because the next request will have new credentials. */
  readonly refreshes: boolean;
  /** Whether a request that may do something twice when it is sent twice is sent again. */
  readonly repeats: boolean;
  /** What tabs share a connection by; `undefined` where they do not. */
  readonly sharedKey: string | undefined;
  readonly clock: Clock;
  readonly network: Network;
}

/** @throws InvalidOptionError */
export function readOptions(url: PerTry<string | URL>, options: Options): SubscriptionSettings {
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
      'a name, or true where url is no function',
      shared,
    );
    check(/^get$/i.test(method as string), 'method', 'GET where shared is set', method);
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

/** @throws InvalidOptionError */
export function readUrl(url: string | URL): URL {
  const target = readWith(() => parseTargetUrl(String(url)), 'url', 'a URL', url);
  check(hasListenableScheme(target), 'url', 'http: or https:', url);
  return target;
}

/** @throws InvalidOptionError */
export function readMethod(method: string): string {
  check(/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(method), 'method', 'an HTTP method', method);
  return method.toUpperCase();
}

/** @throws InvalidOptionError */
export function readHeaders(headers: HeadersInit): Headers {
  return readWith(() => new Headers(headers), 'headers', 'names and values that HTTP allows', headers);
}

/** @throws InvalidOptionError */
export function readLastEventId(name: string, id: string): string {
  check(
    typeof id === 'string' && encodeLastEventId(id) !== undefined,
    name,
    `at most ${MAX_ID_BYTES} bytes, none of them a control character`,
    id,
  );
  return id;
}
