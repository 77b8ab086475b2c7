import type { HubLimits, HubOptions, HubServerOptions } from '@tidings/hub';
import { DURATION_FORM, parseDuration } from '@tidings/server/units';
import type { Command, Option } from 'commander';
import { AGE, COUNT, option, type OptionFormat, SIZE } from '../command-line/option.ts';
import { parseInteger, parseSize } from '../terminal/quantity.ts';

/** Bounds of a hub and of its server (PROTOCOL §11), as they take them. */
export interface LimitSettings {
  readonly hub: Pick<HubOptions, 'limits' | 'keepAliveMs' | 'maxBacklogBytes'>;
  readonly server: Omit<HubServerOptions, 'tls'>;
}

/** The values of the options, by the names of their attributes. */
export type LimitOptions = Readonly<Record<string, unknown>>;

interface Limit {
  readonly format: OptionFormat<number>;
  /** What a number without a unit is in, in the `limits` of a file. */
  readonly unit: '' | 'B' | 'ms';
  readonly about: string;
  /** Whether the help leaves it out. */
  readonly isHidden: boolean;
}

/** The highest value that a server accepts, and a timer waits. */
const MAX = 2 ** 31 - 1;

const SERVER_COUNT: OptionFormat<number> = {
  parse: (text) => parseInteger(text, 1, MAX),
  allowed: `a whole number from 1 to ${MAX}`,
};

/** `none` for the most that a server takes. */
const SERVER_COUNT_OR_NONE: OptionFormat<number> = {
  parse: (text) => (text === 'none' ? MAX : SERVER_COUNT.parse(text)),
  allowed: `${SERVER_COUNT.allowed}, or "none"`,
};

const SERVER_SIZE: OptionFormat<number> = {
  parse: (text) => upToMax(parseSize(text)),
  allowed: 'a number with the unit B, kB, MB, GB, KiB or MiB, such as 16KiB, of less than 2GiB',
};

const SERVER_TIME: OptionFormat<number> = {
  parse: (text) => upToMax(parseDuration(text)),
  allowed: `${DURATION_FORM}, from 1ms to ${MAX}ms`,
};

const KEEP_ALIVE: OptionFormat<number> = {
  parse: (text) => (text === 'none' ? 0 : SERVER_TIME.parse(text)),
  allowed: `${SERVER_TIME.allowed}, or "none"`,
};

const count = (about: string): Limit => ({ format: COUNT, unit: '', about, isHidden: false });
const size = (about: string): Limit => ({ format: SIZE, unit: 'B', about, isHidden: false });
const time = (about: string): Limit => ({ format: AGE, unit: 'ms', about, isHidden: true });
const hidden = (limit: Limit, format = limit.format): Limit => ({ ...limit, format, isHidden: true });

const HUB = {
  maxListeners: count('most listeners in all (default: 50000)'),
  maxListenersPerAddress: count('most listeners from one address, or of one subject of tokens (default: none)'),
  maxEventsPerSecond: count(
    'most events a second that one sender may publish: one subject of tokens, or else one address (default: none)',
  ),
  maxBytesPerSecond: size('the same for the bytes of its bodies (default: none)'),
  maxEventBytes: size("most bytes of one event's data (default: 1MiB)"),
  maxSubscriptionEventsPerSecond: hidden(
    count('most events a second that tell of the Mercure subscriptions of one sender'),
  ),
  maxPresenceStreams: hidden(count('most streams that tell who listens')),
  maxMatchers: hidden(count('most matchers of one listener')),
  maxMatcherBytes: hidden(size('most memory for the matchers of all listeners together')),
  maxTicketsPerSubject: hidden(count('most tickets of one subject that can still be used')),
  maxBodyBytes: hidden(size('most bytes of a body that is published as one batch')),
  maxBatchEvents: hidden(count('most events of one batch')),
  maxPendingBytes: hidden(size('most bytes of all bodies together that are not in the log yet')),
  maxBodyStallMs: time('a body that is read whole is given up if less than 16 KiB of it came in this time'),
  maxUploadIdleMs: time('a live upload is given up if nothing of it came in this time'),
  maxRetryMs: time('longest reconnection time that an event may set'),
  maxQueryBytes: hidden(size('most bytes of the form in a QUERY')),
  maxPendingQueryBytes: hidden(size('most bytes of all such forms together that are being read')),
} as const satisfies Readonly<Record<keyof HubLimits, Limit>>;

