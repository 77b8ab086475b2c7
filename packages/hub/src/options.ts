import type { Authenticate } from '@tidings/server';
import type { Clock } from '@tidings/server/live';
import type { EventLog } from '@tidings/server/log';
import type { Logger } from 'pino';
import type { KeyOptions } from './access/key.ts';
import { checkNames, HubError } from './errors.ts';
import type { MakeFace } from './faces/face.ts';
import type { HubLimits } from './limits.ts';

export interface HubOptions extends KeyOptions {
  /** Where the events are kept. The hub closes it when it is closed. */
  readonly log: EventLog;
  /** The ways in which the hub is spoken to; the first that matches a URL answers. @default topics and health */
  readonly faces?: readonly MakeFace[];
  /**
   * Finds out what the sender of a request may do. It takes the place of `key` and `anonymous`, and is asked for every request but `OPTIONS`.
   * @default by `key` and `anonymous` (PROTOCOL §9)
   */
  readonly authenticate?: Authenticate;
  /** Origins of pages that may read and publish, such as `https://example.com`. @default none */
  readonly allowedOrigins?: readonly string[];
  /** The URL by which clients reach the hub, where it is not the one they ask for: relative patterns resolve against it. */
  readonly publicUrl?: string;
  /** How long a stream may be silent before it is sent a keep-alive, in milliseconds; 0 for no keep-alives. @default 15000 */
  readonly keepAliveMs?: number;
  /** Bytes that may wait for one listener before it is caught up from the log. @default 262144 */
  readonly maxBacklogBytes?: number;
  /** Bounds of what one client, and all of them together, may take. */
  readonly limits?: Partial<HubLimits>;
  /**
   * Whether streams are sent in gzip or zstd to listeners that accept it (PROTOCOL §5.8). An event is several times smaller then, and its size tells
   * what it has in common with those before it: not where one listener is sent secrets beside what others publish (BREACH). @default false
   */
  readonly compression?: boolean;
  /** Where the hub writes what goes wrong. @default nowhere */
  readonly logger?: Logger;
  /** The time and its timers, for tests. @default the system's */
  readonly clock?: Clock;
}

const NAMES: Readonly<Record<keyof HubOptions, true>> = {
  log: true,
  faces: true,
  authenticate: true,
  key: true,
  anonymous: true,
  allowedOrigins: true,
  publicUrl: true,
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
  const { log, faces, authenticate, key, anonymous, publicUrl } = options;
  if (typeof (log as EventLog | undefined)?.append !== 'function') throw invalid('log', log, 'an event log');
  if (faces !== undefined && !(Array.isArray(faces) && faces.every((make) => typeof make === 'function'))) {
    throw invalid('faces', faces, 'an array of functions, such as topics()');
  }
  if (authenticate !== undefined && (key !== undefined || anonymous !== undefined)) {
    throw new HubError(
      'ERR_INVALID_OPTION',
      'The option authenticate is given together with key or anonymous, but must take their place',
    );
  }
  if (publicUrl !== undefined && !/^https?:\/\/./i.test(publicUrl)) {
    throw invalid('publicUrl', publicUrl, 'an absolute URL of http: or https:');
  }
  if (publicUrl !== undefined && !URL.canParse(publicUrl)) throw invalid('publicUrl', publicUrl, 'a valid URL');
}

function invalid(name: string, found: unknown, allowed: string): HubError {
  const shown = typeof found === 'string' ? JSON.stringify(found) : String(found);
  return new HubError('ERR_INVALID_OPTION', `The option ${name} is ${shown}, but must be ${allowed}`);
}
