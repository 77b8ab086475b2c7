import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';

/**
 * A sink that writes to a Node response whose head has been sent.
 *
 * On HTTP/1.1 the shared chunk-framed bytes go straight to the socket, past the response object: that saves making and copying
 * the framing for each listener. On HTTP/1.0, on HTTP/2, and while an earlier response still has the socket, they go through the response.
 */
export function nodeSink(response: ServerResponse | Http2ServerResponse): Sink {
  const socket = chunkedSocket(response);
  const stream = socket ?? response;
  const sink: Sink = {
    get backlog() {
      return stream.writableLength;
    },
    get needsDrain() {
      return stream.writableNeedDrain;
    },
    write(chunk: SharedChunk): void {
      if (response.writableEnded || stream.destroyed) return;
      if (socket) socket.write(chunk.chunked);
      else (response as ServerResponse).write(chunk.bytes);
    },
    end(): void {
      if (!response.writableEnded) response.end();
    },
    destroy(): void {
      response.destroy();
    },
    onDrain: () => {},
    onClose: () => {},
  };
  const drained = (): void => sink.onDrain();
  stream.on('drain', drained);
  // The response's close, not the request's: that one comes as soon as the body has been read.
  response.once('close', () => {
    stream.off('drain', drained);
    sink.onClose();
  });
  // Where the listener left before its stream began, no event will say so any more.
  if (response.destroyed) queueMicrotask(() => sink.onClose());
  // A listener that went away is no error of ours; what it leaves is told by 'close'.
  response.on('error', () => {});
  return sink;
}

function chunkedSocket(response: ServerResponse | Http2ServerResponse): Socket | undefined {
  if (!('chunkedEncoding' in response) || !response.chunkedEncoding) return undefined;
  return response.socket ?? undefined;
}
