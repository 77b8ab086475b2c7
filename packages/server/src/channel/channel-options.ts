import { checkAudienceOptions, type AudienceOptions } from '../audience/options.ts';
import { type Clock, checkClock } from '../clock.ts';
import { checkChoice, checkFunction, checkNames, ServerError, shown } from '../errors.ts';
import { checkCors, type Cors } from '../http/cors.ts';
import { checkCompression, checkHeaders, EVENT_STREAM_HEADERS, joinHeaders, type HeadOptions } from '../http/head.ts';
import type { FanOutOptions } from '../live/options.ts';
import type { EventLog } from '../log/event-log.ts';
import { checkTopic } from '../log/keeping/frame.ts';
import { checkLog } from '../log/log-check.ts';
import { MemoryLog } from '../log/memory/memory-log.ts';
import { type Heartbeat, HEARTBEATS } from '../sink/keep-alive.ts';
import { checkRetention, type Retention } from '../log/keeping/retention.ts';

export interface ChannelOptions
  extends
    HeadOptions,
    Omit<AudienceOptions, 'maxMatcherBytes'>,
    Omit<FanOutOptions, 'schedule' | 'overflow' | 'maxTickBytes'> {
  /** Which events are kept for listeners that come back; false for none. A bound that is left out does not apply. @default 1,000 events and 16 MiB */
  readonly history?: Retention | false | undefined;
  /** The log that keeps the events. The channel does not close a log that it was given. @default a MemoryLog with `history` */
  readonly log?: EventLog | undefined;
  /**
   * The topic of the channel's events in its log: 1 to 1,024 bytes of UTF-8. `authenticate` must allow listening to it.
   * @default 'channel'
   */
  readonly topic?: string | undefined;
  /**
   * What happens to a slow listener if `history` is false. With a history the listener is caught up from that.
   * - `evict`: its stream is broken off, and it gets a `tidings-gap` when it comes back;
   * - `drop-oldest`: it gets a `tidings-gap` and the newest events that fit into `maxBacklogBytes`;
   * - `latest-by-key`: it gets the newest event of each key (given to `publish`, else the type), as far as they fit into `maxBacklogBytes`.
   * @default 'evict'
   */
  readonly overflow?: Overflow | undefined;
  /**
   * How streams are kept alive. A listener can choose for itself with `?heartbeat=`.
   * - `auto`: by a comment, or by an event `tidings-heartbeat` if the listener has to be told its position. Every browser takes the position from that;
   * - `event`: by that event at least every `keepAliveMs`, whatever else is sent, so that a page can notice a dead connection. While a listener is still
   *   sent older events, it gets one only after `keepAliveMs` of silence, and a comment instead as long as it may have to be told of a gap;
   * - `comment`: never by an event, for clients that read the data of every event as JSON. The position is told by a block that has only an id.
   *   Firefox ignores it, so there a connection that breaks before the first event loses what comes meanwhile.
   * @default 'auto', and 'comment' for a request whose `Accept` has neither `text/event-stream` nor a wildcard for it
   */
  readonly heartbeat?: Heartbeat | undefined;
  /**
   * Whether a listener can ask for the events since a time, with `?since=`, and for those of some types, with `?type=` (PROTOCOL §5.12, §5.13). Otherwise parameters
   * of these names are yours to use.
   * @default false
   */
  readonly historyParameters?: boolean | undefined;
  /**
   * Called when the last listener has left, and when a request that was not let in leaves the channel without one. Not called once the channel has been
   * drained. It is for programs that make channels as they are needed: `drain(0)` ends one, and a log that it was given keeps the events.
   * @default nothing
   */
  readonly onEmpty?: (() => void) | undefined;
  /**
   * Called with errors that have no caller: of a filter, of `authenticate` when rights are renewed, of a log that cannot be read, and of a `publish`, `close`
   * or `drain` that nobody waits for.
   * @default console.error
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export type Overflow = (typeof OVERFLOWS)[number];

const OVERFLOWS = ['evict', 'drop-oldest', 'latest-by-key'] as const;

const DEFAULT_HISTORY: Retention = { maxEvents: 1000, maxBytes: 16 * 1024 * 1024 };

const DEFAULT_MAX_BACKLOG_BYTES = 256 * 1024;

const NAMES: Readonly<Record<keyof ChannelOptions, true>> = {
  history: true,
  log: true,
  topic: true,
  overflow: true,
  maxBacklogBytes: true,
  authenticate: true,
  maxListeners: true,
  maxListenersPerKey: true,
  key: true,
  heartbeat: true,
  historyParameters: true,
  keepAliveMs: true,
  headers: true,
  cors: true,
  compression: true,
  onEmpty: true,
  onError: true,
  clock: true,
};

/** The options as the channel uses them. */
export interface CheckedChannelOptions {
  readonly log: EventLog;
  /** Whether the channel made the log, and closes it. */
  readonly ownsLog: boolean;
  readonly topic: string;
  readonly fanOut: FanOutOptions;
  readonly audience: AudienceOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly cors: Cors | undefined;
  readonly compression: boolean;
  readonly heartbeat: Heartbeat;
  readonly historyParameters: boolean;
  readonly onEmpty: (() => void) | undefined;
  readonly onError: (error: unknown) => void;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkChannelOptions(options: ChannelOptions): CheckedChannelOptions {
  checkNames(options, NAMES);
  const { history = DEFAULT_HISTORY, maxBacklogBytes = DEFAULT_MAX_BACKLOG_BYTES } = options;
  const clock = checkClock(options.clock);
  const overflow = checkOverflow(options);
  const { authenticate, maxListeners, maxListenersPerKey, key } = options;
  const audience: AudienceOptions = {
    clock,
    ...(authenticate === undefined ? {} : { authenticate }),
    ...(maxListeners === undefined ? {} : { maxListeners }),
    ...(maxListenersPerKey === undefined ? {} : { maxListenersPerKey }),
    ...(key === undefined ? {} : { key }),
  };
  // Before a fan-out follows the log, because the fan-out of a failed constructor would never stop following it.
  checkAudienceOptions(audience);
  return {
    log:
      options.log === undefined
        ? memoryLog(history, { overflow, maxBacklogBytes, clock })
        : checkLog('log', options.log),
    ownsLog: options.log === undefined,
    topic: checkChannelTopic(options.topic ?? 'channel'),
    fanOut: {
      ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
      maxBacklogBytes,
      clock,
      overflow: overflow === 'evict' ? 'evict' : 'catch-up',
      // What is kept for slow listeners is less than a large tick.
      ...(history === false ? { maxTickBytes: Number.MAX_SAFE_INTEGER } : {}),
    },
    audience,
    headers: joinHeaders(EVENT_STREAM_HEADERS, checkHeaders(options.headers)),
    cors: checkCors(options.cors),
    compression: checkCompression(options.compression),
    heartbeat: checkChoice('heartbeat', options.heartbeat ?? 'auto', HEARTBEATS),
    historyParameters: checkChoice('historyParameters', options.historyParameters ?? false, [true, false]),
    onEmpty: checkFunction('onEmpty', options.onEmpty),
    onError: checkFunction('onError', options.onError) ?? toConsole,
  };
}

function checkChannelTopic(topic: string): string {
  try {
    checkTopic(topic);
    return topic;
  } catch (cause) {
    if (!(cause instanceof ServerError)) throw cause;
    throw new ServerError('ERR_INVALID_OPTION', `The option topic cannot be used: ${cause.message}`, { cause });
  }
}

function checkOverflow({ history, log, overflow }: ChannelOptions): Overflow | undefined {
  if (log !== undefined && history !== undefined) {
    throw invalid('history', 'is given beside a log, but the log has a retention of its own');
  }
  if (history !== undefined && history !== false && (typeof history !== 'object' || history === null)) {
    throw invalid('history', `is ${shown(history)}, but must be an object of bounds or false`);
  }
  if (history) checkRetention(history, 'history');
  if (history === false) return checkChoice('overflow', overflow ?? 'evict', OVERFLOWS);
  if (overflow === undefined) return undefined;
  checkChoice('overflow', overflow, OVERFLOWS);
  throw invalid(
    'overflow',
    'is only for channels with `history: false`; other channels catch a slow listener up from their history',
  );
}

/** Without a history the log keeps only the events for slow listeners, once for all of them. */
function memoryLog(
  history: Retention | false,
  { overflow, maxBacklogBytes, clock }: { overflow: Overflow | undefined; maxBacklogBytes: number; clock: Clock },
): MemoryLog {
  if (history !== false) return new MemoryLog({ retention: history, clock });
  const retention: Retention = overflow === 'evict' ? { maxEvents: 0 } : { maxBytes: maxBacklogBytes };
  return new MemoryLog({ retention, clock, framesOnly: true, latestByKey: overflow === 'latest-by-key' });
}

function toConsole(error: unknown): void {
  // oxlint-disable-next-line no-console -- the one place that every runtime has for an error that has no caller
  console.error(error);
}

function invalid(name: string, problem: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', `The option ${name} ${problem}`);
}
