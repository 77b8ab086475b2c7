import { lookup } from 'node:dns/promises';
import * as net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { CliError } from '../errors.ts';
import { type Address, explain } from './binding.ts';

/** The part of libuv's TCP handle that is used here. */
interface Handle {
  readonly fd: number;
  /** Returns the number of an error if it could not be bound. */
  getsockname(found: object): number;
  close(): void;
}

/** Node's own function by which the `cluster` module makes sockets: it binds and does not listen. */
type CreateServerHandle = (address: string, port: number, family: number) => Handle | number;

/** A socket that is bound. The program that holds it accepts no connections: they wait for a program that listens on it. */
export interface HeldSocket {
  readonly fd: number;
  close(): void;
}

/**
 * Binds an address without listening on it. A `net.Server` would accept connections, but a program that only holds the socket must not.
 *
 * @throws {CliError} `ERR_ADDRESS`
 */
export async function holdSocket(place: Address): Promise<HeldSocket> {
  const { _createServerHandle: create } = net as unknown as { readonly _createServerHandle?: CreateServerHandle };
  if (typeof create !== 'function') {
    throw new CliError(
      'ERR_ADDRESS',
      `Node ${process.version} has no way to hold a socket: leave --supervise out, or let systemd hold the socket`,
    );
  }
  const { address, family } = await lookup(place.host).catch((error: unknown) => {
    throw explain(error instanceof Error ? error : new Error(String(error)), place);
  });
  const handle = create(address, place.port, family);
  const failure = typeof handle === 'number' ? handle : handle.getsockname({});
  if (typeof handle !== 'number' && failure === 0) return handle;
  if (typeof handle !== 'number') handle.close();
  const code = getSystemErrorName(failure);
  throw explain(Object.assign(new Error(code), { code }), place);
}
