import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** What a socket of Node stands on. It is not documented: whoever finds none writes to the socket. */
export interface Handle {
  /** The file descriptor; negative on Windows, and once the socket is closed. */
  readonly fd: number;
}

/** Others that have Node's modules number their files in ways of their own. */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;

/** The handle of a socket of TCP or of a Unix domain, to be given to {@link writeDirectly}; undefined where it has none, or is one of TLS. */
export function handleOf(socket: Socket): Handle | undefined {
  if (!isNode || Object.getPrototypeOf(socket) !== Socket.prototype) return undefined;
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const handle = (socket as unknown as { _handle?: Handle | null })._handle;
  try {
    return handle && fstatSync(handle.fd).isSocket() ? handle : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes to a socket past its stream: `socket.write` makes an object for each write, and goes a long way to the system call that is
 * made here at once. It may be called only while the stream has nothing to write, and what was written so is not in `socket.bytesWritten` and
 * does not put off the time after which a socket counts as idle.
 *
 * Gives how many bytes the kernel took. What it did not take is for `socket.write`, which waits, or tells what is wrong.
 */
export function writeDirectly(handle: Handle, bytes: Uint8Array): number {
  try {
    // The number is asked for each time: once the socket is closed, it is soon that of another.
    return writeSync(handle.fd, bytes);
  } catch {
    return 0;
  }
}
