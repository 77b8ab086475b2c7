import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Handle, handleOf, writeDirectly } from './direct-write.ts';
import { reset } from './reset.ts';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import type { SocketLender, SocketOwner } from './socket-owner.ts';

/** What may come behind the request of a stream, bytes: it is not kept, but reading it must not go on for ever. */
const MAX_IGNORED_BYTES = 65_536;

const LAST_CHUNK = '0\r\n\r\n';

const ignore = (): void => {};

/**
 * Writes to the socket of a {@link Connection}, and takes it from http once whoever began the stream has had his turn to listen to the response.
 * The head must have said `Connection: close`, so the stream's end is the connection's.
 */
export class ConnectionSink implements Sink, SocketOwner {
  onDrain: () => void = ignore;
  onClose: () => void = ignore;
  #open = true;
  #closed = false;
  readonly #socket: Socket;
  /** Whether the body is in chunks: HTTP/1.0 has none. */
  readonly #chunked: boolean;
  /** Undefined once the socket was taken. */
  #response: ServerResponse | undefined;
  /** The set of its server's that the socket is in, once it was taken. */
  #taken: Set<Socket> | undefined;
  /** What is written to past the socket's stream, once it was taken; undefined where it cannot be. */
  #handle: Handle | undefined;
  /** Whether the stream has something to write, as far as is known: no listener's socket is touched to ask. */
  #waits = true;
  #ignoredBytes = 0;

  constructor(response: ServerResponse, connection: SocketLender) {
    this.#response = response;
    this.#chunked = response.chunkedEncoding;
    this.#socket = connection.share(this);
    // Later: who listens to the response in this turn of the loop is heard.
    setImmediate(take, this, response, connection);
  }

  get backlog(): number {
    return this.#waits ? this.#socket.writableLength : 0;
  }

  get needsDrain(): boolean {
    return this.#open && this.#socket.writableNeedDrain;
  }

  write(chunk: SharedChunk): void {
    // Somebody else may have ended the response, or its connection.
    if (!this.#open || this.#response?.writableEnded) return;
    const bytes = this.#chunked ? chunk.chunked : chunk.bytes;
    const written = this.#handle && !this.#waits ? writeDirectly(this.#handle, bytes) : 0;
    if (written === bytes.length || !this.#socket.writable) return;
    this.#socket.write(written === 0 ? bytes : bytes.subarray(written));
    this.#waits = this.#handle === undefined || this.#socket.writableLength > 0;
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#response) {
      if (!this.#response.writableEnded) this.#response.end();
      return;
    }
    if (this.#chunked) this.#socket.write(LAST_CHUNK);
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#open = false;
    // Without chunks the end of the connection is the end of the response: only a reset tells that it is not complete.
    if (!this.#chunked) reset(this.#socket);
    (this.#response ?? this.#socket).destroy();
  }

  /** Lets go of all but the socket. */
  take(response: ServerResponse, connection: SocketLender): void {
    if (!this.#open) return;
    this.#taken = connection.takeSocket(response, this);
    if (!this.#taken) return;
    this.#response = undefined;
    // What is written past the stream would not put off a time to be idle.
    if (!this.#socket.timeout) this.#handle = handleOf(this.#socket);
  }

  socketReceived({ length }: Uint8Array): void {
    this.#ignoredBytes += length;
    if (this.#ignoredBytes > MAX_IGNORED_BYTES) this.destroy();
  }

  socketEnded(): void {
    // As http has it: who says that he sends nothing more has left.
    this.#socket.destroy();
  }

  socketDrained(): void {
    this.onDrain();
  }

  socketClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = false;
    this.#taken?.delete(this.#socket);
    this.onClose();
  }

  // Nobody set a time to be idle, and an error is followed by the close.
  socketIdle(): void {}

  socketFailed(): void {}
}

function take(sink: ConnectionSink, response: ServerResponse, connection: SocketLender): void {
  sink.take(response, connection);
}
