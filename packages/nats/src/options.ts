import {
  checkBounds,
  type CheckedBounds,
  checkRetention,
  type Clock,
  DEFAULT_SCAN_MS,
  type LogBounds,
  type LogRetention,
  MAX_SCAN_MS,
  shown,
  suggestion,
} from '@tidings/server/log';
import { NatsError } from './errors.ts';

export interface NatsLogOptions extends LogBounds {
  /**
   * The URLs of the servers: `nats://`, or `tls://` for connections over TLS, with `user:password@` or `token@` before the host of the first one if the servers ask
   * for it. Several are servers of one cluster.
   */
  readonly servers: string | readonly string[];
  /**
   * The name of the log on the server: its stream is called that, and the bucket that holds its snapshots `NAME-snapshots`. 1 to 64 of `A`–`Z`, `a`–`z`,
   * `0`–`9`, `_` and `-`.
   * @default 'tidings'
   */
  readonly name?: string | undefined;
  /** On how many servers of a cluster everything is stored: 1, 3 or 5. It counts when the stream is made. @default 1 */
  readonly replicas?: 1 | 3 | 5 | undefined;
  /**
   * What is kept. It belongs to the log, not to one node: the node that was opened last sets it for all. Every node holds what is kept in memory.
   * @default 7 days and 256 MiB
   */
  readonly retention?: LogRetention | undefined;
  /**
   * How long an append, or a question that the store has to answer, waits while the store is away, in milliseconds. Then it is refused with `ERR_STORE_AWAY`.
   * 0 to 600000.
   * @default 15000
   */
  readonly waitMs?: number | undefined;
  /**
   * What the appends that wait to be stored may take, in bytes. An append that would exceed it is refused with `ERR_TOO_MUCH_WAITS`. It guards the
   * memory against publishers that are faster than the store. From 1.
   * @default 134217728
   */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * The size of the stream from which a node stores a snapshot of the log and removes the messages before it, in bytes. The stream may also be twice as large as the
   * last snapshot. From 65536.
   * @default 67108864
   */
  readonly compactBytes?: number | undefined;
  /** As for `MemoryLog`. @default 2 */
  readonly scanMs?: number | undefined;
  /** Called with what fails while the log is open and is tried again, such as a snapshot. @default a warning of the process */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** The time of events. @default the system's */
  readonly clock?: Clock | undefined;
}

/** What all nodes of a log have to agree on. */
export interface Settings extends LogBounds {
  readonly retention: LogRetention;
}

export interface Checked {
  readonly servers: readonly string[];
  readonly name: string;
  readonly replicas: number;
  readonly settings: Settings;
  readonly bounds: CheckedBounds;
  readonly waitMs: number;
  readonly maxWaitingBytes: number;
  readonly compactBytes: number;
}

/** PROTOCOL §11. */
const DEFAULT_RETENTION: LogRetention = { maxAgeMs: 7 * 24 * 60 * 60 * 1000, maxBytes: 256 * 1024 * 1024 };
// Longer than the servers of a cluster need to agree on another leader: 4 to 9 seconds.
const DEFAULT_WAIT_MS = 15_000;
const MAX_WAIT_MS = 600_000;
const DEFAULT_MAX_WAITING_BYTES = 128 * 1024 * 1024;
const DEFAULT_COMPACT_BYTES = 64 * 1024 * 1024;
const MIN_COMPACT_BYTES = 64 * 1024;

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const SCHEMES: ReadonlySet<string> = new Set(['nats:', 'tls:']);

const NAMES: Readonly<Record<keyof NatsLogOptions, true>> = {
  servers: true,
  name: true,
  replicas: true,
  retention: true,
  waitMs: true,
  maxWaitingBytes: true,
  compactBytes: true,
  maxBatchEvents: true,
  maxEventBytes: true,
  maxKeys: true,
  maxCreatedTopics: true,
  maxLeases: true,
  scanMs: true,
  onError: true,
  clock: true,
};

