import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { reset } from './reset.ts';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import type { SocketLender, SocketOwner } from './socket-owner.ts';
import { SocketWriter } from './socket-writer.ts';

/** How many bytes may come after the request of a stream. They are not kept, but reading them must not go on for ever. */
const MAX_IGNORED_BYTES = 65_536;

const LAST_CHUNK = '0\r\n\r\n';

const ignore = (): void => {};

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
