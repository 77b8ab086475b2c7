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

/**
 * The default of an option, and what its values have to be: a number is the least of them, a text is their type, and a list is the
 * members that they need. What else is demanded of an option is checked after these.
 */
type Rule = readonly [fallback?: unknown, allowed?: number | string | readonly string[]];

const RULES: Record<keyof FlatOptions, Rule> = {
  method: ['GET'],
  headers: [{}],
  body: [],
  signal: [, ['addEventListener', 'removeEventListener']],
  lastEventId: [''],
  store: [, ['get', 'set']],
  storeIntervalMs: [250, 0],
  dedupe: [0, 0],
  schemas: [],
  json: [, 'boolean'],
  until: [, 'function'],
  fetch: [defaultFetch, 'function'],
  withCredentials: [, 'boolean'],
  retry: [],
  'retry.initialMs': [1_000, 1],
  'retry.maxMs': [MAX_BACKOFF_MS, 1],
  'retry.maxRetryAfterMs': [600_000, 0],
  'retry.maxAttempts': [Infinity, 1],
  'retry.retryStatus': [(status: number) => status === 429 || (status >= 500 && status <= 599), 'function'],
  shared: [false],
  connectTimeoutMs: [60_000, 1],
  firstByteTimeoutMs: [Infinity, 1],
  idleTimeoutMs: [Infinity, 1],
  maxQueuedEvents: [1_000, 1],
  maxQueuedBytes: [1_048_576, 1],
  maxEventBytes: [DEFAULT_MAX_EVENT_BYTES, 1],
  onState: [, 'function'],
  clock: [systemClock, Object.keys(systemClock)],
  network: [systemNetwork, Object.keys(systemNetwork)],
};

/** @throws InvalidOptionError */
function checkRule(name: string, value: unknown, allowed: Exclude<Rule[1], undefined>): void {
  if (typeof allowed === 'number') {
    check(typeof value === 'number' && value >= allowed, name, `a number from ${allowed}`, value);
  } else if (typeof allowed === 'string') check(typeof value === allowed, name, `a ${allowed}`, value);
  else {
    const hasAll = allowed.every((member) => (value as Record<string, unknown>)[member] !== undefined);
    check(hasAll, name, `an object with ${allowed.join(', ')}`, value);
  }
}

/** @throws InvalidOptionError */
export function readOptions(url: PerAttempt<string | UrlLike>, options: Options): SubscriptionSettings {
  const given: Record<string, unknown> = { ...readObject('options', options) };
  for (const [name, value] of Object.entries(readObject('retry', options.retry ?? {}))) given[`retry.${name}`] = value;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || Object.hasOwn(RULES, name)) continue;
    // A name that was meant mostly begins and ends like the one that was given.
    const own = name.toLowerCase().replace('retry.', '');
    const nearest = Object.keys(RULES).find((known) =>
      [own.slice(0, 2), own.slice(-3)].every((part) => known.toLowerCase().includes(part)),
    );
    refuse(`there is no option ${name}${nearest ? `, did you mean ${nearest}?` : ''}`);
  }
  const repeats = given['retry.maxAttempts'] !== undefined;
  for (const [name, [fallback, allowed]] of Object.entries(RULES)) {
    const value = (given[name] ??= fallback);
    if (value !== undefined && allowed !== undefined) checkRule(name, value, allowed);
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
  check(shared !== '' && /string|boolean/.test(typeof shared), 'shared', 'a name or a boolean', shared);
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
