import { type Backoff, fullJitter, MAX_BACKOFF_MS } from '../connection/connection-state.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { defaultFetch } from '#transport';
import type { UrlLike } from '../globals.ts';
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
import { type Network, systemNetwork } from '../platform/network.ts';
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
  | 'retry.maxRetryAfterMs';

/** The options of a subscription, checked and with their defaults. */
export interface SubscriptionSettings
  extends
    Pick<Options, 'body' | 'signal' | 'store' | 'until' | 'onState' | 'schemas' | 'withCredentials' | 'maxEventBytes'>,
    Record<NumberName, number> {
  readonly url: PerAttempt<string | UrlLike>;
  readonly method: PerAttempt<string>;
  readonly headers: PerAttempt<RequestHeaders>;
  readonly lastEventId: string;
  readonly json: boolean;
  readonly fetch: Fetch;
  readonly 'retry.retryStatus': (status: number) => boolean;
  readonly backoff: Backoff;
  /** Whether one more attempt follows a 401 at once, because the next request may have new credentials. */
  readonly refreshes: boolean;
  /** Whether a request is repeated although its method says that it may do something twice. */
  readonly repeats: boolean;
  /** Tabs with the same key share one connection. `false` where nothing is shared. */
  readonly key: string | false;
  readonly clock: Clock;
  readonly network: Network;
}

/** The options that only other settings are made of. */
type ReadOptions = { readonly shared: boolean | string } & Record<
  `retry.${'initialMs' | 'maxMs' | 'maxAttempts'}`,
  number
>;

/**
 * What the values of an option have to be, and its default. A number is the least of the values, a text is their type, and a list is
 * the members that they need; an empty one allows any value. What else is demanded of an option is checked after these.
 */
type Rule = readonly [allowed: number | string | readonly string[], fallback?: unknown];

const RULES: Record<keyof FlatOptions, Rule> = {
  method: [[], 'GET'],
  headers: [[], {}],
  body: [[]],
  signal: [['addEventListener', 'removeEventListener']],
  lastEventId: [[], ''],
  store: [['get', 'set']],
  storeIntervalMs: [0, 250],
  dedupe: [0, 0],
  schemas: [[]],
  json: ['boolean'],
  until: ['function'],
  fetch: ['function', defaultFetch],
  withCredentials: ['boolean'],
  retry: [[]],
  'retry.initialMs': [1, 1_000],
  'retry.maxMs': [1, MAX_BACKOFF_MS],
  'retry.maxRetryAfterMs': [0, 600_000],
  'retry.maxAttempts': [1, Infinity],
  'retry.retryStatus': ['function', (status: number) => status === 429 || (status >= 500 && status <= 599)],
  shared: [[], false],
  connectTimeoutMs: [1, 60_000],
  firstByteTimeoutMs: [1, Infinity],
  idleTimeoutMs: [1, Infinity],
  maxQueuedEvents: [1, 1_000],
  maxQueuedBytes: [1, 1_048_576],
  maxEventBytes: [1],
  onState: ['function'],
  clock: [Object.keys(systemClock), systemClock],
  network: [Object.keys(systemNetwork), systemNetwork],
};

/**
 * Checks options by the rules, after it has set those that are absent to their defaults.
 * @throws InvalidOptionError
 */
function applyRules(options: Record<string, unknown>): void {
  for (const [name, [allowed, fallback]] of Object.entries(RULES)) {
    const value = (options[name] ??= fallback);
    if (value === undefined) continue;
    if (typeof allowed === 'number') {
      check(typeof value === 'number' && value >= allowed, name, `a number from ${allowed}`, value);
    } else if (typeof allowed === 'string') check(typeof value === allowed, name, `a ${allowed}`, value);
    else {
      const hasAll = allowed.every((member) => (value as Record<string, unknown>)[member] !== undefined);
      check(hasAll, name, `an object with ${allowed.join(', ')}`, value);
    }
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
  const repeats = Boolean(given['retry.maxAttempts']);
  applyRules(given);
  const settings = given as unknown as SubscriptionSettings & ReadOptions;
  const { 'retry.initialMs': initialMs, 'retry.maxMs': maxMs, 'retry.maxAttempts': maxAttempts } = settings;
  check(initialMs <= maxMs, 'retry.initialMs', `at most ${maxMs} (retry.maxMs)`, initialMs);
  const { method, headers, body, schemas, json, shared, withCredentials } = settings;
  readLastEventId('lastEventId', settings.lastEventId);
  const target = isFunction(url) ? url : readUrl(url);
  const verb = !isFunction(method) && readMethod(method);
  if (!isFunction(headers)) readHeaders(headers);
  if (!isFunction(body)) checkBody(body, verb);
  for (const [type, schema] of Object.entries(readObject('schemas', schemas ?? {}))) {
    check(schema?.['~standard']?.version === 1, `schemas.${type}`, 'a Standard Schema of version 1', schema);
  }
  check(typeof shared === 'string' ? shared : typeof shared === 'boolean', 'shared', 'a name or a boolean', shared);
  if (shared) {
    check(shared !== true || !isFunction(url), 'shared', 'a name if url is a function', shared);
    check(verb === 'GET', 'method', 'GET if shared is set', method);
  }
  return {
    ...settings,
    url: target,
    backoff: fullJitter(initialMs, maxMs, verb && !isIdempotent(verb) && !repeats ? 1 : maxAttempts),
    json: json ?? Boolean(schemas),
    refreshes: [url, headers, body].some(isFunction),
    repeats,
    // A function is null in JSON.
    key: shared && JSON.stringify([shared, target, withCredentials]),
  };
}
