import type { AddressInfo } from 'node:net';
import { isLoopback } from '@tidings/hub';
import { CliError } from '../errors.ts';
import { bind, type Place, tryBinding } from '../sockets/binding.ts';
import { givenSockets } from '../sockets/inherited.ts';
import type { SupervisedBy } from '../supervise/supervised.ts';
import { onInterrupt } from '../terminal/interrupt.ts';
import { notice, outliveOutput } from '../terminal/output.ts';
import { announce } from './announcement.ts';
import { closeServer } from './closing.ts';
import { checkHost, type HubSettings, openHub, type RunningHub } from './hub.ts';

/** The hosts that mean all addresses of the machine, each with the address by which the machine reaches itself. */
const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

export interface Serve extends HubSettings {
  /** Where the hub listens. */
  readonly places: readonly Place[];
}

/**
 * Runs a hub until SIGINT, SIGTERM or, without a supervisor, SIGHUP.
 *
 * @param supervisor the process that has the sockets and says when the log may be opened; undefined if there is none
 * @throws {CliError} `ERR_ADDRESS`, `ERR_DATA`, `ERR_USAGE`
 */
export async function serve(options: Serve, supervisor?: SupervisedBy): Promise<void> {
  if (options.key === undefined) checkKeyless(options);
  const addresses = options.places.filter((place) => 'host' in place);
  for (const { host } of addresses) checkHost(host, options);
  const opened = await supervisor?.prepared();
  const places = opened ? givenSockets(opened.sockets.length, opened.sockets) : options.places;
  // The port is tried before the data is opened: a second hub in the same folder most likely wants the same port, too.
  if (!opened) for (const address of addresses) await tryBinding(address);
  const interrupted = new Promise<void>((resolve) => {
    onInterrupt(resolve);
    // The system sends SIGHUP when the terminal is closed. A supervisor gets it, too, and decides what to do.
    process.on('SIGHUP', () => {
      if (!supervisor) resolve();
    });
    void supervisor?.gone.then(resolve);
  });
  const isHeld = places.every((place) => 'fd' in place);
  const hub = await openHub(options, isHeld);
  try {
    outliveOutput();
    const bound = await listen(hub, places, options);
    if (opened?.isFirst !== false) {
      const hasKey = options.key !== undefined;
      const reached = whereabouts(places, bound);
      const loopback = reached.loopback && !isBehindProxy(options);
      process.stdout.write(announce({ ...options, ...reached, loopback, hasKey, hasPage: hub.hasPage }));
    }
    supervisor?.serving();
    await interrupted;
    if (!supervisor) notice('Stopping…');
  } finally {
    await close(hub, supervisor);
  }
}

/** Makes the hub listen at all of its places. @returns the addresses of those places that have one */
async function listen(hub: RunningHub, places: readonly Place[], settings: HubSettings): Promise<AddressInfo[]> {
  const bound: AddressInfo[] = [];
  for (const place of places) {
    const address = await bind(hub.addServer(), place);
    if (!address) continue;
    // No connection is accepted before this turn has ended.
    if ('fd' in place) checkHost(address.address, settings);
    bound.push(address);
  }
  return bound;
}

/** The announcement at the terminal: where the hub can be reached. */
function whereabouts(
  places: readonly Place[],
  bound: readonly AddressInfo[],
): { url: URL | undefined; sockets: readonly string[]; loopback: boolean; wildcard: boolean } {
  const [place] = places;
  const [first] = bound;
  const host = place && 'host' in place ? place.host : first?.address;
  return {
    url: first && host !== undefined ? urlOf(host, first.port) : undefined,
    sockets: places.flatMap((one) => ('fd' in one ? [one.name] : [])),
    loopback: bound.every(({ address }) => isLoopback(address)),
    wildcard: bound.some(({ address }) => WILDCARDS.has(address)),
  };
}

/** Whether a proxy, which clients of other machines use, passes requests on to the hub. */
function isBehindProxy({ publicUrl, trustedProxies }: HubSettings): boolean {
  return trustedProxies.length > 0 || (publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname));
}

function checkKeyless(settings: HubSettings): void {
  const { anonymous } = settings;
  if (anonymous === 'none' && isBehindProxy(settings)) {
    const option = settings.trustedProxies.length > 0 ? '--trusted-proxies' : `--public-url ${settings.publicUrl}`;
    throw new CliError(
      'ERR_USAGE',
      `without a key the hub is for this machine only, but ${option} is for a proxy, whose clients could all publish and listen: ` +
        'set a key with --key or TIDINGS_KEY, or let everyone in with --anonymous all',
    );
  }
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

async function close(hub: RunningHub, supervisor: SupervisedBy | undefined): Promise<void> {
  const servers = hub.servers.map(closeServer);
  await Promise.all([hub.close(), ...servers.map(({ idle }) => idle)]);
  supervisor?.released();
  await Promise.all(servers.map(({ closed }) => closed));
}
