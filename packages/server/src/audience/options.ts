import { type Clock, systemClock } from '../clock.ts';
import { checkFunction, checkInteger, checkNames, ServerError, shown } from '../errors.ts';
import type { RequestHead } from '../http/request.ts';
import type { PlaceLimits } from './places.ts';
import type { Authenticate } from './rights.ts';

export interface AudienceOptions {
  /**
   * Decides what the sender of a request may do. It is called on every connect, and again when the rights expire.
   * @default everyone may listen to everything
   */
  readonly authenticate?: Authenticate | undefined;
  /** The most listeners in all, from 1. One more is answered 503. @default 50000 */
  readonly maxListeners?: number | undefined;
  /**
   * The most memory that the topics and patterns of all listeners together may take, in bytes, from 1. A pattern that several have counts once. A
   * listener that would exceed it is answered 503. @default 268435456
   */
  readonly maxMatcherBytes?: number | undefined;
  /** The most listeners with the same key, from 1. One more is answered 429. @default unbounded */
  readonly maxListenersPerKey?: number | undefined;
  /**
   * Returns the key by which `maxListenersPerKey` counts a request, such as a user or an address, or undefined for a request that is not
   * counted. A `key` of the rights takes precedence.
   * @default the network address. Behind a proxy that is the address of the proxy
   */
  readonly key?: (request: RequestHead) => string | undefined;
  /** @default the system's clock */
  readonly clock?: Clock | undefined;
}

/** Guards the memory against listeners that only connect. */
const DEFAULT_MAX_LISTENERS = 50_000;

/** Guards the memory against listeners with many long patterns, of which one may have some 300 kB. */
const DEFAULT_MAX_MATCHER_BYTES = 256 * 1024 * 1024;

interface CheckedAudienceOptions {
  readonly authenticate: Authenticate;
  /** Undefined if listeners are not counted by key. */
  readonly key: ((request: RequestHead) => string | undefined) | undefined;
  readonly limits: PlaceLimits;
  readonly clock: Clock;
}

const NAMES: Readonly<Record<keyof AudienceOptions, true>> = {
  authenticate: true,
  maxListeners: true,
  maxMatcherBytes: true,
  maxListenersPerKey: true,
  key: true,
  clock: true,
};

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkAudienceOptions(options: AudienceOptions): CheckedAudienceOptions {
  checkNames(options, NAMES);
  const { maxListeners = DEFAULT_MAX_LISTENERS, maxListenersPerKey, clock = systemClock } = options;
  const { maxMatcherBytes = DEFAULT_MAX_MATCHER_BYTES } = options;
  checkInteger('maxMatcherBytes', maxMatcherBytes, 1, Number.MAX_SAFE_INTEGER);
  checkInteger('maxListeners', maxListeners, 1, 2 ** 31 - 1);
  if (maxListenersPerKey !== undefined) checkInteger('maxListenersPerKey', maxListenersPerKey, 1, 2 ** 31 - 1);
  const key = checkFunction('key', options.key) ?? ((request: RequestHead) => request.address);
  return {
    authenticate: checkFunction('authenticate', options.authenticate) ?? (() => true),
    key: maxListenersPerKey === undefined ? undefined : key,
    limits: {
      maxListeners,
      maxListenersPerKey: maxListenersPerKey ?? Number.POSITIVE_INFINITY,
      maxMatcherBytes,
    },
    clock,
  };
}

/** Checks the argument of `kick()`. @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkWhich(which: unknown): void {
  if (typeof which === 'function') return;
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The argument of kick() is ${shown(which)}, but must be a function that chooses listeners, such as ({ subject }) => subject === 'ada'`,
  );
}
