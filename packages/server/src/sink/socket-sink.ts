import { fstatSync, writeSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { reset } from './reset.ts';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import type { SocketLender, SocketOwner } from './socket-owner.ts';
import { passOn } from './stream-events.ts';

/** How many bytes may come after the request of a stream. They are not kept, but reading them must not go on for ever. */
const MAX_IGNORED_BYTES = 65_536;

const LAST_CHUNK = '0\r\n\r\n';

const ignore = (): void => {};

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
abstract class SocketWriter {
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

/** On HTTP/1.1 the shared chunk-framed bytes go to the socket, past the response: nothing is made or copied for a listener. */
export class SocketSink extends SocketWriter implements Sink {
  onDrain: () => void = ignore;
  onClose: () => void = ignore;
  #open = true;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse, socket: Socket, direct: boolean) {
    super(socket);
    this.#response = response;
    // The response's close, not the request's: that one comes as soon as the body has been read.
    passOn(this, socket, [response, socket]);
    // A listener that went away is no error of the server. The event 'close' follows.
    response.on('error', ignore);
    if (direct) this.allowDirectWrites();
  }

  closed(): void {
    this.#open = false;
    this.onClose();
  }

  get needsDrain(): boolean {
    return this.#open && this.socket.writableNeedDrain;
  }

  write({ chunked: bytes }: SharedChunk): void {
    // Other code may have ended the response or its connection.
    if (!this.#open || this.#response.writableEnded || !this.socket.writable) return;
    this.look();
    this.writeBytes(bytes);
  }

  end(): void {
    this.#open = false;
    if (!this.#response.writableEnded) this.#response.end();
  }

  destroy(): void {
    this.#open = false;
    this.#response.destroy();
  }
}

/**
 * Writes to the socket of a {@link Connection}, and takes it from http once the code that began the stream has had a turn of the loop to listen to
 * the response. The head must have announced `Connection: close`, so the stream's end is the connection's.
 */
export class ConnectionSink extends SocketWriter implements Sink, SocketOwner {
  onDrain: () => void = ignore;
  onClose: () => void = ignore;
  #open = true;
  #closed = false;
  /** Whether the body is in chunks: HTTP/1.0 has none. */
  readonly #chunked: boolean;
  /** Undefined once the socket was taken. */
  #response: ServerResponse | undefined;
  /** The set of its server's that the socket is in, once it was taken. */
  #taken: Set<Socket> | undefined;
  #ignoredBytes = 0;

  /** @param direct whether bytes may go past the socket's stream once the socket was taken */
  constructor(response: ServerResponse, connection: SocketLender, direct: boolean) {
    super(connection.socket);
    connection.share(this);
    this.#response = response;
    this.#chunked = response.chunkedEncoding;
    // Later: a listener that is added to the response in this turn of the loop counts.
    setImmediate(take, this, response, connection, direct);
  }

  get needsDrain(): boolean {
    return this.#open && this.socket.writableNeedDrain;
  }

  write(chunk: SharedChunk): void {
    // Other code may have ended the response or its connection.
    if (!this.#open || this.#response?.writableEnded) return;
    this.writeBytes(this.#chunked ? chunk.chunked : chunk.bytes);
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#response) {
      if (!this.#response.writableEnded) this.#response.end();
      return;
    }
    if (this.#chunked) this.socket.write(LAST_CHUNK);
    this.socket.destroySoon();
  }

  destroy(): void {
    this.#open = false;
    // Without chunks the end of the connection is the end of the response: only a reset shows that it is not complete.
    if (!this.#chunked) reset(this.socket);
    (this.#response ?? this.socket).destroy();
  }

  /** Drops everything but the socket. */
  take(response: ServerResponse, connection: SocketLender, direct: boolean): void {
    if (!this.#open) return;
    this.#taken = connection.takeSocket(response, this);
    if (!this.#taken) return;
    this.#response = undefined;
    // No other code writes to the socket from now on.
    if (direct) this.allowDirectWrites();
  }

  socketReceived({ length }: Uint8Array): void {
    this.#ignoredBytes += length;
    if (this.#ignoredBytes > MAX_IGNORED_BYTES) this.destroy();
  }

  socketEnded(): void {
    // As http has it: a client that sends nothing more has left.
    this.socket.destroy();
  }

  socketDrained(): void {
    this.onDrain();
  }

  socketClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = false;
    this.#taken?.delete(this.socket);
    this.onClose();
  }

  // Nobody set a time to be idle, and an error is followed by the close.
  socketIdle(): void {}

  socketFailed(): void {}
}

function take(sink: ConnectionSink, response: ServerResponse, connection: SocketLender, direct: boolean): void {
  sink.take(response, connection, direct);
}
