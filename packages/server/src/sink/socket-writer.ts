import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** The handle under a socket of Node. It is not documented: if there is none, bytes go through the socket. */
export interface Handle {
  /** The file descriptor; negative on Windows, and once the socket is closed. */
  readonly fd: number;
}

/** Other runtimes that have Node's modules number their files in ways of their own. */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;

/** The handle of a socket of TCP or of a Unix domain, for {@link writeDirectly}; undefined if it has none, or is a socket of TLS. */
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
 * made here at once. Returns how many bytes the kernel took. The rest is for `socket.write`, which waits, or reports what is wrong.
 */
export function writeDirectly(handle: Handle, bytes: Uint8Array): number {
  try {
    // The number is asked for each time: once the socket is closed, it is soon that of another.
    return writeSync(handle.fd, bytes);
  } catch {
    return 0;
  }
}

/**
 * A sink that writes to a socket, and knows when bytes may go past the socket's stream: while that has nothing to write, since they would
 * overtake it, and while no idle time is set, which they would not put off. Bytes that went so are not in `socket.bytesWritten`.
 */
export abstract class SocketWriter {
  protected readonly socket: Socket;
  /** What is written to past the stream; undefined while nothing may be. */
  #handle: Handle | undefined;
  /** Whether the stream has something to write, or an idle time, as far as is known: no listener's socket is touched to ask. */
  #isBusy = true;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Bytes that the stream has not written. */
  get backlog(): number {
    return this.#isBusy ? this.socket.writableLength : 0;
  }

  /** Lets bytes go past the stream from now on. */
  protected allowDirectWrites(): void {
    if (!this.socket.timeout) this.#handle = handleOf(this.socket);
  }

  /** Asks the socket itself. It is to be called before each write to a socket that others write to, or set a time for, as well. */
  protected look(): void {
    this.#isBusy = this.socket.writableLength > 0 || Boolean(this.socket.timeout);
  }

  protected writeBytes(bytes: Uint8Array): void {
    const written = this.#handle && !this.#isBusy ? writeDirectly(this.#handle, bytes) : 0;
    if (written === bytes.length || !this.socket.writable) return;
    this.socket.write(written === 0 ? bytes : bytes.subarray(written));
    this.#isBusy = this.#handle === undefined || this.socket.writableLength > 0;
  }
}
