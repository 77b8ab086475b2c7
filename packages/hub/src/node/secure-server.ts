import type { Server as HttpServer } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { Server, type ServerOpts, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { secureContextOf } from './certificate.ts';
import type { Counts } from '../counts.ts';
import { Handshakes } from './handshakes.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Certificate, CheckedServerOptions } from './options.ts';
import type { StreamDoor } from './stream-door.ts';
import { connectionBelow } from './unfinished.ts';

// The first byte of a connection of TLS: the type of a record with a handshake (RFC 8446, 5.1).
const HANDSHAKE = 22;

/** The answer to a client that speaks HTTP without TLS here. */
const NOT_SECURE =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n' +
  'This port speaks TLS: the URL has to begin with https://\n';

// The longest value of a header field that nghttp2 takes, and so the longest path. A connection with a longer one is closed.
const MAX_VALUE_BYTES = 64 * 1024;

// How many header fields a request may have, and how much each counts beside its bytes (RFC 9113, 6.5.2).
const MAX_FIELDS = 128;
const FIELD_BYTES = 32;

/** What a secure server is made of. */
export interface SecureServerParts {
  /** How its connections are opened. */
  readonly connections: ServerOpts;
  readonly counts: Counts;
  /** Answers what comes by HTTP/1.1. */
  readonly http: HttpServer;
  /** Answers what comes by HTTP/2. */
  readonly door: StreamDoor;
}

/**
 * A server of the hub that speaks HTTP/1.1 and HTTP/2 over TLS on one port. Which one is up to the client (ALPN). It has what a `Server` of node:http has
 * to be closed with.
 */
export class SecureHubServer extends Server {
  readonly #tls: TlsServer;
  readonly #http: HttpServer;
  readonly #http2: Http2Server;
  readonly #given: Certificate | (() => Certificate);
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<Http2Connection>();
  readonly #settings: CheckedServerOptions;
  readonly #handshakes: Handshakes;
  readonly #parts: SecureServerParts;

  /**
   * Made by `createServer`.
   * @throws {HubError} `ERR_INVALID_OPTION`
   */
  constructor(tls: Certificate | (() => Certificate), settings: CheckedServerOptions, parts: SecureServerParts) {
    const { connections, counts, http, door } = parts;
    // As node:http has it.
    super({ noDelay: true, allowHalfOpen: true, ...connections });
    const { maxHeadMs, maxStreams, maxUrlBytes, maxFieldBytes } = settings;
    // What is a little too large is answered 414 or 431, and what is larger is refused before it is held.
    const maxHeaderListSize = Math.min(maxUrlBytes, MAX_VALUE_BYTES) + 2 * maxFieldBytes + MAX_FIELDS * FIELD_BYTES;
    this.#given = tls;
    this.#settings = settings;
    this.#http = http;
    this.#parts = parts;
    this.#handshakes = new Handshakes(settings.maxHandshakes, counts);
    this.#http2 = createHttp2Server({
      settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize },
      maxHeaderListPairs: MAX_FIELDS,
    });
    this.#tls = createTlsServer({
      ...secureContextOf(tls),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: maxHeadMs,
    });
    this.#tls.on('secureConnection', (socket) => {
      this.#handshakes.end(connectionBelow(socket));
      this.#begin(socket, door);
    });
    // A client that does not trust the certificate, or speaks something else, is no error of ours. Node closes the connection.
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
    this.on('connection', (socket) => this.#accept(socket));
    // http begins to watch over its connections then.
    this.on('listening', () => this.#http.emit('listening'));
    this.on('close', () => void this.#http.close());
    http.prependListener('request', (request, response) => void this.emit('request', request, response));
  }

  /**
   * Takes another certificate for the connections that come from now on. If it is not usable, the present one is kept.
   * @param certificate without one, the function that was given as `tls` is called
   * @throws {HubError} `ERR_INVALID_OPTION`
   */
  renewCertificate(certificate: Certificate | (() => Certificate) = this.#given): void {
    this.#tls.setSecureContext(secureContextOf(certificate));
  }

  /**
   * Stops accepting connections, and tells the clients of HTTP/2 that there will be no more requests on those that they have: what is under way goes on, and on a
   * connection that is new one more request is answered. The connections of HTTP/1.1 are left as they are, until `closeIdleConnections()`. Emits `close` when there are
   * no more connections.
   */
  drain(): void {
    if (this.listening) super.close();
    for (const connection of this.#connections) connection.drain();
  }

  /** Does that, and closes the connections of HTTP/1.1 that are idle. */
  override close(done?: (error?: Error) => void): this {
    if (this.listening || !done) {
      if (done) this.once('close', () => done());
      this.drain();
    } else super.close(done);
    this.closeIdleConnections();
    return this;
  }

  /** Closes the connections on which no request is under way. */
  closeIdleConnections(): void {
    this.#http.closeIdleConnections();
    for (const connection of this.#connections) connection.closeIfIdle();
  }

  /** Closes all connections at once. */
  closeAllConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const timer = setTimeout(() => socket.destroy(), this.#settings.maxHeadMs).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
      this.#handshakes.end(socket);
    });
    // Until TLS has it: a client may leave at any time.
    const ignore = (): void => {};
    socket.on('error', ignore);
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null;
      clearTimeout(timer);
      if (first === null) {
        socket.destroy();
        return;
      }
      if (first[0] !== HANDSHAKE) {
        socket.on('data', ignore).once('end', () => socket.destroy());
        socket.end(NOT_SECURE);
        setTimeout(() => socket.destroy(), this.#settings.lingerMs).unref();
        return;
      }
      this.#handshakes.begin(socket);
      socket.unshift(first);
      // A client that leaves in the middle of the handshake has left.
      socket.allowHalfOpen = false;
      this.#tls.emit('connection', socket);
    });
  }

  #begin(socket: TLSSocket, door: StreamDoor): void {
    socket.disableRenegotiation();
    if (socket.alpnProtocol !== 'h2') {
      // As node:http has it.
      socket.allowHalfOpen = true;
      const { open } = this.#parts.counts;
      open.http1 += 1;
      socket.once('close', () => void (open.http1 -= 1));
      this.#http.emit('connection', socket);
      return;
    }
    // A client that leaves is no error of ours, also after the session has let go of the socket.
    socket.on('error', () => {});
    const { maxHeadMs, idleConnectionMs, lingerMs } = this.#settings;
    // It is made before this returns.
    this.#http2.once('session', (session: ServerHttp2Session) => {
      const times = { firstMs: maxHeadMs, idleMs: idleConnectionMs, closeMs: lingerMs };
      const connection = new Http2Connection(session, socket, times);
      this.#connections.add(connection);
      const { open } = this.#parts.counts;
      open.http2 += 1;
      session.once('close', () => {
        this.#connections.delete(connection);
        open.http2 -= 1;
      });
      session.on('stream', (stream, fields, _flags, rawFields) =>
        door.take(stream, fields, rawFields ?? [], connection),
      );
      if (!this.listening) connection.drain();
    });
    this.#http2.emit('connection', socket);
  }
}
