import type { EventMessage } from '@tidings/wire';
import { InvalidOptionError } from './client-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { type ConnectionPolicy, MAX_TIMER_MS } from './connection-state.ts';
import type { EventSchemas } from './event-item.ts';
import type { EventQueueLimits } from './event-queue.ts';
import type { Fetch } from './fetch.ts';
import { isIdempotent } from './method.ts';
import { type Network, systemNetwork } from './network.ts';
import type { PositionStore } from './position-store.ts';
import { checkBody, type RequestBody } from './request-body.ts';
import { encodeLastEventId } from './request-headers.ts';
import type { PerTry, SubscribeOptions, SubscriptionState } from './subscription-options.ts';
import { hasListenableScheme, parseTargetUrl } from './target-url.ts';
import { defaultFetch } from '#transport';

/** Keeps the ids that `dedupe` remembers from filling the memory. */
const MAX_DEDUPE = 100_000;

/** The options with every default filled in. */
export interface SubscriptionSettings {
  readonly url: PerTry<string | URL>;
  readonly method: PerTry<string>;
  readonly headers: PerTry<HeadersInit>;
  readonly body: PerTry<RequestBody | undefined>;
  readonly signal: AbortSignal | undefined;
  readonly lastEventId: string;
  readonly store: PositionStore | undefined;
  readonly storeIntervalMs: number;
  readonly dedupe: number;
  readonly schemas: EventSchemas | undefined;
  readonly json: boolean;
  readonly until: ((event: EventMessage) => boolean) | undefined;
  readonly fetch: Fetch;
  readonly withCredentials: boolean;
  readonly policy: ConnectionPolicy;
  /** Whether a request that may do something twice when it is sent twice is sent again. */
  readonly repeats: boolean;
  /** What tabs share a connection by; `undefined` where they do not. */
  readonly sharedKey: string | undefined;
  readonly limits: EventQueueLimits;
  readonly maxEventBytes: number | undefined;
  readonly onState: ((state: SubscriptionState) => void) | undefined;
  readonly clock: Clock;
  readonly network: Network;
}

/** @throws InvalidOptionError */
export function readOptions(
  url: PerTry<string | URL>,
  options: SubscribeOptions<EventSchemas | undefined, boolean>,
): SubscriptionSettings {
  const { headers = {}, body, method = 'GET', schemas, store, until, fetch = defaultFetch } = options;
  if (typeof fetch !== 'function') throw new InvalidOptionError(`fetch has to be a function, found ${typeof fetch}`);
  if (until !== undefined && typeof until !== 'function') {
    throw new InvalidOptionError(`until has to be a function, found ${typeof until}`);
  }
  if (body !== undefined && typeof body !== 'function') checkBody(body);
  if (body !== undefined && typeof body !== 'function' && typeof method === 'string') checkBodyMethod(method);
  if (store !== undefined) checkStore(store);
  const target = typeof url === 'function' ? url : readUrl(url);
  return {
    url: target,
    method: typeof method === 'function' ? method : readMethod(method),
    headers: typeof headers === 'function' ? headers : readHeaders(headers),
    body,
    signal: options.signal,
    lastEventId: readLastEventId('lastEventId', options.lastEventId ?? ''),
    store,
    storeIntervalMs: checkNumber('storeIntervalMs', options.storeIntervalMs ?? 250, 0, MAX_TIMER_MS),
    dedupe: checkInteger('dedupe', options.dedupe ?? 0, 0, MAX_DEDUPE),
    schemas: schemas === undefined ? undefined : readSchemas(schemas),
    json: options.json ?? schemas !== undefined,
    until,
    fetch,
    withCredentials: options.withCredentials ?? false,
    policy: readPolicy(url, options),
    repeats: options.retry?.maxAttempts !== undefined,
    sharedKey: readSharedKey(target, options),
    limits: {
      maxEvents: checkNumber('maxQueuedEvents', options.maxQueuedEvents ?? 1_000),
      maxBytes: checkNumber('maxQueuedBytes', options.maxQueuedBytes ?? 1_048_576),
    },
    maxEventBytes:
      options.maxEventBytes === undefined ? undefined : checkInteger('maxEventBytes', options.maxEventBytes, 1),
    onState: options.onState,
    clock: options.clock ?? systemClock,
    network: options.network ?? systemNetwork,
  };
}

