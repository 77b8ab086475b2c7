import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';

/** Where the bytes of a response go. */
interface Transport {
  /** What tells of backlog, drain and close. */
  readonly stream: Writable | ServerResponse;
  /** What else can close without telling the stream. */
  readonly connection?: Socket;
  write(chunk: SharedChunk): void;
  end(): void;
  destroy(): void;
}

/** A sink that writes to a Node response whose head has been sent. */
export function nodeSink(response: ServerResponse | Http2ServerResponse): Sink {
  const { stream, connection, ...transport } = 'chunkedEncoding' in response ? http1(response) : http2(response);
  const sink: Sink = {
    get backlog() {
      return stream.writableLength;
    },
    get needsDrain() {
      return stream.writableNeedDrain;
    },
    write(chunk: SharedChunk): void {
      if (!response.writableEnded && stream.writable && !stream.destroyed) transport.write(chunk);
    },
    end(): void {
      if (!response.writableEnded) transport.end();
    },
    destroy: () => transport.destroy(),
    onDrain: () => {},
    onClose: () => {},
  };
  const drained = (): void => sink.onDrain();
  let open = true;
  const closed = (): void => {
    // A response is told of its connection's close, so this is called for both.
    if (!open) return;
    open = false;
    stream.off('drain', drained);
    connection?.off('close', closed);
    sink.onClose();
  };
  stream.on('drain', drained);
  // The response's close, not the request's: that one comes as soon as the body has been read.
  response.on('close', closed);
  connection?.on('close', closed);
  // A listener that went away is no error of ours; what it leaves is told by 'close'.
  response.on('error', () => {});
  // It may have gone before it was answered: then nobody tells of it any more.
  if (stream.destroyed || connection?.destroyed) queueMicrotask(closed);
  return sink;
}

/**
 * On HTTP/1.1 the shared chunk-framed bytes go straight to the socket, past the response object: that saves making and copying
 * the framing for each listener. On HTTP/1.0, and while an earlier response still has the socket, they go through the response.
 */
function http1(response: ServerResponse): Transport {
  const socket = response.chunkedEncoding ? response.socket : null;
  return {
    stream: socket ?? response,
    // A response that waits for its turn is not told that its connection has closed.
    connection: response.req.socket,
    write: socket ? (chunk) => socket.write(chunk.chunked) : (chunk) => response.write(chunk.bytes),
    end: () => response.end(),
    destroy: () => response.destroy(),
  };
}

/** On HTTP/2 they go to the stream itself: the response object of Node 20 does not tell when to wait for it to drain. */
function http2(response: Http2ServerResponse): Transport {
  const { stream } = response;
  return {
    stream,
    write: (chunk) => stream.write(chunk.bytes),
    end: () => response.end(),
    // A stream that is only destroyed looks finished to its listener.
    destroy: () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  };
}
