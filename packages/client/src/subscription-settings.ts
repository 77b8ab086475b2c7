import { DEFAULT_MAX_EVENT_BYTES } from '@tidings/wire';
import { type Clock, systemClock } from './clock.ts';
import { MAX_TIMER_MS } from './connection-state.ts';
import type { EventSchemas } from './event-item.ts';
import type { Fetch } from './fetch.ts';
import { isIdempotent } from './method.ts';
import { type Network, systemNetwork } from './network.ts';
import { check, refusal } from './option-check.ts';
import { checkBody } from './request-body.ts';
import { encodeLastEventId } from './request-headers.ts';
import type { PerTry, SubscribeOptions } from './subscription-options.ts';
import { hasListenableScheme, parseTargetUrl } from './target-url.ts';
import { defaultFetch } from '#transport';

type Options = SubscribeOptions<EventSchemas | undefined, boolean>;

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

/** Of a number: the least and the most it may be, the default, and what it may be besides. */
type NumberRule = readonly [min: number, max: number, fallback: number, besides?: number];

const NUMBERS: Record<NumberName, NumberRule> = {
  storeIntervalMs: [0, MAX_TIMER_MS, 250],
  // Keeps the ids that are remembered from filling the memory.
  dedupe: [0, 100_000, 0],
  connectTimeoutMs: [1, MAX_TIMER_MS, 60_000, Infinity],
  firstByteTimeoutMs: [1, MAX_TIMER_MS, Infinity, Infinity],
  idleTimeoutMs: [1, MAX_TIMER_MS, Infinity, Infinity],
  maxQueuedEvents: [1, Infinity, 1_000],
  maxQueuedBytes: [1, Infinity, 1_048_576],
  maxEventBytes: [1, Number.MAX_SAFE_INTEGER, DEFAULT_MAX_EVENT_BYTES],
};

const RETRY_NUMBERS: Record<RetryNumberName, NumberRule> = {
  initialMs: [1, MAX_TIMER_MS, 1_000],
  maxMs: [1, MAX_TIMER_MS, 30_000],
  maxRetryAfterMs: [0, MAX_TIMER_MS, 600_000],
  maxAttempts: [1, Infinity, Infinity],
};

/** The options with every default filled in. */
export interface SubscriptionSettings
  extends
    Pick<Options, 'method' | 'body' | 'signal' | 'store' | 'until' | 'onState'>,
    Record<NumberName | RetryNumberName, number> {
  readonly url: PerTry<string | URL>;
  readonly method: PerTry<string>;
  readonly headers: PerTry<HeadersInit>;
  readonly lastEventId: string;
  readonly schemas: EventSchemas | undefined;
  readonly json: boolean;
  readonly fetch: Fetch;
  readonly withCredentials: boolean;
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
  const { headers = {}, body, method = 'GET', schemas, store, retry = {}, fetch = defaultFetch } = options;
  for (const [name, value] of Object.entries({
    fetch,
    until: options.until,
    onState: options.onState,
  })) {
    check(value === undefined || isFunction(value), name, 'a function', value);
  }
  if (!isFunction(method)) readMethod(method);
  if (!isFunction(headers)) readHeaders(headers);
  if (body !== undefined && !isFunction(body)) checkBody(body, isFunction(method) ? '' : method);
  if (store) {
    const isStore = typeof store.get === 'function' && typeof store.set === 'function';
    check(isStore, 'store', 'an object with get() and set()', store);
  }
  for (const [type, schema] of Object.entries(schemas ?? {})) {
    const { version, validate } = schema?.['~standard'] ?? {};
    check(version === 1 && isFunction(validate), `schemas.${type}`, 'a Standard Schema of version 1', schema);
  }
  const target = isFunction(url) ? url : readUrl(url);
  const isOnce = !isFunction(method) && !isIdempotent(method.toUpperCase());
  return {
    ...options,
    ...readNumbers('', NUMBERS, options),
    ...readNumbers('retry.', RETRY_NUMBERS, isOnce ? { maxAttempts: 1, ...retry } : retry),
    url: target,
    method,
    headers,
    lastEventId: readLastEventId('lastEventId', options.lastEventId ?? ''),
    schemas: schemas && { ...schemas },
    json: options.json ?? schemas !== undefined,
    fetch,
    withCredentials: options.withCredentials ?? false,
    retryStatus: retry.retryStatus ?? ((status) => status === 429 || (status >= 500 && status <= 599)),
    refreshes: [url, headers, body].some(isFunction),
    repeats: retry.maxAttempts !== undefined,
    sharedKey: readSharedKey(target, method, options),
    clock: options.clock ?? systemClock,
    network: options.network ?? systemNetwork,
  };
}

function readNumbers<Name extends string>(
  prefix: string,
  rules: Record<Name, NumberRule>,
  options: Partial<Record<Name, number>>,
): Record<Name, number> {
  const numbers: Partial<Record<Name, number>> = {};
  for (const name in rules) {
    const [min, max, fallback, besides] = rules[name];
    const value = options[name] ?? fallback;
    const isAllowed = typeof value === 'number' && ((value >= min && value <= max) || value === besides);
    const allowed = `a number from ${min} to ${max}${besides ? ` or ${besides}` : ''}`;
    check(isAllowed, prefix + name, allowed, value);
    numbers[name] = value;
  }
  return numbers as Record<Name, number>;
}

/** @throws InvalidOptionError */
export function readUrl(url: string | URL): URL {
  let target: URL;
  try {
    target = parseTargetUrl(String(url));
  } catch (cause) {
    throw refusal('url', 'a URL', url, cause);
  }
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
  try {
    return new Headers(headers);
  } catch (cause) {
    throw refusal('headers', 'names and values that HTTP allows', headers, cause);
  }
}

/** @throws InvalidOptionError */
export function readLastEventId(name: string, id: string): string {
  check(
    typeof id === 'string' && encodeLastEventId(id) !== undefined,
    name,
    'at most 65536 characters, none of them a control character',
    id,
  );
  return id;
}

function readSharedKey(
  url: URL | ((...parameters: never[]) => unknown),
  method: unknown,
  { shared = false, withCredentials = false }: Options,
): string | undefined {
  if (shared === false) return undefined;
  check(shared === true || (typeof shared === 'string' && shared), 'shared', 'true, false or a name', shared);
  check(shared !== true || !isFunction(url), 'shared', 'a name where url is a function', shared);
  check(/^get$/i.test(method as string), 'method', 'GET where shared is set', method);
  return JSON.stringify([shared, url instanceof URL ? url.href : '', withCredentials]);
}

function isFunction(value: unknown): value is (...parameters: never[]) => unknown {
  return typeof value === 'function';
}
