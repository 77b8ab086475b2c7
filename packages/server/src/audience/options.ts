import { type Clock, systemClock } from '../clock.ts';
import { checkFunction, checkInteger } from '../errors.ts';
import type { RequestHead } from '../http/request.ts';
import type { PlaceLimits } from './places.ts';
import type { Authenticate } from './rights.ts';

export interface AudienceOptions {
  /**
   * Finds out what the sender of a request may do. It is asked on every connect, and again when the rights that it gave expire.
   * @default everybody may listen to everything
   */
  readonly authenticate?: Authenticate;
  /** How many listeners there may be in all; the next one is answered 503. From 1. @default 50000 */
  readonly maxListeners?: number;
  /** How many listeners there may be with the same key; the next one is answered 429. From 1. @default unbounded */
  readonly maxListenersPerKey?: number;
  /**
   * Whose listener a request is, such as a user or an address, for the limit of listeners with the same key; undefined for one that is not
   * counted. A `key` of the rights goes before it.
   * @default the network address, which behind a proxy is the proxy's
   */
  readonly key?: (request: RequestHead) => string | undefined;
  /** @default the system's clock */
  readonly clock?: Clock;
}

/** Guards the memory against listeners that only connect. */
const DEFAULT_MAX_LISTENERS = 50_000;

interface CheckedAudienceOptions {
  readonly authenticate: Authenticate;
  /** Undefined where listeners are not counted by key. */
  readonly key: ((request: RequestHead) => string | undefined) | undefined;
  readonly limits: PlaceLimits;
  readonly clock: Clock;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkAudienceOptions(options: AudienceOptions): CheckedAudienceOptions {
  const { maxListeners = DEFAULT_MAX_LISTENERS, maxListenersPerKey, clock = systemClock } = options;
  checkInteger('maxListeners', maxListeners, 1, 2 ** 31 - 1);
  if (maxListenersPerKey !== undefined) checkInteger('maxListenersPerKey', maxListenersPerKey, 1, 2 ** 31 - 1);
  const key = checkFunction('key', options.key) ?? ((request: RequestHead) => request.address);
  return {
    authenticate: checkFunction('authenticate', options.authenticate) ?? (() => true),
    key: maxListenersPerKey === undefined ? undefined : key,
    limits: { maxListeners, maxListenersPerKey: maxListenersPerKey ?? Number.POSITIVE_INFINITY },
    clock,
  };
}
