import { type Clock, systemClock } from '../clock.ts';
import { checkChoice, checkFunction, checkInteger, checkNames } from '../errors.ts';
import { DEFAULT_KEEP_ALIVE_MS } from '../sink/keep-alive.ts';

export interface FanOutOptions {
  /**
   * How many bytes may wait for one listener's socket. A listener that is being caught up may have as many as its transport takes before it asks to
   * wait (64 KiB for a socket of Node's), though this is less. @default 262144
   */
  readonly maxBacklogBytes?: number | undefined;
  /**
   * What the listeners of one view may be given at the end of a tick, in bytes. If several events are more, each of these listeners is given them a
   * page at a time, at its own pace, for as long as the newest events take no more than 64 MiB; then it reads the log. With `overflow: 'evict'` there is no bound. @default 1048576, or `maxBacklogBytes` if that is more
   */
  readonly maxTickBytes?: number | undefined;
  /**
   * What happens to a listener for which more bytes wait when the next tick is written: it leaves its cohort and is caught up from the
   * log, or it is broken off. @default 'catch-up'
   */
  readonly overflow?: 'catch-up' | 'evict' | undefined;
  /**
   * A keep-alive is sent when a stream has been silent for this many milliseconds; 0 for no keep-alives.
   * @default 15000, on Bun 8000
   */
  readonly keepAliveMs?: number | undefined;
  /** @default the system's clock */
  readonly clock?: Clock | undefined;
  /** Runs a function soon, after the work under way. It determines how long a tick is. @default setImmediate */
  readonly schedule?: ((run: () => void) => void) | undefined;
}

const NAMES: Readonly<Record<keyof FanOutOptions, true>> = {
  maxBacklogBytes: true,
  maxTickBytes: true,
  overflow: true,
  keepAliveMs: true,
  clock: true,
  schedule: true,
};

/** The options with the defaults filled in. */
type CheckedFanOutOptions = { readonly [Name in keyof FanOutOptions]-?: Exclude<FanOutOptions[Name], undefined> };

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkFanOutOptions(options: FanOutOptions): CheckedFanOutOptions {
  checkNames(options, NAMES);
  const maxBacklogBytes = checkInteger('maxBacklogBytes', options.maxBacklogBytes ?? 256 * 1024, 0, 2 ** 31);
  const maxTickBytes = options.maxTickBytes ?? Math.max(1024 * 1024, maxBacklogBytes);
  return {
    maxBacklogBytes,
    maxTickBytes: checkInteger('maxTickBytes', maxTickBytes, 0, Number.MAX_SAFE_INTEGER),
    overflow: checkChoice('overflow', options.overflow ?? 'catch-up', ['catch-up', 'evict']),
    keepAliveMs: checkInteger('keepAliveMs', options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS, 0, 2 ** 31 - 1),
    clock: options.clock ?? systemClock,
    schedule: checkFunction('schedule', options.schedule) ?? ((run) => setImmediate(run)),
  };
}
