import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest, IncomingHttpHeaders } from 'node:http2';
import { utf8Value, type RequestHead } from '../http/request.ts';
import { SocketFace } from './socket-face.ts';

/** A request as node:http, node:https and node:http2 give it, and as frameworks pass it on. */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The target of the request line, where a framework's router has shortened `url`. */
  readonly originalUrl?: string | undefined;
};

/**
 * The head of a Node request. What costs memory is found out when it is asked for, so do not spread it.
 * @param url an absolute URL, where that is known
 */
export function nodeHead(request: NodeRequest, url: string = request.originalUrl ?? request.url ?? '/'): RequestHead {
  return {
    method: request.method ?? 'GET',
    url,
    header: fieldReader(request.headers),
    get address() {
      return request.socket?.remoteAddress;
    },
    get peer() {
      const { socket } = request;
      // The stand-in for a socket is let go of where a stream takes the socket itself.
      return socket instanceof SocketFace ? socket.socket : socket;
    },
    original: request,
  };
}

/** Gives the values of header fields by their names in lower case. */
export function fieldReader(headers: IncomingHttpHeaders): (name: string) => string | undefined {
  return (name) => {
    // HTTP/2 has the host in a field of its own.
    const value = headers[name] ?? (name === 'host' ? headers[':authority'] : undefined);
    if (value === undefined) return undefined;
    return utf8Value(Array.isArray(value) ? value.join(', ') : value);
  };
}
