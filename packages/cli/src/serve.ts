import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { checkBinding, createServer, Hub, HubError, MemoryLog } from '@tidings/hub';
import { LmdbLog } from '@tidings/hub/lmdb';
import { destination, pino } from 'pino';
import { announce, type Anonymous, type Retention } from './announcement.ts';
import { bind, tryBinding } from './binding.ts';
import { CliError } from './cli-error.ts';
import { notice } from './notice.ts';

/** How far apart listeners are told to come back after the hub has stopped, in milliseconds. */
const COMEBACK_WINDOW_MS = 2_000;

/** How long requests under way may take to finish after a signal, in milliseconds. An upload may never end by itself. */
const FINISH_MS = 5_000;

/** The hosts that stand for all addresses of the machine, and the one by which the machine reaches itself. */
const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

export interface Serve {
  /** 0 to 65,535; 0 lets the system pick one. */
  readonly port: number;
  readonly host: string;
  /** The folder of the events, or undefined for memory. */
  readonly data: string | undefined;
  readonly key: string | undefined;
  readonly anonymous: Anonymous;
  readonly origins: readonly string[];
  readonly retention: Retention;
  /** Whether to log more than warnings and errors. */
  readonly verbose: boolean;
}

/**
 * Runs a hub until SIGINT or SIGTERM.
 *
 * @throws {CliError} `ERR_ADDRESS`, `ERR_USAGE`
 * @throws {HubError} where the data folder cannot be used
 */
export async function serve(options: Serve): Promise<void> {
  const { host, data, key, anonymous, origins, retention } = options;
  const access = { anonymous, allowedOrigins: origins, ...(key === undefined ? {} : { key }) };
  checkAccess(options, access);
  // Before the data is opened: of a second hub in the same folder, the port is the better thing to name.
  await tryBinding(options.port, host);
  const log = await openLog(data, retention);
  const page = await readPage();
  const hub = new Hub({
    log,
    ...access,
    ...(page === undefined ? {} : { page }),
    logger: pino({ level: options.verbose ? 'debug' : 'warn' }, destination({ dest: 2, sync: true })),
  });
  const server = createServer(hub);
  const stopped = untilSignal();
  try {
    const port = await bind(server, options.port, host);
    const url = urlOf(host, port);
    const loopback = !WILDCARDS.has(host) && isLoopback(url);
    process.stdout.write(
      announce({ url, data, retention, hasKey: key !== undefined, anonymous, loopback, hasPage: page !== undefined }),
    );
    await stopped;
    notice('Stopping…');
  } finally {
    await close(hub, server);
  }
}

function checkAccess({ host, key, anonymous }: Serve, access: Parameters<typeof checkBinding>[1]): void {
  if (key === undefined && (anonymous === 'listen' || anonymous === 'publish')) {
    const closed = anonymous === 'listen' ? 'publish' : 'listen';
    throw new CliError(
      'ERR_USAGE',
      `--anonymous ${anonymous} without a key leaves nobody who may ${closed}: give one with --key or TIDINGS_KEY`,
    );
  }
  try {
    checkBinding(host, access);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    const advice = 'give a key with --key or TIDINGS_KEY, or open it by name with --anonymous';
    throw new CliError('ERR_ADDRESS', `${error.message}; ${advice}`, { cause: error });
  }
}

async function openLog(data: string | undefined, bounds: Retention): Promise<LmdbLog | MemoryLog> {
  const { maxAgeMs, maxBytes, maxEvents } = bounds;
  const retention = {
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxEvents === undefined ? {} : { maxEvents }),
  };
  if (data === undefined) return new MemoryLog({ retention });
  return LmdbLog.open({ path: data, retention });
}

/** The page is put next to this file when the package is built. */
async function readPage(): Promise<string | undefined> {
  try {
    return await readFile(new URL('page.html', import.meta.url), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function urlOf(host: string, port: number): URL {
  const reached = WILDCARDS.get(host) ?? host;
  return new URL(`http://${reached.includes(':') ? `[${reached}]` : reached}:${port}/`);
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

/** The first signal ends the hub in good order, a second one at once. */
async function untilSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    let signals = 0;
    const receive = (): void => {
      signals++;
      if (signals > 1) process.exit(130);
      resolve();
    };
    process.on('SIGINT', receive);
    process.on('SIGTERM', receive);
  });
}

async function close(hub: Hub, server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), FINISH_MS);
  const closed = server.listening ? once(server, 'close') : undefined;
  server.close();
  await hub.close({ windowMs: COMEBACK_WINDOW_MS });
  await closed;
  clearTimeout(timer);
}
