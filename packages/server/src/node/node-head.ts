import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest, IncomingHttpHeaders } from 'node:http2';
import { utf8Value, type RequestHead } from '../http/request.ts';

/** A request as node:http, node:https and node:http2 give it, and as frameworks pass it on. */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The target of the request line, where a framework's router has shortened `url`. */
  readonly originalUrl?: string | undefined;
};

/** The head of a Node request. */
export function nodeHead(request: NodeRequest): RequestHead {
  return {
    method: request.method ?? 'GET',
    url: request.originalUrl ?? request.url ?? '/',
    header: fieldReader(request.headers),
    get address() {
      return request.socket?.remoteAddress;
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
