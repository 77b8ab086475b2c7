import type { Authenticate } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import { type EventLog, logProblem, shown } from '@tidings/server/log';
import type { Logger } from 'pino';
import type { KeyOptions } from './access/key.ts';
import type { ProxyOptions } from './access/proxies.ts';
import { checkNames, HubError } from './errors.ts';
import type { MakeFace } from './faces/face.ts';
import type { GivenLimits } from './limits.ts';

export interface HubOptions extends KeyOptions, ProxyOptions {
  /** The log that keeps the events. The hub closes it when the hub is closed. */
  readonly log: EventLog;
  /** The HTTP interfaces of the hub. The first face that matches a URL answers. @default topics and health */
  readonly faces?: readonly MakeFace[] | undefined;
  /**
   * Decides what the sender of a request may do. It replaces `key` and `anonymous`, and is called for every request but `OPTIONS`.
   * @default by `key` and `anonymous` (PROTOCOL §9)
   */
  readonly authenticate?: Authenticate | undefined;
  /** Origins of pages that may read and publish, such as `https://example.com`. @default none */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * The URL by which clients reach the hub, if it is not the one in their requests. Patterns are resolved against it, and its page may
   * publish. It may have a path, which proxies may pass on or take away. @default the URL of each request
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
  /** The time and its timers, for tests. @default the system's */
  readonly clock?: Clock | undefined;
}

/** Whether only its address keeps strangers out of a hub (PROTOCOL §9.1). */
export function isKeyless({ authenticate, key, anonymous = 'none' }: HubOptions): boolean {
  return authenticate === undefined && key === undefined && anonymous === 'none';
}

/** The methods of a logger that the hub calls. */
const LOGGER_METHODS = ['error', 'warn', 'debug', 'isLevelEnabled'] as const;

const NAMES: Readonly<Record<keyof HubOptions, true>> = {
  log: true,
  faces: true,
  authenticate: true,
  key: true,
  anonymous: true,
  allowedOrigins: true,
  publicUrl: true,
  trustedProxies: true,
  proxyHeader: true,
  keepAliveMs: true,
  maxBacklogBytes: true,
  limits: true,
  compression: true,
  logger: true,
  clock: true,
};

/**
 * Checks what no other part of the hub checks.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function checkOptions(options: HubOptions): void {
  checkNames('', options, NAMES);
  const { log, faces, authenticate, key, anonymous, allowedOrigins } = options;
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
  if (authenticate !== undefined && (key !== undefined || anonymous !== undefined)) {
    throw new HubError(
      'ERR_INVALID_OPTION',
      'The option authenticate is given together with key or anonymous, but must replace them',
    );
  }
  const { logger } = options;
  if (logger !== undefined && !LOGGER_METHODS.every((name) => typeof logger[name] === 'function')) {
    throw invalid('logger', logger, `a logger of pino, with ${LOGGER_METHODS.join(', ')}`);
  }
}

function invalid(name: string, found: unknown, allowed: string): HubError {
  return new HubError('ERR_INVALID_OPTION', `The option ${name} is ${shown(found)}, but must be ${allowed}`);
}
