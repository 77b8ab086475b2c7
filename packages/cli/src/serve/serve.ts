import type { AddressInfo } from 'node:net';
import { isLoopback } from '@tidings/hub';
import { CliError } from '../errors.ts';
import { type Address, bind, type Place, tryBinding } from '../sockets/binding.ts';
import { givenSockets } from '../sockets/inherited.ts';
import type { SupervisedBy } from '../supervise/supervised.ts';
import { onInterrupt, unlessInterrupted } from '../terminal/interrupt.ts';
import { notice, outliveOutput, print } from '../terminal/output.ts';
import { CREDENTIALS, hasCredentials } from './access.ts';
import { announce } from './announcement.ts';
import { validUntil, watchCertificate } from './tls/certificate.ts';
import { closeServer } from './closing.ts';
import { checkHost, checkSettings, openHub, type RunningHub } from './hub.ts';
import { keepNewSpace } from './new-space.ts';
import type { HubSettings } from './settings.ts';

/** The hosts that mean all addresses of the machine, each with the address by which the machine reaches itself. */
const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

export interface Serve extends HubSettings {
  /** Where the hub listens. */
  readonly places: readonly Place[];
  /** How many processes serve connections. With 1 it is the one that has the log, and with more that one only has the log. */
  readonly workers: number;
}

/**
 * Runs a hub until SIGINT, SIGTERM or, without a supervisor, SIGHUP.
 *
 * @param supervisor the process that has the sockets and says when the log may be opened; undefined if there is none
 * @throws {CliError} `ERR_ADDRESS`, `ERR_DATA`, `ERR_USAGE`
 */
export async function serve(options: Serve, supervisor?: SupervisedBy): Promise<void> {
  keepNewSpace();
  const { places, interrupted, isFirst } = await prepare(options, supervisor);
  const stopping = (): void => sayStopping(supervisor);
  const hub = await unlessInterrupted(openHub(options, isHeldBy(places)), interrupted, stopping);
  try {
    outliveOutput();
    const bound = await listen(hub, places, options);
    if (isFirst) announceHub(options, { places, bound, hasPage: hub.hasPage, dev: hub.dev });
    supervisor?.serving();
    await run(hub, options, interrupted);
    stopping();
  } finally {
    await close(hub, supervisor);
  }
}

/** A supervisor says it itself. */
export function sayStopping(supervisor: SupervisedBy | undefined): void {
  if (!supervisor) notice('Stopping…');
}

/** What a hub needs before its log is opened. */
export interface Prepared {
  readonly places: readonly Place[];
  /** Resolves when the hub has to end. */
  readonly interrupted: Promise<void>;
  /** Whether it has to announce where it can be reached. */
  readonly isFirst: boolean;
}

/**
 * Finds where a hub is to listen, and waits until its log may be opened.
 *
 * @param last is called before a second signal ends the process
 * @throws {CliError} `ERR_ADDRESS`, `ERR_USAGE`
 */
export async function prepare(
  options: Serve,
  supervisor: SupervisedBy | undefined,
  last?: () => void,
): Promise<Prepared> {
  const addresses = checkPlaces(options);
  const interrupted = new Promise<void>((resolve) => {
    onInterrupt(resolve, last);
    // The system sends SIGHUP when the terminal is closed. A supervisor gets it, too, and decides what to do.
    process.on('SIGHUP', () => {
      if (!supervisor) resolve();
    });
    void supervisor?.gone.then(resolve);
  });
  const opened = supervisor && (await unlessInterrupted(supervisor.prepared(), interrupted));
  // The port is tried before the data is opened: a second hub in the same folder most likely wants the same port, too.
  if (!opened) for (const address of addresses) await tryBinding(address);
  const places = opened ? givenSockets(opened.sockets.length, opened.sockets) : options.places;
  return { places, interrupted, isFirst: opened?.isFirst !== false };
}

/** Whether the sockets outlive the process. */
export function isHeldBy(places: readonly Place[]): boolean {
  return places.every((place) => 'fd' in place);
}

/** What is known of a hub that listens. */
export interface Listening {
  readonly places: readonly Place[];
  readonly bound: readonly AddressInfo[];
  readonly hasPage: boolean;
  /** The file of the development certificate; null if it is in memory, undefined if the hub has none. */
  readonly dev: string | null | undefined;
}

