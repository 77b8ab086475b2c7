import type { Authenticate } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import { type EventLog, logProblem, shown } from '@tidings/server/log';
import type { Peers } from '@tidings/server/log/remote';
import type { Logger } from 'pino';
import type { KeyOptions } from './access/key.ts';
import type { ProxyOptions } from './access/proxies.ts';
import type { TokenOptions } from './access/tokens/options.ts';
import { checkNames, HubError } from './errors.ts';
import type { MakeFace } from './faces/face.ts';
import type { GivenLimits } from './limits.ts';

export interface HubOptions extends KeyOptions, ProxyOptions {
  /** The log that keeps the events. The hub closes it when the hub is closed. */
  readonly log: EventLog;
  /** The HTTP interfaces of the hub. The first face that matches a URL answers. @default topics, health and access */
  readonly faces?: readonly MakeFace[] | undefined;
  /**
   * Decides what the sender of a request may do. It replaces `key`, `anonymous` and `tokens`, and is called for every request but `OPTIONS`.
   * @default by `key` and `anonymous` (PROTOCOL §9)
   */
  readonly authenticate?: Authenticate | undefined;
  /** Takes signed tokens (JWT), beside the key (PROTOCOL §15). @default no tokens */
  readonly tokens?: TokenOptions | undefined;
  /** Origins of pages that may read and publish, such as `https://example.com`. @default none */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * The URL by which clients reach the hub. Relative patterns are resolved against it, or else against `http://localhost/`, and pages of its origin are the hub's own.
   * It may have a path, which proxies may pass on or take away. @default unknown: the hub's own page has the origin of the request
   */
  readonly publicUrl?: string | undefined;
  /** A keep-alive is sent when a stream has been silent for this many milliseconds; 0 for no keep-alives. @default 15000 */
  readonly keepAliveMs?: number | undefined;
  /** How many bytes may wait for one listener. A listener with more is caught up from the log when it reads again. @default 262144 */
  readonly maxBacklogBytes?: number | undefined;
  /** Limits for one client, and for all clients together. */
  readonly limits?: GivenLimits | undefined;
  /**
   * Whether listeners that accept gzip or zstd get it (PROTOCOL §5.8). Events are then several times smaller, but the size of an event shows what
   * it has in common with earlier ones (BREACH). Do not use it where one stream holds secrets and text that others publish. @default false
   */
  readonly compression?: boolean | undefined;
  /**
   * A pino logger: for errors and warnings, and on the level `debug` for publishes, refusals, and listeners that come and go. It gets no key, token or data.
   * @default errors go to the console
   */
  readonly logger?: Logger | undefined;
  /**
   * The other processes that serve this hub on the same log, such as `log.peers` of a `RemoteLog`. All of them are one hub then: what clients may do is bounded for all
   * together, and whichever is asked tells of all (PROTOCOL §1.6). @default there are none
   */
  readonly peers?: Peers | undefined;
  /** The time and its timers, for tests. @default the system's */
  readonly clock?: Clock | undefined;
}

export interface CloseOptions {
  /**
   * The least time that listeners stay away, in milliseconds. It should be longer than a restart takes, because the `EventSource` of a browser may give up
   * when it is refused. 0 if connections wait for the next hub. @default 5000
   */
  readonly awayMs?: number | undefined;
  /** How far apart listeners come back, in milliseconds. @default 2000 */
  readonly windowMs?: number | undefined;
  /** How long requests under way may take to finish, in milliseconds. Uploads that stay open are ended at once. @default 5000 */
  readonly finishMs?: number | undefined;
}

const CLOSE_NAMES: Readonly<Record<keyof CloseOptions, true>> = { awayMs: true, windowMs: true, finishMs: true };

/** @throws {HubError} `ERR_INVALID_OPTION` */
export function checkCloseOptions(options: CloseOptions): void {
  checkNames('', options, CLOSE_NAMES);
}

/** The methods of a logger that the hub calls. */
const LOGGER_METHODS = ['error', 'warn', 'debug', 'isLevelEnabled'] as const;

const NAMES: Readonly<Record<keyof HubOptions, true>> = {
  log: true,
  faces: true,
  authenticate: true,
  key: true,
  adminKey: true,
  anonymous: true,
  tokens: true,
  allowedOrigins: true,
  publicUrl: true,
  trustedProxies: true,
  proxyHeader: true,
  keepAliveMs: true,
  maxBacklogBytes: true,
  limits: true,
  compression: true,
  logger: true,
  peers: true,
  clock: true,
};

/**
 * Checks what no other part of the hub checks.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function checkOptions(options: HubOptions): void {
  checkNames('', options, NAMES);
  const { log, faces, authenticate, key, adminKey, anonymous, tokens, allowedOrigins } = options;
  const problem = logProblem(log);
  if (problem !== undefined) throw new HubError('ERR_INVALID_OPTION', `The option log ${problem}`);
  if (faces !== undefined) {
    if (!Array.isArray(faces)) throw invalid('faces', faces, 'an array of functions, such as topics()');
    const strange = faces.findIndex((make) => typeof make !== 'function');
    if (strange !== -1)
      throw invalid(`faces[${strange}]`, faces[strange], 'a function that makes a face, such as topics()');
  }
  if (allowedOrigins !== undefined && !Array.isArray(allowedOrigins)) {
    throw invalid('allowedOrigins', allowedOrigins, 'an array of origins, such as https://example.com');
  }
  if (authenticate !== undefined && (key ?? adminKey ?? anonymous ?? tokens) !== undefined) {
    throw new HubError(
      'ERR_INVALID_OPTION',
      'The option authenticate is given together with key, adminKey, anonymous or tokens, but must replace them',
    );
  }
  const { logger, peers } = options;
  if (peers !== undefined && typeof peers?.ask !== 'function') {
    throw invalid('peers', peers, 'the peers of a log, such as those of a RemoteLog');
  }
  if (logger !== undefined && !LOGGER_METHODS.every((name) => typeof logger[name] === 'function')) {
    throw invalid('logger', logger, `a logger of pino, with ${LOGGER_METHODS.join(', ')}`);
  }
}

function invalid(name: string, found: unknown, allowed: string): HubError {
  return new HubError('ERR_INVALID_OPTION', `The option ${name} is ${shown(found)}, but must be ${allowed}`);
}
