import {
  checkBounds,
  checkRetention,
  DEFAULT_SCAN_MS,
  MAX_SCAN_MS,
  type CheckedBounds,
  type Clock,
  type LogBounds,
  type LogRetention,
  shown,
  suggestion,
} from '@tidings/server/log';
import { checkUrl, withoutSchema } from './address.ts';
import { PostgresError } from './errors.ts';

export interface PostgresLogOptions extends LogBounds {
  /**
   * Where the database is, and who uses it: `postgres://user:password@host:5432/database`, with the parameters of the driver `pg`, such as `sslmode` and `sslrootcert`.
   * One that the driver does not honour is refused.
   */
  readonly url: string;
  /**
   * Where a standby of the database is, in the same form. Pages are read from it when it has everything that they are to hold, as for listeners that catch up. Else, and
   * while it cannot be reached, they are read from the database itself. @default none
   */
  readonly replicaUrl?: string | undefined;
  /** The schema that has the tables, 1 to 40 of a to z, 0 to 9 and `_`. It is made if it is not there. @default 'tidings' */
  readonly schema?: string | undefined;
  /** @default 7 days and 1 GiB */
  readonly retention?: LogRetention | undefined;
  /** How often retention by age is applied, in milliseconds. @default 10000 */
  readonly trimEveryMs?: number | undefined;
  /**
   * How often the log looks for what others have appended if no notification tells of it, in milliseconds, 10 to 60000. Behind a pooler that gives no
   * notifications, it is how late an event of another node may be. @default 1000
   */
  readonly pollMs?: number | undefined;
  /**
   * How long an append or a question waits for a database that cannot be reached, in milliseconds, before it is refused with `ERR_STORE_AWAY`. With 0 it is refused
   * when the database has just been tried once. From 0. @default 0
   */
  readonly waitMs?: number | undefined;
  /** The longest that a statement may take, in milliseconds. The database ends a transaction that stands still for half of that. From 100. @default 10000 */
  readonly statementMs?: number | undefined;
  /** The most connections that read pages at once, 1 to 64. There are two more: one that writes, and one that follows. @default 4 */
  readonly maxReaders?: number | undefined;
  /**
   * Called with what no caller learns: `ERR_NOT_TRIMMED`, `ERR_STORE_AWAY` and `ERR_REPLICA_AWAY`, once until it is over or fails in another way, and
   * `ERR_OUTBOX_REFUSED`.
   * @default a warning of the process
   */
  readonly onError?: ((error: PostgresError) => void) | undefined;
  /**
   * What the events that wait to be stored may cost in memory, in bytes. An append that would exceed it is refused with `ERR_TOO_MUCH_WAITS`. It
   * guards the memory against publishers that are faster than the database. From 1.
   * @default 134217728
   */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * How long looking through what was read may take in one turn of the event loop, in milliseconds, 1 to 1000, for all requests together.
   * @default 2
   */
  readonly scanMs?: number | undefined;
  /** @default the system's. The clocks of all nodes have to agree to about a second */
  readonly clock?: Clock | undefined;
}

const DEFAULT_RETENTION: LogRetention = { maxAgeMs: 7 * 24 * 60 * 60 * 1000, maxBytes: 1024 * 1024 * 1024 };

const MAX_TIMER_MS = 2 ** 31 - 1;
const SCHEMA = /^[a-z_][a-z0-9_]{0,39}$/;

const NAMES: Readonly<Record<keyof PostgresLogOptions, true>> = {
  url: true,
  replicaUrl: true,
  schema: true,
  retention: true,
  trimEveryMs: true,
  pollMs: true,
  waitMs: true,
  statementMs: true,
  maxReaders: true,
  onError: true,
  maxWaitingBytes: true,
  scanMs: true,
  clock: true,
  maxBatchEvents: true,
  maxEventBytes: true,
  maxKeys: true,
  maxCreatedTopics: true,
  maxLeases: true,
};

export interface CheckedOptions {
  readonly url: string;
  readonly replicaUrl: string | undefined;
  readonly schema: string;
  readonly retention: LogRetention;
  readonly bounds: CheckedBounds;
  readonly trimEveryMs: number;
  readonly pollMs: number;
  readonly waitMs: number;
  readonly statementMs: number;
  readonly maxReaders: number;
  readonly maxWaitingBytes: number;
}

/** @throws {PostgresError} `ERR_INVALID_OPTION` */
export function checkOptions(options: PostgresLogOptions): CheckedOptions {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(NAMES, name));
  if (unknown !== undefined) {
    const names = Object.keys(NAMES);
    const found = JSON.stringify(unknown);
    throw refused(`There is no option ${found}; allowed are ${names.join(', ')}${suggestion(unknown, names)}`);
  }
  const { url, replicaUrl, schema = 'tidings', retention = DEFAULT_RETENTION, onError } = options;
  checkUrl('The option url', url);
  if (replicaUrl !== undefined) checkUrl('The option replicaUrl', replicaUrl);
  if (typeof schema !== 'string' || !SCHEMA.test(schema)) {
    throw refused(
      `The option schema is ${shown(schema)}, but must be 1 to 40 of a to z, 0 to 9 and _, the first no digit`,
    );
  }
  if (onError !== undefined && typeof onError !== 'function') {
    throw refused(`The option onError is ${shown(onError)}, but must be a function`);
  }
  integer('scanMs', options.scanMs, DEFAULT_SCAN_MS, 1, MAX_SCAN_MS);
  const numbers = {
    trimEveryMs: integer('trimEveryMs', options.trimEveryMs, 10_000, 1, MAX_TIMER_MS),
    pollMs: integer('pollMs', options.pollMs, 1000, 10, 60_000),
    waitMs: integer('waitMs', options.waitMs, 0, 0, MAX_TIMER_MS),
    statementMs: integer('statementMs', options.statementMs, 10_000, 100, MAX_TIMER_MS),
    maxReaders: integer('maxReaders', options.maxReaders, 4, 1, 64),
    maxWaitingBytes: integer('maxWaitingBytes', options.maxWaitingBytes, 128 * 1024 * 1024, 1, Number.MAX_SAFE_INTEGER),
  };
  try {
    checkRetention(retention);
    return { url, replicaUrl, schema, retention, bounds: checkBounds(options, retention), ...numbers };
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

/** The options of a log whose URL has the schema, too. @throws {PostgresError} `ERR_INVALID_OPTION` */
export function optionsOf(url: string, options: Omit<PostgresLogOptions, 'url' | 'schema'>): PostgresLogOptions {
  checkUrl('The URL of the log', url, ['schema']);
  return { ...options, ...withoutSchema(url) };
}

function integer(name: string, given: number | undefined, usual: number, least: number, most: number): number {
  const value = given ?? usual;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const allowed = most === Number.MAX_SAFE_INTEGER ? `an integer from ${least}` : `an integer from ${least} to ${most}`;
  throw refused(`The option ${name} is ${shown(value)}, but must be ${allowed}`);
}

function refused(message: string, cause?: unknown): PostgresError {
  return new PostgresError('ERR_INVALID_OPTION', message, { cause });
}
