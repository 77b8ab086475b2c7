import {
  checkBounds,
  checkRetention,
  DEFAULT_SCAN_MS,
  MAX_SCAN_MS,
  type CheckedBounds,
  type Clock,
  type LogBounds,
  type LogRetention,
  suggestion,
} from '@tidings/server/log';
import { LmdbError } from './errors.ts';

export interface LmdbLogOptions extends LogBounds {
  /** The data folder. It is created if it does not exist. */
  readonly path: string;
  /** @default 7 days and 1 GiB */
  readonly retention?: LogRetention | undefined;
  /** How often retention by age is applied, in milliseconds. @default 10000 */
  readonly trimEveryMs?: number | undefined;
  /**
   * Called once for each event that was changed on disk, when that is found. The code of the error is `ERR_DATA_DAMAGED`. The event is removed, and
   * its listeners are told of a gap.
   * @default a warning of the process
   */
  readonly onDamage?: ((error: LmdbError) => void) | undefined;
  /**
   * Called if the log cannot remove events that retention no longer keeps, such as on a failing disk, once until it can again or fails in another way.
   * The code of the error is `ERR_NOT_TRIMMED`. Failed appends are not reported here: they reject.
   * @default a warning of the process
   */
  readonly onError?: (error: LmdbError) => void;
  /**
   * What the events that wait to be stored may cost in memory, in bytes. An append that would exceed it is refused with `ERR_TOO_MUCH_WAITS`. It
   * guards the memory against publishers that are faster than the disk. From 1.
   * @default 134217728
   */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * How long looking for events may take in one turn of the event loop, in milliseconds, 1 to 1000, for all requests together. All logs of this
   * process that have the same value and the clock of the system share that time. Other work goes first then.
   * @default 2
   */
  readonly scanMs?: number | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** PROTOCOL §11. */
const DEFAULT_RETENTION: LogRetention = { maxAgeMs: 7 * 24 * 60 * 60 * 1000, maxBytes: 1024 ** 3 };

export const DEFAULT_TRIM_EVERY_MS = 10_000;
const DEFAULT_MAX_WAITING_BYTES = 128 * 1024 * 1024;
const MAX_TIMER_MS = 2 ** 31 - 1;

const NAMES: Readonly<Record<keyof LmdbLogOptions, true>> = {
  path: true,
  retention: true,
  trimEveryMs: true,
  onDamage: true,
  onError: true,
  maxBatchEvents: true,
  maxEventBytes: true,
  maxKeys: true,
  maxCreatedTopics: true,
  maxLeases: true,
  maxWaitingBytes: true,
  scanMs: true,
  clock: true,
};

export interface Checked {
  readonly retention: LogRetention;
  readonly bounds: CheckedBounds;
  readonly maxWaitingBytes: number;
}

/** Checks the options, and returns those that have a default. */
export function checkOptions(options: LmdbLogOptions): Checked {
  if (typeof options !== 'object' || options === null) {
    throw refused(`The options are ${String(options)}, but must be an object with the path of the data folder`);
  }
  const { path, trimEveryMs = DEFAULT_TRIM_EVERY_MS, retention = DEFAULT_RETENTION } = options;
  const { maxWaitingBytes = DEFAULT_MAX_WAITING_BYTES, scanMs = DEFAULT_SCAN_MS } = options;
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(NAMES, name));
  if (unknown !== undefined) {
    const names = Object.keys(NAMES);
    const found = JSON.stringify(unknown);
    throw refused(`There is no option ${found}; allowed are ${names.join(', ')}${suggestion(unknown, names)}`);
  }
  if (typeof path !== 'string' || path === '') throw refused('The option path must name the data folder');
  if (!Number.isInteger(trimEveryMs) || trimEveryMs < 1 || trimEveryMs > MAX_TIMER_MS) {
    throw refused(`The option trimEveryMs is ${trimEveryMs}, but must be an integer from 1 to ${MAX_TIMER_MS}`);
  }
  for (const name of ['onDamage', 'onError'] as const) {
    const found = typeof options[name];
    if (found !== 'undefined' && found !== 'function') {
      throw refused(`The option ${name} is ${found}, but must be a function`);
    }
  }
  if (!Number.isSafeInteger(maxWaitingBytes) || maxWaitingBytes < 1) {
    throw refused(`The option maxWaitingBytes is ${maxWaitingBytes}, but must be an integer from 1`);
  }
  if (!Number.isInteger(scanMs) || scanMs < 1 || scanMs > MAX_SCAN_MS) {
    throw refused(`The option scanMs is ${scanMs}, but must be an integer from 1 to ${MAX_SCAN_MS}`);
  }
  try {
    checkRetention(retention);
    return { retention, bounds: checkBounds(options, retention), maxWaitingBytes };
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function refused(message: string, cause?: unknown): LmdbError {
  return new LmdbError('ERR_INVALID_OPTION', message, { cause });
}
