import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { Http2Sink } from './http2-sink.ts';
import { reset } from './reset.ts';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import type { SocketLender } from './socket-owner.ts';
import { ConnectionSink, SocketSink } from './socket-sink.ts';
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
