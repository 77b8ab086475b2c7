import type { AudienceOptions } from '@tidings/server/live';
import { shown } from '@tidings/server/log';
import { checkNames, HubError } from './errors.ts';

/** The bounds of a hub (PROTOCOL §11). */
export interface HubLimits {
  /** The most bytes of one event's data. With 6 bytes more for each line it may have twice as many, and 4 KiB. @default 1048576 */
  readonly maxEventBytes: number;
  /** The most bytes of a body that is published as one batch. @default 16777216 */
  readonly maxBodyBytes: number;
  /** The most events of one batch. The log has a limit of its own. @default 10000 */
  readonly maxBatchEvents: number;
  /** The most bytes of all bodies together that have come and are not in the log yet. @default 67108864 */
  readonly maxPendingBytes: number;
  /** A body that is read whole is given up when less than 16 KiB of it came in this many milliseconds. @default 30000 */
  readonly maxBodyStallMs: number;
  /** An event stream that is published as it arrives is given up when nothing of it came in this many milliseconds. @default 3600000 */
  readonly maxUploadIdleMs: number;
  /** The longest reconnection time that an event may set, in milliseconds. @default 300000 */
  readonly maxRetryMs: number;
  /** The most bytes of the form in a `QUERY`. The default is enough for 100 matchers of any length, percent-encoded. @default 1048576 */
  readonly maxQueryBytes: number;
  /** The most bytes of all forms together that are being read. @default 16777216 */
  readonly maxPendingQueryBytes: number;
  /** The most listeners in all. @default 50000 */
  readonly maxListeners: number;
  /**
   * The most events a second that one sender may publish: one subject of tokens, or else one address, of IPv6 one /64. What is more is refused until the time for it has passed; a live
   * upload is read more slowly. @default unbounded
   */
  readonly maxEventsPerSecond: number;
  /** The same for the bytes of its bodies. @default unbounded */
  readonly maxBytesPerSecond: number;
  /**
   * The most events a second by which the face for Mercure tells that subscriptions of one sender begin and end (its option `subscriptions`). A subscriber of n matchers makes 2n of
   * them, and each counts once more for each KiB of its topic and data after the first. What is more is refused until the time for it has passed. @default 100
   */
  readonly maxSubscriptionEventsPerSecond: number;
  /** The most tickets of one subject that can still be used. @default 1000 */
  readonly maxTicketsPerSubject: number;
  /** The most listeners from one address (of IPv6 from one /64), of one subject of tokens, or with the same `key` in their rights. @default unbounded */
  readonly maxListenersPerAddress: number;
  /** The most streams that tell who listens to a topic. Each costs the same again when a listener of its topic comes or goes. @default 1000 */
  readonly maxPresenceStreams: number;
  /** The most matchers of one listener. @default 100 */
  readonly maxMatchers: number;
  /** The most memory that the matchers of all listeners together may take, in bytes. A pattern that several have counts once. @default 268435456 */
  readonly maxMatcherBytes: number;
}

/** The limits that a hub is given. Those that are left out are as the defaults say. */
export type GivenLimits = { readonly [Name in keyof HubLimits]?: HubLimits[Name] | undefined };

const DEFAULTS: HubLimits = {
  maxEventBytes: 1024 * 1024,
  maxBodyBytes: 16 * 1024 * 1024,
  maxBatchEvents: 10_000,
  maxPendingBytes: 64 * 1024 * 1024,
  maxBodyStallMs: 30_000,
  maxUploadIdleMs: 60 * 60 * 1000,
  maxRetryMs: 5 * 60 * 1000,
  maxQueryBytes: 1024 * 1024,
  maxPendingQueryBytes: 16 * 1024 * 1024,
  maxListeners: 50_000,
  maxTicketsPerSubject: 1000,
  maxSubscriptionEventsPerSecond: 100,
  maxEventsPerSecond: Number.POSITIVE_INFINITY,
  maxBytesPerSecond: Number.POSITIVE_INFINITY,
  maxListenersPerAddress: Number.POSITIVE_INFINITY,
  maxPresenceStreams: 1000,
  maxMatchers: 100,
  maxMatcherBytes: 256 * 1024 * 1024,
};

/** Options with the defaults filled in, also for those that are given as undefined. */
export function withDefaults<T extends object>(
  defaults: T,
  options: { readonly [Name in keyof T]?: T[Name] | undefined },
): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** The limits with the defaults filled in. @throws {HubError} `ERR_INVALID_OPTION` */
export function checkLimits(limits: GivenLimits): HubLimits {
  checkNames('limits.', limits, DEFAULTS);
  const checked = withDefaults(DEFAULTS, limits);
  for (const [name, value] of Object.entries<number>({ ...checked })) {
    if (value !== Number.POSITIVE_INFINITY && (!Number.isSafeInteger(value) || value < 1)) {
      throw new HubError(
        'ERR_INVALID_OPTION',
        `The option limits.${name} is ${shown(value)}, but must be a whole number from 1`,
      );
    }
  }
  return checked;
}

// The highest limit that an audience accepts.
const MAX_LIMIT = 2 ** 31 - 1;

/** Without a limit of the hub, the audience has none either. */
export function audienceLimits(limits: HubLimits): AudienceOptions {
  const { maxListeners, maxListenersPerAddress, maxMatcherBytes } = limits;
  return {
    maxMatcherBytes: Math.min(maxMatcherBytes, Number.MAX_SAFE_INTEGER),
    maxListeners: Math.min(maxListeners, MAX_LIMIT),
    ...(maxListenersPerAddress > MAX_LIMIT ? {} : { maxListenersPerKey: maxListenersPerAddress }),
  };
}
