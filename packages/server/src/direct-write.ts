import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** What a socket of Node stands on. It is not documented, so nothing is taken for granted: without it there is another way. */
interface Handle {
  /** The file descriptor; -1 on Windows, and once it is closed. */
  readonly fd?: unknown;
}

/** Others that have Node's modules number their files in ways of their own. */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;

/** Whether a socket is one that {@link write} may write to directly: of TCP or a Unix domain socket, not of TLS. */
export function canWriteDirectly(socket: Socket): boolean {
  try {
    return isNode && Object.getPrototypeOf(socket) === Socket.prototype && fstatSync(descriptorOf(socket)).isSocket();
  } catch {
    return false;
  }
}

/**
 * Writes to a socket that is writable. `socket.write` makes an object for each write and goes a long way to the system call, which costs a third
 * as much as the call itself. So where nothing waits to be written before, the call is made directly. What the kernel does not take
 * then is left to `socket.write`, which waits, or tells what is wrong.
 *
 * `socket.bytesWritten` does not count what is written directly. Nor would it put off the time after which the socket counts as idle, so a
 * socket that has such a time is never written to directly.
 * @param isDirect what {@link canWriteDirectly} said of the socket
 */
export function write(socket: Socket, bytes: Uint8Array, isDirect: boolean): void {
  const written = isDirect && socket.writableLength === 0 && !socket.timeout ? writeDirectly(socket, bytes) : 0;
  if (written < bytes.length) socket.write(written === 0 ? bytes : bytes.subarray(written));
}

/** Gives how many bytes the kernel took. */
function writeDirectly(socket: Socket, bytes: Uint8Array): number {
  try {
    return writeSync(descriptorOf(socket), bytes);
  } catch {
    return 0;
  }
}

/** Asked for at each write: once the socket is closed, the number is soon that of another. Throws where there is none. */
function descriptorOf(socket: Socket): number {
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const { fd } = (socket as unknown as { _handle?: Handle | null })._handle ?? {};
  if (typeof fd === 'number' && fd >= 0) return fd;
  throw new TypeError('The socket has no file descriptor');
}