/** @throws {NatsError} `ERR_INVALID_OPTION` */
export function checkOptions(options: NatsLogOptions): Checked {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw refused(`The options are ${shown(options)}, but must be an object with the servers`);
  }
  const names = Object.keys(NAMES);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const found = JSON.stringify(unknown);
    throw refused(`There is no option ${found}; allowed are ${names.join(', ')}${suggestion(unknown, names)}`);
  }
  const { name = 'tidings', replicas = 1, onError, retention = DEFAULT_RETENTION } = options;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw refused(`The option name is ${shown(name)}, but must be 1 to 64 of A to Z, a to z, 0 to 9, _ and -`);
  }
  if (![1, 3, 5].includes(replicas)) throw refused(`The option replicas is ${shown(replicas)}, but must be 1, 3 or 5`);
  if (onError !== undefined && typeof onError !== 'function') {
    throw refused(`The option onError is ${shown(onError)}, but must be a function`);
  }
  checkNumber('scanMs', options.scanMs ?? DEFAULT_SCAN_MS, 1, MAX_SCAN_MS);
  const servers = checkServers(options.servers);
  const { maxBatchEvents, maxEventBytes, maxKeys, maxCreatedTopics, maxLeases } = options;
  try {
    checkRetention(retention);
    const bounds = checkBounds(options, retention);
    return {
      servers,
      name,
      replicas,
      // As it comes back from JSON.
      settings: JSON.parse(
        JSON.stringify({ retention, maxBatchEvents, maxEventBytes, maxKeys, maxCreatedTopics, maxLeases }),
      ) as Settings,
      bounds,
      waitMs: checkNumber('waitMs', options.waitMs ?? DEFAULT_WAIT_MS, 0, MAX_WAIT_MS),
      maxWaitingBytes: checkNumber(
        'maxWaitingBytes',
        options.maxWaitingBytes ?? DEFAULT_MAX_WAITING_BYTES,
        1,
        Number.MAX_SAFE_INTEGER,
      ),
      compactBytes: checkNumber(
        'compactBytes',
        options.compactBytes ?? DEFAULT_COMPACT_BYTES,
        MIN_COMPACT_BYTES,
        Number.MAX_SAFE_INTEGER,
      ),
    };
  } catch (error) {
    if (error instanceof NatsError) throw error;
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function checkServers(servers: NatsLogOptions['servers']): readonly string[] {
  const all = typeof servers === 'string' ? [servers] : servers;
  if (!Array.isArray(all) || all.length === 0) {
    throw refused(
      `The option servers is ${shown(servers)}, but must be a URL such as nats://127.0.0.1:4222, or several`,
    );
  }
  let first: URL | undefined;
  for (const server of all as readonly string[]) {
    const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
    // A URL may hold a password, so that it is not shown.
    if (!url || !SCHEMES.has(url.protocol) || url.hostname === '') {
      throw refused(
        'The option servers has a text that is no URL of a server; one such as nats://127.0.0.1:4222 or tls://host is allowed',
      );
    }
    if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
      throw refused(
        'The option servers has a URL with something behind the server; one such as nats://127.0.0.1:4222 is allowed, and the option name is that of the log',
      );
    }
    first ??= url;
    checkServer(url, first);
  }
  return all as readonly string[];
}

/** @param first the one whose user counts for all */
function checkServer(url: URL, first: URL): void {
  if (url.port === '0') throw refused('The option servers has the port 0; 1 to 65535 are allowed');
  if (!isDecodable(url.username) || !isDecodable(url.password)) {
    throw refused(
      'The option servers has a user, a password or a token with a % that two hexadecimal digits of a character do not follow: a % itself is written %25',
    );
  }
  if (url.username.includes(',') || url.password.includes(',')) {
    throw refused(
      'The option servers has a comma before an @: each server is an element of its own, with user and password, or the token, before the first one, and in a password , is written %2C',
    );
  }
  const hasUser = url.username !== '' || url.password !== '';
  if (hasUser && (url.username !== first.username || url.password !== first.password)) {
    throw refused(
      'The option servers has a user or a token before another server than the first that is not the same there: what stands before the first one counts for all of them',
    );
  }
}

/** Whether each % in a text begins a character. */
export function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function checkNumber(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const allowed = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`;
  throw refused(`The option ${name} is ${shown(value)}, but must be an integer from ${least}${allowed}`);
}

function refused(message: string, cause?: unknown): NatsError {
  return new NatsError('ERR_INVALID_OPTION', message, { cause });
}