const STREAMS = {
  keepAliveMs: {
    ...time('how long a stream may be silent before it is sent a keep-alive, or none (default: 15s)'),
    format: KEEP_ALIVE,
    isHidden: false,
  },
  maxBacklogBytes: hidden(size('most bytes that may wait for one listener'), SERVER_SIZE),
} as const satisfies Readonly<Record<Exclude<keyof LimitSettings['hub'], 'limits'>, Limit>>;

const SERVER = {
  maxConnectionsPerAddress: {
    ...count('most connections of one address, but those of trusted proxies (default: 1000)'),
    format: SERVER_COUNT_OR_NONE,
  },
  idleConnectionMs: { ...time('how long a connection without a request is kept'), format: SERVER_TIME },
  lingerMs: { ...time('how long is read on after a body was refused'), format: SERVER_TIME },
  maxHeadMs: { ...time('how long the head of a request may take'), format: SERVER_TIME },
  maxAnswerMs: { ...time('how long a client may take to read an answer that is no stream'), format: SERVER_TIME },
  maxLargeHeads: hidden(count('most connections in the middle of a head of more than 16 KiB'), SERVER_COUNT),
  maxPipelined: hidden(count('most requests of one connection that wait for the answers before them'), SERVER_COUNT),
  maxHandshakes: hidden(count('most connections in the middle of a handshake of TLS'), SERVER_COUNT),
  maxStreams: hidden(count('most streams of one connection of HTTP/2'), SERVER_COUNT),
  maxUnsentBytes: hidden(size('most bytes of all answers together that are not read yet'), SERVER_SIZE),
  maxUrlBytes: hidden(size('most bytes of a URL'), SERVER_SIZE),
  maxFieldBytes: hidden(size('most bytes of the header fields of a request'), SERVER_SIZE),
} as const satisfies Readonly<Record<keyof LimitSettings['server'], Limit>>;

const LIMITS: ReadonlyMap<string, Limit> = new Map(Object.entries<Limit>({ ...HUB, ...STREAMS, ...SERVER }));

const VALUES: Readonly<Record<Limit['unit'], string>> = { '': 'n', B: 'size', ms: 'duration' };

/** The names of the limits, which are those that the options of the hub and of its server have. */
export const LIMIT_NAMES: readonly string[] = [...LIMITS.keys()];

/** One option for each limit: `--max-events-per-second`, and `--keep-alive` for `keepAliveMs`. */
export function addLimitOptions(command: Command): Command {
  for (const [name, limit] of LIMITS) command.addOption(optionOf(name, limit));
  return command;
}

function optionOf(name: string, { format, unit, about, isHidden }: Limit): Option {
  return option(`--${limitOption(name)} <${VALUES[unit]}>`, about, format).hideHelp(isHidden);
}

/** The name of the option for a limit. */
export function limitOption(name: string): string {
  return attributeOf(name).replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The value of a limit in a file as its option takes it: a number there has the unit of the name. */
export function limitText(name: string, value: unknown): unknown {
  return typeof value === 'number' ? `${value}${LIMITS.get(name)?.unit ?? ''}` : value;
}

/** The limits that are given. */
export function limitSettings(options: LimitOptions): LimitSettings {
  const limits = given(HUB, options);
  return {
    hub: { ...(Object.keys(limits).length === 0 ? {} : { limits }), ...given(STREAMS, options) },
    server: given(SERVER, options),
  };
}

function given<Name extends string>(
  limits: Readonly<Record<Name, Limit>>,
  options: LimitOptions,
): { [Each in Name]?: number } {
  const values = Object.keys(limits).map((name) => [name, options[attributeOf(name)]] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as { [Each in Name]?: number };
}

function attributeOf(name: string): string {
  return name.replace(/Ms$/, '');
}

function upToMax(value: number | undefined): number | undefined {
  return value !== undefined && value >= 1 && value <= MAX ? value : undefined;
}
