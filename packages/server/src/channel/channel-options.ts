import type { Authorize } from '../audience/rights.ts';
import { checkCors, type Cors } from '../http/cors.ts';
import { checkChoice, checkFunction, checkInteger, checkNames, ServerError } from '../errors.ts';
import { checkFanOutOptions, type FanOutOptions } from '../live/fan-out-options.ts';
import { checkCompression, checkHeaders, EVENT_STREAM_HEADERS, joinHeaders, type HeadOptions } from '../http/head.ts';
import type { EventLog } from '../log/event-log.ts';
import { MemoryLog } from '../log/memory/memory-log.ts';
import { checkRetention, type Retention } from '../log/retention.ts';
import type { RequestHead } from '../http/request.ts';

export interface ChannelOptions extends HeadOptions, Omit<FanOutOptions, 'schedule' | 'overflow'> {
  /** What a listener that comes back can still be given; false for nothing. @default 1,000 events and 16 MiB */
  readonly history?: Retention | false;
  /** Where the events are kept, which stays its giver's: the channel does not close it. @default a MemoryLog with `history` */
  readonly log?: EventLog;
  /**
   * What becomes of a listener that reads too slowly, where `history` is false; with a history it is caught up from that.
   * - `evict`: it is broken off, and told of the gap when it comes back;
   * - `drop-oldest`: it gets the newest events that fit `maxBacklogBytes`, behind an event that tells of the gap;
   * - `latest-by-key`: it gets the newest event of each key (as given to `publish`, else of each type), as far as they fit `maxBacklogBytes`.
   * @default 'evict'
   */
  readonly overflow?: Overflow;
  /** Decides who may listen to what, on every connect and when a grant expires. @default everybody may, to everything */
  readonly authorize?: Authorize;
  /** Listeners in all; who comes then is answered 503. From 1. @default 50000 */
  readonly maxListeners?: number;
  /** Listeners with the same key; who comes then is answered 429. From 1. @default unbounded */
  readonly maxListenersPerKey?: number;
  /**
   * Whose listener a request is, such as a user or an address; undefined for one that is not counted.
   * @default the network address, which behind a proxy is the proxy's
   */
  readonly key?: (request: RequestHead) => string | undefined;
  /**
   * `event`: a keep-alive is an event `tidings-heartbeat`, in its time whatever else is sent, so that a page can tell a dead line. A page asks
   * for it on its own with `?heartbeat=event`. `comment`: a comment, in silence only. @default 'comment'
   */
  readonly heartbeat?: 'comment' | 'event';
  /** Told what nobody else hears of: what a filter threw, or `authorize` when a grant expired, or a log that could not be read. @default console.error */
  readonly onError?: (error: unknown) => void;
}

export type Overflow = (typeof OVERFLOWS)[number];

const OVERFLOWS = ['evict', 'drop-oldest', 'latest-by-key'] as const;

const DEFAULT_HISTORY: Retention = { maxEvents: 1000, maxBytes: 16 * 1024 * 1024 };

/** Guards the memory against listeners that only connect. */
const DEFAULT_MAX_LISTENERS = 50_000;

const NAMES: Readonly<Record<keyof ChannelOptions, true>> = {
  history: true,
  log: true,
  overflow: true,
  maxBacklogBytes: true,
  authorize: true,
  maxListeners: true,
  maxListenersPerKey: true,
  key: true,
  heartbeat: true,
  keepAliveMs: true,
  headers: true,
  cors: true,
  compression: true,
  onError: true,
  now: true,
};

/** The options as the channel uses them. */
export interface CheckedChannelOptions {
  readonly log: EventLog;
  /** Whether the channel made the log, and closes it. */
  readonly ownsLog: boolean;
  /** How long an event is kept in a log of its own, milliseconds, where that is bounded. */
  readonly maxAgeMs: number | undefined;
  readonly fanOut: Required<FanOutOptions>;
  readonly headers: Readonly<Record<string, string>>;
  readonly cors: Cors | undefined;
  readonly compression: boolean;
  readonly authorize: Authorize | undefined;
  readonly maxListeners: number;
  readonly maxListenersPerKey: number;
  readonly key: ((request: RequestHead) => string | undefined) | undefined;
  readonly visibleHeartbeat: boolean;
  readonly onError: (error: unknown) => void;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkChannelOptions(options: ChannelOptions): CheckedChannelOptions {
  checkNames(options, NAMES);
  const { history = DEFAULT_HISTORY, maxListenersPerKey } = options;
  const overflow = checkOverflow(options);
  const fanOut = checkFanOutOptions({ ...options, overflow: overflow === 'evict' ? 'evict' : 'catch-up' });
  const maxListeners = checkInteger('maxListeners', options.maxListeners ?? DEFAULT_MAX_LISTENERS, 1, 2 ** 31 - 1);
  if (maxListenersPerKey !== undefined) checkInteger('maxListenersPerKey', maxListenersPerKey, 1, 2 ** 31 - 1);
  const key = checkFunction('key', options.key) ?? ((request: RequestHead) => request.address);
  return {
    log: options.log ?? new MemoryLog(memoryLog(history, overflow, fanOut)),
    ownsLog: options.log === undefined,
    maxAgeMs: options.log === undefined && history !== false ? history.maxAgeMs : undefined,
    fanOut,
    headers: joinHeaders(EVENT_STREAM_HEADERS, checkHeaders(options.headers)),
    cors: checkCors(options.cors),
    compression: checkCompression(options.compression),
    authorize: checkFunction('authorize', options.authorize),
    maxListeners,
    maxListenersPerKey: maxListenersPerKey ?? Number.POSITIVE_INFINITY,
    key: maxListenersPerKey === undefined ? undefined : key,
    visibleHeartbeat: checkChoice('heartbeat', options.heartbeat ?? 'comment', ['comment', 'event']) === 'event',
    onError: checkFunction('onError', options.onError) ?? toConsole,
  };
}

function checkOverflow({ history, log, overflow }: ChannelOptions): Overflow | undefined {
  if (log !== undefined && history !== undefined) {
    throw invalid('history', 'is given beside a log, but the log has a retention of its own');
  }
  if (history !== undefined && history !== false && (typeof history !== 'object' || history === null)) {
    throw invalid('history', `is ${String(history)}, but must be an object of bounds or false`);
  }
  if (history) checkRetention(history, 'history');
  if (history === false) return checkChoice('overflow', overflow ?? 'evict', OVERFLOWS);
  if (overflow === undefined) return undefined;
  checkChoice('overflow', overflow, OVERFLOWS);
  throw invalid(
    'overflow',
    'is only for channels with `history: false`; others catch a slow listener up from what they keep',
  );
}

/** Without a history the log holds what slow listeners can still be given, for all of them together. */
function memoryLog(
  history: Retention | false,
  overflow: Overflow | undefined,
  { maxBacklogBytes, now }: Required<FanOutOptions>,
): ConstructorParameters<typeof MemoryLog>[0] {
  if (history !== false) return { retention: history, now };
  const retention: Retention = overflow === 'evict' ? { maxEvents: 0 } : { maxBytes: maxBacklogBytes };
  return { retention, now, latestByKey: overflow === 'latest-by-key' };
}

function toConsole(error: unknown): void {
  // oxlint-disable-next-line no-console -- the one place that every runtime has for an error that has no caller
  console.error(error);
}

function invalid(name: string, problem: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', `The option ${name} ${problem}`);
}
