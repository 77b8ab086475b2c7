import { type AddressInfo, createServer, type Server } from 'node:net';
import { CliError } from '../errors.ts';

/**
 * How many connections may wait to be accepted. The system may allow fewer. With a small number, listeners that all come back
 * at once after a restart would have to connect again a second later.
 */
const BACKLOG = 65_535;

/**
 * Makes a server listen.
 *
 * @returns the port, which the system has picked where it was 0
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
 * Checks that an address can be listened on.
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
