import { type AddressInfo, createServer, type Server } from 'node:net';
import { CliError } from './cli-error.ts';

/**
 * Connections that may wait to be accepted; the system may allow fewer. Listeners that all come back at once after a restart would
 * otherwise have to knock again a second later.
 */
const BACKLOG = 65_535;

/**
 * Lets a server listen.
 *
 * @returns the port, which the system picks where it is 0
 * @throws {CliError} `ERR_ADDRESS`
 */
export async function bind(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(explain(error, port, host)));
    server.listen({ port, host, backlog: BACKLOG }, resolve);
  });
  server.removeAllListeners('error');
  return (server.address() as AddressInfo).port;
}

/**
 * Tries an address and lets go of it again.
 *
 * @throws {CliError} `ERR_ADDRESS`
 */
export async function tryBinding(port: number, host: string): Promise<void> {
  const server = createServer();
  await bind(server, port, host);
  await new Promise((resolve) => server.close(resolve));
}

function explain(error: Error & { code?: string }, port: number, host: string): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return refused(`port ${port} is in use by another program, choose another one with --port`, error);
    case 'EACCES':
      return refused(`port ${port} is not allowed for this user, choose one above 1023 with --port`, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return refused(`"${host}" is no address of this machine, choose another one with --host`, error);
    default:
      return refused(`cannot listen on ${host}, port ${port} (${error.code ?? error.message})`, error);
  }
}

function refused(message: string, cause: Error): CliError {
  return new CliError('ERR_ADDRESS', message, { cause });
}
