import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest, IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { utf8Value, type RequestHead } from '../http/request.ts';
import { SocketFace } from './socket-face.ts';

/** A request of node:http, node:https or node:http2, or of a framework on them. */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The target of the request line, if the router of a framework has shortened `url`. */
  readonly originalUrl?: string | undefined;
};

/**
 * Returns the head of a Node request. The address is read only when it is needed, because that costs memory. Do not spread the head, which would lose that; add
 * to it with `Object.assign`.
 * @param url an absolute URL, if it is known
 */
export function nodeHead(request: NodeRequest, url: string = request.originalUrl ?? request.url ?? '/'): RequestHead {
  return new NodeHead(request, url);
}

// A class, because V8 puts the function of a getter in an object literal where only a full collection takes it away, with all that it holds.
class NodeHead implements RequestHead {
  readonly method: string;
  readonly url: string;
  readonly original: NodeRequest;
  /** A property of its own, so that it can be taken out of the head: `({ header }) => header('authorization')`. */
  readonly header = (name: string): string | undefined => fieldOf(this.original.headers, name);

  constructor(request: NodeRequest, url: string) {
    this.method = request.method ?? 'GET';
    this.url = url;
    this.original = request;
  }

  headerNames(): readonly string[] {
    return Object.keys(this.original.headers);
  }

  get address(): string | undefined {
    return this.original.socket?.remoteAddress;
  }

  get peer(): RequestHead['peer'] {
    const { socket } = this.original;
    // If a stream takes the socket itself, the object in its place can be freed.
    return socket instanceof SocketFace ? socket.socket : socket;
  }

  onGone(gone: () => void): () => void {
    const { original } = this;
    // A request of HTTP/2 is a stream of its connection.
    return onClosed('stream' in original ? original.stream : (this.peer as Socket | undefined), gone);
  }
}

/** Calls back when a socket or stream is closed, at once if it is closed already. Returns a function that ends that. */
export function onClosed(way: Duplex | undefined, closed: () => void): () => void {
  if (way?.destroyed === false) way.once('close', closed);
  else closed();
  return () => void way?.off('close', closed);
}

/** The value of a header field, by its name in lower case. */
export function fieldOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  // HTTP/2 has the host in a field of its own.
  const value = headers[name] ?? (name === 'host' ? headers[':authority'] : undefined);
  if (value === undefined) return undefined;
  return utf8Value(Array.isArray(value) ? value.join(', ') : value);
}
