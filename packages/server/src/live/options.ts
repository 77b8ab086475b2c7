import { type Clock, systemClock } from '../clock.ts';
import { checkChoice, checkFunction, checkInteger } from '../errors.ts';
import { DEFAULT_KEEP_ALIVE_MS } from '../sink/keep-alive.ts';

export interface FanOutOptions {
  /**
   * Bytes that may wait for one listener's socket. A listener that is caught up may have as many as its transport takes before it asks to
   * wait (64 KiB for a socket of Node's), though this is less. @default 262144
   */
  readonly maxBacklogBytes?: number;
  /**
   * What happens to a listener for which more than that waits when the next tick is written: it leaves its cohort and is caught up from the
   * log, or it is broken off. @default 'catch-up'
   */
  readonly overflow?: 'catch-up' | 'evict';
  /**
   * How long a stream may be silent before it is sent a keep-alive, in milliseconds; 0 for no keep-alives.
   * @default 15000, on Bun 8000
   */
  readonly keepAliveMs?: number;
  /** @default the system's clock */
  readonly clock?: Clock;
  /** Runs a function soon, after what is under way; how often it does is how long a tick is. @default setImmediate */
  readonly schedule?: (run: () => void) => void;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkFanOutOptions(options: FanOutOptions): Required<FanOutOptions> {
  return {
    maxBacklogBytes: checkInteger('maxBacklogBytes', options.maxBacklogBytes ?? 256 * 1024, 0, 2 ** 31),
    overflow: checkChoice('overflow', options.overflow ?? 'catch-up', ['catch-up', 'evict']),
    keepAliveMs: checkInteger('keepAliveMs', options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS, 0, 2 ** 31 - 1),
    clock: options.clock ?? systemClock,
    schedule: checkFunction('schedule', options.schedule) ?? ((run) => setImmediate(run)),
  };
}
