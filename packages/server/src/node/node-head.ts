import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest, IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { utf8Value, type RequestHead } from '../http/request.ts';
import { SocketFace } from './socket-face.ts';

/** A request as node:http, node:https and node:http2 give it, and as frameworks pass it on. */
export type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The target of the request line, where a framework's router has shortened `url`. */
  readonly originalUrl?: string | undefined;
};

/**
 * The head of a Node request. What costs memory is found out when it is asked for, so do not spread it, which would leave that out as well: add
 * to it with `Object.assign`.
 * @param url an absolute URL, where that is known
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

  get address(): string | undefined {
    return this.original.socket?.remoteAddress;
  }

  get peer(): RequestHead['peer'] {
    const { socket } = this.original;
    // The stand-in for a socket is let go of where a stream takes the socket itself.
    return socket instanceof SocketFace ? socket.socket : socket;
  }

  onGone(gone: () => void): () => void {
    const { original } = this;
    // A request of HTTP/2 is a stream of its connection.
    return onClosed('stream' in original ? original.stream : (this.peer as Socket | undefined), gone);
  }
}

/** Calls back when a socket or stream is closed, at once where it is. Gives what ends that. */
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
