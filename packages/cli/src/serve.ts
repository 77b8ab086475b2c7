import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { checkBinding, createServer, Hub, HubError, MemoryLog } from '@tidings/hub';
import { LmdbError, LmdbLog } from '@tidings/lmdb';
import { destination, pino } from 'pino';
import { announce, type Anonymous, type Retention } from './announcement.ts';
import { bind, tryBinding } from './binding.ts';
import { CliError } from './cli-error.ts';
import { notice } from './notice.ts';

/** How far apart listeners are told to come back after the hub has stopped, in milliseconds. */
const COMEBACK_WINDOW_MS = 2_000;

/** How long requests under way may take to finish after a signal, in milliseconds. An upload may never end by itself. */
const FINISH_MS = 5_000;

/** How often connections that requests have left open are closed, in milliseconds. Browsers keep them for minutes. */
const SWEEP_MS = 100;

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
  /** Whether streams are sent in gzip or zstd to who accepts it. */
  readonly compression: boolean;
  readonly retention: Retention;
  /** Whether to log more than warnings and errors. */
  readonly verbose: boolean;
}

/**
 * Runs a hub until SIGINT or SIGTERM.
 *
 * @throws {CliError} `ERR_ADDRESS`, `ERR_DATA`, `ERR_USAGE`
 */
export async function serve(options: Serve): Promise<void> {
  try {
    await run(options);
  } catch (error) {
    throw error instanceof HubError || error instanceof LmdbError ? explain(error) : error;
  }
}

async function run(options: Serve): Promise<void> {
  const { port, host, data, key, anonymous, origins, compression, retention, verbose } = options;
  const access = { anonymous, allowedOrigins: origins, ...(key === undefined ? {} : { key }) };
  checkBinding(host, access);
  if (key === undefined) checkKeyless(anonymous);
  // Before the data is opened: of a second hub in the same folder, the port is the better thing to name.
  await tryBinding(port, host);
  const page = await readPage();
  const log = await openLog(data, retention);
  const logger = pino({ level: verbose ? 'debug' : 'warn' }, destination({ dest: 2, sync: true }));
  let hub: Hub;
  try {
    hub = new Hub({ log, ...access, compression, ...(page === undefined ? {} : { page }), logger });
  } catch (error) {
    await log.close();
    throw error;
  }
  const server = createServer(hub);
  const signal = untilSignal();
  try {
    const url = urlOf(host, await bind(server, port, host));
    const loopback = !WILDCARDS.has(host) && isLoopback(url);
    const hasPage = page !== undefined;
    const hasKey = key !== undefined;
    process.stdout.write(announce({ url, data, retention, hasKey, anonymous, loopback, hasPage }));
    await signal;
    notice('Stopping…');
  } finally {
    await close(hub, server);
  }
}

function checkKeyless(anonymous: Anonymous): void {
  if (anonymous !== 'listen' && anonymous !== 'publish') return;
  const closed = anonymous === 'listen' ? 'publish' : 'listen';
  throw new CliError(
    'ERR_USAGE',
    `--anonymous ${anonymous} without a key leaves nobody who may ${closed}: give one with --key or TIDINGS_KEY`,
  );
}

function explain(error: HubError | LmdbError): CliError {
  const { message, code } = error;
  switch (code) {
    case 'ERR_INVALID_OPTION':
      return new CliError('ERR_USAGE', message, { cause: error });
    case 'ERR_NOT_LOOPBACK': {
      const advice = 'give one with --key or TIDINGS_KEY, or open the hub by name with --anonymous';
      return new CliError('ERR_USAGE', `${message}; ${advice}`, { cause: error });
    }
    case 'ERR_DATA_IN_USE':
      return new CliError('ERR_DATA', `${message}: stop that one, or choose another folder with --data`, {
        cause: error,
      });
    case 'ERR_DATA_FOLDER':
    case 'ERR_DATA_FORMAT':
      return new CliError('ERR_DATA', `${message}; choose another one with --data`, { cause: error });
  }
}

async function openLog(data: string | undefined, bounds: Retention): Promise<LmdbLog | MemoryLog> {
  const { maxAgeMs, maxBytes, maxEvents } = bounds;
  const retention = {
    ...(maxAgeMs === Infinity ? {} : { maxAgeMs }),
    ...(maxBytes === Infinity ? {} : { maxBytes }),
    ...(maxEvents === Infinity ? {} : { maxEvents }),
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
  const closed = server.listening ? once(server, 'close') : undefined;
  server.close();
  const sweeper = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const deadline = setTimeout(() => server.closeAllConnections(), FINISH_MS);
  await hub.close({ windowMs: COMEBACK_WINDOW_MS });
  await closed;
  clearInterval(sweeper);
  clearTimeout(deadline);
}
