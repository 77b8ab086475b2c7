import { DEFAULT_MAX_EVENT_BYTES } from '@tidings/wire';
import { defaultFetch } from '#transport';
import { MAX_BACKOFF_MS } from '../connection/connection-state.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { UrlLike } from '../globals.ts';
import { type Network, systemNetwork } from '../platform/network.ts';
import type { Fetch, RequestHeaders } from '../transport/fetch.ts';
import type { EventSchemas } from './event-item.ts';
import {
  check,
  isFunction,
  isIdempotent,
  refuse,
  checkBody,
  readHeaders,
  readLastEventId,
  readMethod,
  readObject,
  readUrl,
} from './option-checks.ts';
import type { PerAttempt, RetryOptions, SubscribeOptions } from './options.ts';

type Options = SubscribeOptions<EventSchemas | undefined, boolean>;

/** The options, those for retries next to the others. */
type FlatOptions = Options & { [Name in keyof RetryOptions as `retry.${Name}`]?: RetryOptions[Name] };

type NumberName =
  | 'storeIntervalMs'
  | 'dedupe'
  | 'connectTimeoutMs'
  | 'firstByteTimeoutMs'
  | 'idleTimeoutMs'
  | 'maxQueuedEvents'
  | 'maxQueuedBytes'
  | 'maxEventBytes'
  | 'retry.initialMs'
  | 'retry.maxMs'
  | 'retry.maxRetryAfterMs'
  | 'retry.maxAttempts';

/** The options of a subscription, checked and with their defaults. */
export interface SubscriptionSettings
  extends
    Pick<Options, 'body' | 'signal' | 'store' | 'until' | 'onState' | 'schemas' | 'withCredentials'>,
    Record<NumberName, number> {
  readonly url: PerAttempt<string | UrlLike>;
  readonly method: PerAttempt<string>;
  readonly headers: PerAttempt<RequestHeaders>;
  readonly lastEventId: string;
  readonly json: boolean;
  readonly fetch: Fetch;
  readonly 'retry.retryStatus': (status: number) => boolean;
  /** Whether one more attempt follows a 401 at once, because the next request may have new credentials. */
  readonly refreshes: boolean;
  /** Whether a request is repeated although its method says that it may do something twice. */
  readonly repeats: boolean;
  /** Tabs with the same key share one connection. `undefined` where nothing is shared. */
  readonly key: string | undefined;
  readonly clock: Clock;
  readonly network: Network;
}

/** The default of an option, and what its values have to be. What depends on several options is checked later. */
type Rule = readonly [fallback?: unknown, allowed?: string, isAllowed?: (value: never) => boolean];

const aNumber = (fallback: number, min: number): Rule => [
  fallback,
  `a number from ${min}`,
  (value) => typeof value === 'number' && value >= min,
];
const a = (kind: string, fallback?: unknown): Rule => [fallback, `a ${kind}`, (value) => typeof value === kind];
const anObjectWith = (members: readonly string[], fallback?: unknown): Rule => [
  fallback,
  `an object with ${members.join(', ')}`,
  (value: Record<string, unknown>) => members.every((name) => value[name] !== undefined),
];

const RULES: Record<keyof FlatOptions, Rule> = {
  method: ['GET'],
  headers: [{}],
  body: [],
  signal: anObjectWith(['addEventListener', 'removeEventListener']),
  lastEventId: [''],
  store: anObjectWith(['get', 'set']),
  storeIntervalMs: aNumber(250, 0),
  dedupe: aNumber(0, 0),
  schemas: [],
  json: a('boolean'),
  until: a('function'),
  fetch: a('function', defaultFetch),
  withCredentials: a('boolean'),
  retry: [],
  'retry.initialMs': aNumber(1_000, 1),
  'retry.maxMs': aNumber(MAX_BACKOFF_MS, 1),
  'retry.maxRetryAfterMs': aNumber(600_000, 0),
  'retry.maxAttempts': aNumber(Infinity, 1),
  'retry.retryStatus': a('function', (status: number) => status === 429 || (status >= 500 && status <= 599)),
  shared: [false, 'a name or a boolean', (shared) => shared !== '' && /string|boolean/.test(typeof shared)],
  connectTimeoutMs: aNumber(60_000, 1),
  firstByteTimeoutMs: aNumber(Infinity, 1),
  idleTimeoutMs: aNumber(Infinity, 1),
  maxQueuedEvents: aNumber(1_000, 1),
  maxQueuedBytes: aNumber(1_048_576, 1),
  maxEventBytes: aNumber(DEFAULT_MAX_EVENT_BYTES, 1),
  onState: a('function'),
  clock: anObjectWith(Object.keys(systemClock), systemClock),
  network: anObjectWith(Object.keys(systemNetwork), systemNetwork),
};

/** @throws InvalidOptionError */
export function readOptions(url: PerAttempt<string | UrlLike>, options: Options): SubscriptionSettings {
  const given: Record<string, unknown> = { ...readObject('options', options) };
  for (const [name, value] of Object.entries(readObject('retry', options.retry ?? {}))) given[`retry.${name}`] = value;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || Object.hasOwn(RULES, name)) continue;
    // A name that was meant mostly begins and ends like the one that was given.
    const [, start, end] = /(\w\w)\w*(\w{3})$/.exec(name) ?? [];
    const isNear = new RegExp(`\\b${start}\\w*${end}`, 'i');
    const nearest = Object.keys(RULES).find((known) => isNear.test(known));
    refuse(`there is no option ${name}${nearest ? `, did you mean ${nearest}?` : ''}`);
  }
  const repeats = given['retry.maxAttempts'] !== undefined;
  for (const [name, [fallback, allowed = '', isAllowed]] of Object.entries(RULES)) {
    const value = (given[name] ??= fallback);
    check(value === undefined || !isAllowed || isAllowed(value as never), name, allowed, value);
  }
  const settings = given as unknown as SubscriptionSettings & Pick<Options, 'shared'>;
  const { 'retry.initialMs': initialMs, 'retry.maxMs': maxMs } = settings;
  check(initialMs <= maxMs, 'retry.initialMs', `at most ${maxMs} (retry.maxMs)`, initialMs);
  const { method, headers, body, schemas, json, shared, withCredentials } = settings;
  readLastEventId('lastEventId', settings.lastEventId);
  const target = isFunction(url) ? url : readUrl(url);
  const isOnce = !isFunction(method) && !isIdempotent(readMethod(method));
  if (!isFunction(headers)) readHeaders(headers);
  if (!isFunction(body)) checkBody(body, method);
  for (const [type, schema] of Object.entries(readObject('schemas', schemas ?? {}))) {
    check(schema?.['~standard']?.version === 1, `schemas.${type}`, 'a Standard Schema of version 1', schema);
  }
  if (shared) {
    check(shared !== true || !isFunction(url), 'shared', 'a name if url is a function', shared);
    check(/^get$/i.test(method as string), 'method', 'GET if shared is set', method);
  }
  return {
    ...settings,
    ...(isOnce && !repeats && { 'retry.maxAttempts': 1 }),
    url: target,
    json: json ?? schemas !== undefined,
    refreshes: [url, headers, body].some(isFunction),
    repeats,
    // A function is null in JSON.
    key: shared ? JSON.stringify([shared, target, withCredentials]) : undefined,
  };
}
