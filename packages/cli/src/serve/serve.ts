import { once } from 'node:events';
import type { Server } from 'node:http';
import { isLoopback } from '@tidings/hub';
import { CliError } from '../errors.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice, outliveOutput } from '../terminal/output.ts';
import { announce } from './announcement.ts';
import { bind, tryBinding } from './binding.ts';
import { checkHost, type HubSettings, openHub, type RunningHub } from './hub.ts';

/** How long requests in progress may take to finish after a signal, in milliseconds. An upload may never end by itself. */
const FINISH_MS = 5_000;

/** How often idle connections are closed during the shutdown, in milliseconds. Browsers keep them open for minutes. */
const SWEEP_MS = 100;

/** The hosts that stand for all addresses of the machine, and the one by which the machine reaches itself. */
const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

export interface Serve extends HubSettings {
  /** A number from 0 to 65,535. With 0 the system picks a free port. */
  readonly port: number;
  readonly host: string;
}

/**
 * Runs a hub until SIGINT, SIGTERM or SIGHUP.
 *
 * @throws {CliError} `ERR_ADDRESS`, `ERR_DATA`, `ERR_USAGE`
 */
export async function serve(options: Serve): Promise<void> {
  const { port, host, data, retention, key, anonymous } = options;
  checkHost(host, options);
  if (key === undefined) checkKeyless(anonymous);
  // The port is tried before the data is opened: a second hub in the same folder most likely wants the same port, too.
  await tryBinding(port, host);
  const hub = await openHub(options);
  const interrupted = new Promise<void>((resolve) => {
    onInterrupt(resolve);
  });
  try {
    const url = urlOf(host, await bind(hub.server, port, host));
    const { hasPage } = hub;
    const loopback = isLoopback(host);
    const hasKey = key !== undefined;
    outliveOutput();
    process.stdout.write(announce({ url, data, retention, hasKey, anonymous, loopback, hasPage }));
    await interrupted;
    notice('Stopping…');
  } finally {
    await close(hub);
  }
}

function checkKeyless(anonymous: HubSettings['anonymous']): void {
  if (anonymous !== 'listen' && anonymous !== 'publish') return;
  const closed = anonymous === 'listen' ? 'publish' : 'listen';
  throw new CliError(
    'ERR_USAGE',
    `with --anonymous ${anonymous} and no key nobody may ${closed}: set a key with --key or TIDINGS_KEY`,
  );
}

function urlOf(host: string, port: number): URL {
  // A URL has no place for the interface of a link-local address.
  const [reached = host] = (WILDCARDS.get(host) ?? host).split('%', 1);
  return new URL(`http://${reached.includes(':') ? `[${reached}]` : reached}:${port}/`);
}

async function close(hub: RunningHub): Promise<void> {
  const closed = closeServer(hub.server);
  await hub.close();
  await closed;
}

/** Stops accepting connections. Resolves when the last connection is closed. */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  const sweeper = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const deadline = setTimeout(() => server.closeAllConnections(), FINISH_MS);
  await closed;
  clearInterval(sweeper);
  clearTimeout(deadline);
}