/** Prints where the hub can be reached, and what to do next. */
export function announceHub(options: Serve, { places, bound, hasPage, dev }: Listening): void {
  const { key, adminKey, anonymous, tokens } = options.access;
  const hasKey = (key ?? adminKey) !== undefined;
  const reached = whereabouts(places, bound, options.tls ? 'https' : 'http');
  const loopback = reached.loopback && !isBehindProxy(options);
  const about = { loopback, hasKey, hasTokens: tokens !== undefined, anonymous, hasPage, dev };
  process.stdout.write(announce({ ...options, ...reached, ...about }));
}

/** Resolves when the hub has to end. */
export async function run(hub: RunningHub, options: HubSettings, interrupted: Promise<void>): Promise<void> {
  const stopWatching = keepCertificate(hub, options);
  await interrupted;
  stopWatching();
}

/** Takes the certificate anew when its files change. @returns a function that ends that */
function keepCertificate(hub: RunningHub, { tls }: HubSettings): () => void {
  if (!tls || !hub.certificate) return () => {};
  return watchCertificate(
    tls,
    hub.certificate,
    (certificate) => {
      hub.renewCertificate(certificate);
      notice(`The certificate was read again: it is valid until ${validUntil(certificate)}`);
    },
    (message) => hub.failed(`The new certificate cannot be used, so the present one is kept: ${message}`),
  );
}

/** Checks what a hub would run with, and says that it can be used. @throws {CliError} `ERR_USAGE` */
export async function check(options: Serve): Promise<void> {
  checkPlaces(options);
  await checkSettings(options);
  await print('The configuration can be used\n');
}

/** The addresses where the hub is to listen. @throws {CliError} `ERR_USAGE` if it may not listen there */
function checkPlaces(options: Serve): readonly Address[] {
  if (!hasCredentials(options.access)) checkKeyless(options);
  const addresses = options.places.filter((place) => 'host' in place);
  for (const { host } of addresses) checkHost(host, options);
  return addresses;
}

/** Makes the hub listen at all of its places. @returns the addresses of those places that have one */
export async function listen(hub: RunningHub, places: readonly Place[], settings: HubSettings): Promise<AddressInfo[]> {
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
  scheme: 'http' | 'https',
): { url: URL | undefined; sockets: readonly string[]; loopback: boolean; wildcard: boolean } {
  const [place] = places;
  const [first] = bound;
  const host = place && 'host' in place ? place.host : first?.address;
  return {
    url: first && host !== undefined ? urlOf(scheme, host, first.port) : undefined,
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
  const { anonymous } = settings.access;
  if (anonymous === 'none' && isBehindProxy(settings)) {
    const option = settings.trustedProxies.length > 0 ? '--trusted-proxies' : `--public-url ${settings.publicUrl}`;
    throw new CliError(
      'ERR_USAGE',
      `without a key the hub is for this machine only, but ${option} is for a proxy, whose clients could all publish and listen: ` +
        `${CREDENTIALS}, or let everyone in with --anonymous all`,
    );
  }
  if (anonymous !== 'listen' && anonymous !== 'publish') return;
  const closed = anonymous === 'listen' ? 'publish' : 'listen';
  throw new CliError('ERR_USAGE', `with --anonymous ${anonymous} and no key nobody may ${closed}: ${CREDENTIALS}`);
}

function urlOf(scheme: string, host: string, port: number): URL {
  // A URL has no place for the interface of a link-local address.
  const [reached = host] = (WILDCARDS.get(host) ?? host).split('%', 1);
  return new URL(`${scheme}://${reached.includes(':') ? `[${reached}]` : reached}:${port}/`);
}

/** Ends a hub in good order. @param log is told when its log is closed */
export async function close(hub: RunningHub, log: Pick<SupervisedBy, 'released'> | undefined): Promise<void> {
  const servers = hub.servers.map(closeServer);
  await Promise.all([hub.close(), ...servers.map(({ idle }) => idle)]);
  log?.released();
  await Promise.all(servers.map(({ closed }) => closed));
}
