import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { ConnectionSink } from './connection-sink.ts';
import { type Handle, handleOf, writeDirectly } from './direct-write.ts';
import { reset } from './reset.ts';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import type { SocketLender } from './socket-owner.ts';

/**
 * A sink that writes to a Node response whose head has been sent.
 * @param coded whether the head announced a content coding that is in the bytes already
 * @param connection what the stream may take, and then ends with it: where there is one, the head has said so
 */
export function nodeSink(
  response: ServerResponse | Http2ServerResponse,
  coded: boolean,
  connection?: SocketLender,
): Sink {
  if (!('chunkedEncoding' in response)) return new Http2Sink(response.stream);
  const { socket } = response;
  // A coding that somebody else announced is made in the response's own methods, which were wrapped for it.
  const codedByOthers = !coded && response.hasHeader('content-encoding');
  if (connection?.isPassed && !codedByOthers) return new ConnectionSink(response, connection);
  if (response.chunkedEncoding && socket && !codedByOthers) return new SocketSink(response, socket);
  return new ResponseSink(response);
}

const ignore = (): void => {};

/** What the sinks have in common: when they are open, and who tells of drain and close. */
abstract class NodeSink<Stream extends Writable | ServerResponse> implements Sink {
  onDrain: () => void = ignore;
  onClose: () => void = ignore;
  /** Whether bytes can still be written. */
  protected open = true;
  protected readonly stream: Stream;
  #told = false;

  /**
   * @param stream what tells of backlog and drain
   * @param closers what tells of the close, each in cases of its own; it is passed on once
   */
  constructor(stream: Stream, closers: readonly (Writable | ServerResponse)[]) {
    this.stream = stream;
    const drained = (): void => this.onDrain();
    const closed = (): void => {
      if (this.#told) return;
      this.#told = true;
      this.open = false;
      // The connection outlives the response.
      stream.off('drain', drained);
      for (const closer of closers) closer.off('close', closed);
      this.onClose();
    };
    stream.on('drain', drained);
    for (const closer of closers) closer.on('close', closed);
    // It may have gone before it was answered: then nobody tells of it any more.
    if (stream.destroyed || closers.some((closer) => 'destroyed' in closer && closer.destroyed)) queueMicrotask(closed);
  }

  get backlog(): number {
    return this.stream.writableLength;
  }

  get needsDrain(): boolean {
    return this.open && this.stream.writableNeedDrain;
  }

  abstract write(chunk: SharedChunk): void;
  abstract end(): void;
  abstract destroy(): void;
}

/** On HTTP/1.1 the shared chunk-framed bytes go to the socket, past the response: nothing is made or copied for a listener. */
class SocketSink extends NodeSink<Socket> {
  readonly #response: ServerResponse;
  readonly #handle: Handle | undefined;

  constructor(response: ServerResponse, socket: Socket) {
    // The response's close, not the request's: that one comes as soon as the body has been read.
    super(socket, [response, socket]);
    this.#response = response;
    this.#handle = handleOf(socket);
    // A listener that went away is no error of ours; what it leaves is told by 'close'.
    response.on('error', ignore);
  }

  write({ chunked: bytes }: SharedChunk): void {
    const socket = this.stream;
    // Somebody else may have ended the response, or its connection.
    if (!this.open || this.#response.writableEnded || !socket.writable) return;
    // Others may write to the socket, too, and what is written past its stream would not put off a time to be idle.
    const isDirect = socket.writableLength === 0 && !socket.timeout;
    const written = this.#handle && isDirect ? writeDirectly(this.#handle, bytes) : 0;
    if (written < bytes.length) socket.write(written === 0 ? bytes : bytes.subarray(written));
  }

  end(): void {
    this.open = false;
    if (!this.#response.writableEnded) this.#response.end();
  }

  destroy(): void {
    this.open = false;
    this.#response.destroy();
  }
}

/** On HTTP/1.0, while an earlier response still has the socket, and under a coding of somebody else: through the response. */
class ResponseSink extends NodeSink<ServerResponse> {
  constructor(response: ServerResponse) {
    // A response that waits for its turn is not told that its connection has closed.
    super(response, [response, response.req.socket]);
    response.on('error', ignore);
  }

  write({ bytes }: SharedChunk): void {
    const response: ServerResponse & { flush?: () => void } = this.stream;
    if (!this.open || response.writableEnded || response.destroyed) return;
    response.write(bytes);
    // What compresses for a framework keeps its output until it is told to let go of it.
    if (Object.hasOwn(response, 'flush')) response.flush?.();
  }

  end(): void {
    this.open = false;
    if (!this.stream.writableEnded) this.stream.end();
  }

  destroy(): void {
    this.open = false;
    const { chunkedEncoding, socket } = this.stream;
    // Without chunks the end of the connection is the end of the response: only a reset tells that it is not complete.
    if (!chunkedEncoding && socket) reset(socket);
    this.stream.destroy();
  }
}

/** On HTTP/2 the bytes go to the stream itself: the response object of Node 20 does not tell when to wait for it to drain. */
export class Http2Sink extends NodeSink<ServerHttp2Stream> {
  constructor(stream: ServerHttp2Stream) {
    super(stream, [stream]);
    // A listener that went away is no error of ours; what it leaves is told by 'close'.
    stream.on('error', ignore);
  }

  write({ bytes }: SharedChunk): void {
    if (this.open && this.stream.writable) this.stream.write(bytes);
  }

  end(): void {
    this.open = false;
    if (!this.stream.writableEnded) this.stream.end();
  }

  destroy(): void {
    this.open = false;
    // A stream that is closed, or destroyed without an error, can look finished to its listener.
    this.stream.destroy(new Error('The event stream was broken off'));
  }
}
