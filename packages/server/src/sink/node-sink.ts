import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { ConnectionSink } from './connection-sink.ts';
import { Http2Sink } from './http2-sink.ts';
import { reset } from './reset.ts';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import type { SocketLender } from './socket-owner.ts';
import { SocketWriter } from './socket-writer.ts';
import { passOn } from './stream-events.ts';

export interface NodeSinkOptions {
  /** Whether the head announced a content coding that is in the bytes already. */
  readonly coded: boolean;
  /** Whether bytes may go to a plain socket past its stream. */
  readonly directWrites: boolean;
  /** What the stream may take, and then ends with it: where there is one, the head has announced it. */
  readonly connection?: SocketLender | undefined;
}

/** A sink that writes to a Node response whose head has been sent. */
export function nodeSink(
  response: ServerResponse | Http2ServerResponse,
  { coded, directWrites, connection }: NodeSinkOptions,
): Sink {
  if (!('chunkedEncoding' in response)) return new Http2Sink(response.stream);
  const { socket } = response;
  // A coding that other code has announced is made in the methods of the response, which that code has wrapped.
  const codedByOthers = !coded && response.hasHeader('content-encoding');
  if (connection?.isPassed && !codedByOthers) {
    return new ConnectionSink(response, connection, directWrites && connection.directWrites);
  }
  if (response.chunkedEncoding && socket && !codedByOthers) return new SocketSink(response, socket, directWrites);
  return new ResponseSink(response);
}

const ignore = (): void => {};

/** On HTTP/1.1 the shared chunk-framed bytes go to the socket, past the response: nothing is made or copied for a listener. */
class SocketSink extends SocketWriter implements Sink {
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

/** On HTTP/1.0, while an earlier response still has the socket, and under a coding of somebody else: through the response. */
class ResponseSink implements Sink {
  onDrain: () => void = ignore;
  onClose: () => void = ignore;
  #open = true;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
    // A response that waits for its turn does not report that its connection has closed.
    passOn(this, response, [response, response.req.socket]);
    // A listener that went away is no error of ours; 'close' follows.
    response.on('error', ignore);
  }

  closed(): void {
    this.#open = false;
    this.onClose();
  }

  get backlog(): number {
    return this.#response.writableLength;
  }

  get needsDrain(): boolean {
    return this.#open && this.#response.writableNeedDrain;
  }

  write({ bytes }: SharedChunk): void {
    const response: ServerResponse & { flush?: () => void } = this.#response;
    if (!this.#open || response.writableEnded || response.destroyed) return;
    response.write(bytes);
    // What compresses for a framework keeps its output until it is flushed.
    if (Object.hasOwn(response, 'flush')) response.flush?.();
  }

  end(): void {
    this.#open = false;
    if (!this.#response.writableEnded) this.#response.end();
  }

  destroy(): void {
    this.#open = false;
    const { chunkedEncoding, socket } = this.#response;
    // Without chunks the end of the connection is the end of the response: only a reset shows that it is not complete.
    if (!chunkedEncoding && socket) reset(socket);
    this.#response.destroy();
  }
}
