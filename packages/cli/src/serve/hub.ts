import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import type { Server } from 'node:http';
import {
  type AnonymousAccess,
  checkBinding,
  compilePattern,
  createServer,
  health,
  Hub,
  HubError,
  MemoryLog,
  page,
  type ProxyHeader,
  type LogRetention,
  topics,
} from '@tidings/hub';
import { LmdbError, LmdbLog } from '@tidings/lmdb';
import { CliError } from '../errors.ts';
import { makeLogger } from './logger.ts';

/** Listeners come back spread over this time after the hub has stopped, in milliseconds. */
const COMEBACK_WINDOW_MS = 2_000;

/**
 * The least time that listeners stay away if no process holds the socket, in milliseconds. It is longer than a restart, because the `EventSource`
 * of a browser may give up when a connection is refused.
 */
const AWAY_MS = 5_000;

export interface HubSettings {
  /** The folder of the events, or undefined for memory. */
  readonly data: string | undefined;
  readonly retention: LogRetention;
  readonly key: string | undefined;
  readonly anonymous: AnonymousAccess;
  /** The origins of pages that may use the hub. */
  readonly origins: readonly string[];
  /** Whether streams are compressed for listeners that accept it. */
  readonly compression: boolean;
  /** The URL by which clients reach the hub; undefined if it is the one in their requests. */
  readonly publicUrl: string | undefined;
  /** The trusted proxies, and the header fields in which they give the address of a client. */
  readonly trustedProxies: readonly string[];
  readonly proxyHeader: ProxyHeader;
  /** Whether to log more than warnings and errors. */
  readonly verbose: boolean;
}

export interface RunningHub {
  readonly servers: readonly Server[];
  readonly hasPage: boolean;
  /** One more server for the hub. It does not listen yet. */
  addServer(): Server;
  /** Ends streams and closes the log. */
  close(): Promise<void>;
}

/** Checks that a hub with these settings may listen on the host. @throws {CliError} `ERR_USAGE` */
export function checkHost(host: string, settings: HubSettings): void {
  try {
    checkBinding(host, accessOf(settings));
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'ERR_NOT_LOOPBACK') throw error;
    throw new CliError(
      'ERR_USAGE',
      `without a key the hub listens on loopback addresses only, and ${host} is not one: ` +
        'set a key with --key or TIDINGS_KEY, or let everyone in with --anonymous all',
      { cause: error },
    );
  }
}

/**
 * Opens the log and makes a hub on it.
 *
 * @param isHeld whether its sockets outlive this process
 * @throws {CliError} `ERR_USAGE`, `ERR_DATA`
 */
export async function openHub(settings: HubSettings, isHeld: boolean): Promise<RunningHub> {
  const { data, retention, compression, verbose, publicUrl, trustedProxies, proxyHeader } = settings;
  const html = await readPage();
  const logger = makeLogger(verbose);
  checkRetain(retention);
  let log: LmdbLog | MemoryLog | undefined;
  try {
    const faces = [topics(), health(), ...(html === undefined ? [] : [page(html)])];
    const onError = (error: LmdbError): void => logger.error(error.message);
    log =
      data === undefined
        ? openMemory(retention)
        : await LmdbLog.open({ path: data, retention, onDamage: onError, onError });
    const reached = { trustedProxies, proxyHeader, ...(publicUrl === undefined ? {} : { publicUrl }) };
    const hub = new Hub({ log, ...accessOf(settings), ...reached, compression, logger, faces });
    const servers: Server[] = [];
    return {
      servers,
      hasPage: html !== undefined,
      addServer() {
        const server = createServer(hub);
        servers.push(server);
        return server;
      },
      close: () => hub.close({ awayMs: isHeld ? 0 : AWAY_MS, windowMs: COMEBACK_WINDOW_MS }),
    };
  } catch (error) {
    await log?.close();
    throw error instanceof HubError || error instanceof LmdbError ? explain(error) : error;
  }
}

/** @throws {CliError} `ERR_USAGE` for a pattern of `--retain` that is none */
function checkRetain({ perTopic = [] }: LogRetention): void {
  for (const { topics: matchers } of perTopic) {
    for (const matcher of matchers) {
      try {
        if (typeof matcher !== 'string') compilePattern(matcher);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new CliError('ERR_USAGE', `--retain has a pattern that is not allowed: ${why}`, { cause: error });
      }
    }
  }
}

/**
 * Opens a log in memory. Every trimmed event leaves garbage that has lived for long. By default V8 collects it only when the heap has grown to four times
 * its live objects. Here that is twice.
 */
function openMemory(retention: LogRetention): MemoryLog {
  setFlagsFromString('--heap-growing-percent=100');
  return new MemoryLog({ retention });
}

function accessOf({ key, anonymous, origins }: HubSettings): {
  key?: string;
  anonymous: AnonymousAccess;
  allowedOrigins: readonly string[];
} {
  return { anonymous, allowedOrigins: origins, ...(key === undefined ? {} : { key }) };
}

function explain(error: HubError | LmdbError): CliError {
  const { message, code } = error;
  switch (code) {
    case 'ERR_INVALID_OPTION':
    case 'ERR_NOT_LOOPBACK':
      return new CliError('ERR_USAGE', `cannot start the hub: ${message}`, { cause: error });
    case 'ERR_DATA_IN_USE':
      return new CliError(
        'ERR_DATA',
        `cannot start the hub: ${message}: stop that one, or choose another folder with --data`,
        { cause: error },
      );
    case 'ERR_DATA_FOLDER':
    case 'ERR_DATA_DAMAGED':
    case 'ERR_DATA_FORMAT':
    case 'ERR_NOT_TRIMMED':
      return new CliError('ERR_DATA', `cannot start the hub: ${message}; choose another folder with --data`, {
        cause: error,
      });
  }
}

/** The build puts the page into the folder of the built command. */
async function readPage(): Promise<string | undefined> {
  try {
    return await readFile(new URL('../page.html', import.meta.url), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
