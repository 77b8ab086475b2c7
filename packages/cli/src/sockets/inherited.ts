import { CliError } from '../errors.ts';
import type { GivenSocket } from './binding.ts';

/** The file descriptor of the first socket that was passed to this process. */
const FIRST_FD = 3;

/** The most sockets that are accepted. A larger number is taken for a mistake. */
const MAX_SOCKETS = 64;

/**
 * The sockets that the program was started with, by the protocol of systemd (`LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`). None if
 * they are meant for another process.
 *
 * @param pid the process id of this process
 * @throws {CliError} `ERR_ADDRESS`
 */
export function inheritedSockets(env: Readonly<Record<string, string | undefined>>, pid: number): GivenSocket[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: names = '' } = env;
  if (owner !== String(pid)) return [];
  if (!/^\d{1,9}$/.test(count) || Number(count) < 1 || Number(count) > MAX_SOCKETS) {
    throw new CliError(
      'ERR_ADDRESS',
      `LISTEN_FDS is ${JSON.stringify(count)}, but must be a whole number from 1 to ${MAX_SOCKETS}`,
    );
  }
  return givenSockets(Number(count), names.split(':'));
}

/** This number of sockets. The first of them has the descriptor 3. */
export function givenSockets(count: number, names: readonly string[]): GivenSocket[] {
  return Array.from({ length: count }, (_, index) => ({
    fd: FIRST_FD + index,
    name: names[index] || 'without a name',
  }));
}
