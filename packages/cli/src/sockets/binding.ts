import { type AddressInfo, createServer, type Server } from 'node:net';
import { CliError } from '../errors.ts';

/**
 * How many connections may wait to be accepted. The system may allow fewer. With a small number, listeners that all come back
 * at once after a restart would have to connect again a second later.
 */
const BACKLOG = 65_535;

/** An address to listen on. */
export interface Address {
  /** A number from 0 to 65,535. With 0 the system picks a free port. */
  readonly port: number;
  /** A host name or an IP address. */
  readonly host: string;
}

/** A socket that another program has bound and handed over. */
export interface GivenSocket {
  /** Its file descriptor. */
  readonly fd: number;
  /** The name that the other program gave it. */
  readonly name: string;
}

export type Place = Address | GivenSocket;

/**
 * Makes a server listen.
 *
 * @returns the address on which it listens; undefined for a Unix socket
 * @throws {CliError} `ERR_ADDRESS`
 */
export async function bind(server: Server, place: Place): Promise<AddressInfo | undefined> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(explain(error, place)));
    if ('fd' in place) server.listen({ fd: place.fd }, BACKLOG, resolve);
    else server.listen({ ...place, backlog: BACKLOG }, resolve);
  });
  server.removeAllListeners('error');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address : undefined;
}

/**
 * Checks that an address can be listened on.
 *
 * @throws {CliError} `ERR_ADDRESS`
 */
export async function tryBinding(address: Address): Promise<void> {
  const server = createServer();
  await bind(server, address);
  await new Promise((resolve) => server.close(resolve));
}

/** The error that says why the hub cannot listen at a place. */
export function explain(error: Error & { code?: string }, place: Place): CliError {
  if ('fd' in place) {
    const { fd, name } = place;
    return refused(
      `the socket ${name} (file descriptor ${fd}) cannot be listened on (${error.code ?? error.message}): ` +
        'it must be a stream socket that is not connected, as ListenStream= with Accept=no makes it',
      error,
    );
  }
  const { port, host } = place;
  switch (error.code) {
    case 'EADDRINUSE':
      return refused(`port ${port} is in use by another program: choose another port with --port`, error);
    case 'EACCES':
      return refused(`port ${port} is not allowed for this user: choose a port above 1023 with --port`, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return refused(`"${host}" is not an address of this machine: choose another address with --host`, error);
    default:
      return refused(`cannot listen on ${host}, port ${port} (${error.code ?? error.message})`, error);
  }
}

function refused(message: string, cause: Error): CliError {
  return new CliError('ERR_ADDRESS', message, { cause });
}