function readPolicy(
  url: PerTry<string | URL>,
  options: SubscribeOptions<EventSchemas | undefined, boolean>,
): ConnectionPolicy {
  const { headers, body, method = 'GET', retry = {} } = options;
  const isOnce = typeof method === 'string' && !isIdempotent(method.toUpperCase());
  return {
    reconnectionMs: checkNumber('retry.initialMs', retry.initialMs ?? 1_000, 1, MAX_TIMER_MS),
    maxBackoffMs: checkNumber('retry.maxMs', retry.maxMs ?? 30_000, 1, MAX_TIMER_MS),
    jitter: 'full',
    maxRetryAfterMs: checkNumber('retry.maxRetryAfterMs', retry.maxRetryAfterMs ?? 600_000, 0, MAX_TIMER_MS),
    maxAttempts: checkNumber('retry.maxAttempts', retry.maxAttempts ?? (isOnce ? 1 : Infinity)),
    connectTimeoutMs: checkDuration('connectTimeoutMs', options.connectTimeoutMs ?? 60_000),
    firstByteTimeoutMs: checkDuration('firstByteTimeoutMs', options.firstByteTimeoutMs ?? Infinity),
    idleTimeoutMs: checkDuration('idleTimeoutMs', options.idleTimeoutMs ?? Infinity),
    watchesSleep: true,
    refreshes: [url, headers, body].some((part) => typeof part === 'function'),
    retryStatus: retry.retryStatus ?? ((status) => status === 429 || (status >= 500 && status <= 599)),
  };
}

/** @throws InvalidOptionError */
export function readUrl(url: string | URL): URL {
  let target: URL;
  try {
    target = parseTargetUrl(String(url));
  } catch (cause) {
    throw new InvalidOptionError(`url has to be a URL, found ${JSON.stringify(String(url))}`, { cause });
  }
  if (hasListenableScheme(target)) return target;
  throw new InvalidOptionError(`url has to be http: or https:, found ${target.protocol}`);
}

/** @throws InvalidOptionError */
export function readMethod(method: string): string {
  if (/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(method)) return method.toUpperCase();
  throw new InvalidOptionError(`method has to be an HTTP method, found ${JSON.stringify(method)}`);
}

/** @throws InvalidOptionError where a request by this method has no body */
export function checkBodyMethod(method: string): void {
  if (!/^(?:GET|HEAD)$/i.test(method)) return;
  throw new InvalidOptionError(`body needs a method that sends one, found ${method}`);
}

/** @throws InvalidOptionError */
export function readHeaders(headers: HeadersInit): Headers {
  try {
    return new Headers(headers);
  } catch (cause) {
    throw new InvalidOptionError('headers has a name or value that HTTP does not allow', { cause });
  }
}

/** @throws InvalidOptionError */
export function readLastEventId(name: string, id: string): string {
  if (typeof id === 'string' && encodeLastEventId(id) !== undefined) return id;
  const found = JSON.stringify(id);
  throw new InvalidOptionError(`${name} goes into a header, which holds no control characters; found ${found}`);
}

function readSharedKey(
  url: PerTry<string | URL>,
  { shared = false, method = 'GET', withCredentials = false }: SubscribeOptions<EventSchemas | undefined, boolean>,
): string | undefined {
  if (shared === false) return undefined;
  if (shared !== true && (typeof shared !== 'string' || shared === '')) {
    throw new InvalidOptionError(`shared has to be true, false or a name, found ${JSON.stringify(shared)}`);
  }
  if (typeof url === 'function' && shared === true) {
    throw new InvalidOptionError('shared has to be a name where url is a function, found true');
  }
  if (typeof method === 'function' || method.toUpperCase() !== 'GET') {
    throw new InvalidOptionError('shared needs the method GET, given as a string');
  }
  return JSON.stringify([shared, url instanceof URL ? url.href : '', withCredentials]);
}

function checkStore(store: PositionStore): void {
  if (typeof store.get === 'function' && typeof store.set === 'function') return;
  throw new InvalidOptionError('store has to be an object with the functions get and set');
}

function readSchemas(schemas: EventSchemas): EventSchemas {
  for (const [type, schema] of Object.entries(schemas)) {
    const { version, validate } = schema?.['~standard'] ?? {};
    if (version === 1 && typeof validate === 'function') continue;
    throw new InvalidOptionError(`schemas.${type} has to be a Standard Schema of version 1, which has "~standard"`);
  }
  return { ...schemas };
}

function checkNumber(name: string, value: number, min = 1, max = Infinity): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new InvalidOptionError(`${name} has to be a number from ${min} to ${max}, found ${String(value)}`);
}

function checkInteger(name: string, value: number, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new InvalidOptionError(`${name} has to be an integer from ${min} to ${max}, found ${String(value)}`);
}

function checkDuration(name: string, value: number): number {
  return value === Infinity ? value : checkNumber(name, value, 1, MAX_TIMER_MS);
}
