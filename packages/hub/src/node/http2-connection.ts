import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Asked, beginStream, connectionBelow, endStreams, setTurn } from './unfinished.ts';

/** The requests of a connection that are under way, those of open streams among them. */
class Requests implements Asked {
  readonly #open = new Map<ServerHttp2Stream, string>();

  get size(): number {
    return this.#open.size;
  }

  add(stream: ServerHttp2Stream, method: string): void {
    this.#open.set(stream, method);
  }

  delete(stream: ServerHttp2Stream): void {
    this.#open.delete(stream);
  }

  /** Whether one of them has come whole, so that it is the hub's turn. */
  get complete(): boolean {
    for (const stream of this.#open.keys()) if (stream.endAfterHeaders || stream.readableEnded) return true;
    return false;
  }

  /** False if the hub reads the body of one that publishes. */
  get readableFlowing(): boolean | null {
    for (const [stream, method] of this.#open) if (method !== 'QUERY' && stream.readableFlowing === false) return false;
    return null;
  }
}

/** How long a connection may be idle, in milliseconds, and be open after it was told to close. */
interface Times {
  /** Before its first request. */
  readonly firstMs: number;
  readonly idleMs: number;
  readonly closeMs: number;
}

/** One connection of HTTP/2. It is closed if it has no request for a while, whatever else the client sends. */
export class Http2Connection {
  readonly session: ServerHttp2Session;
  /** Its socket. That of the session throws when the session has ended. */
  readonly socket: TLSSocket;
  /** What has the file descriptor. */
  readonly below: Socket;
  readonly #times: Times;
  readonly #requests = new Requests();
  /** Whether its first request has yet to come. */
  #isNew = true;
  #isDraining = false;
  /** How many of them are event streams. */
  #streams = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: ServerHttp2Session, socket: TLSSocket, times: Times) {
    this.session = session;
    this.socket = socket;
    this.below = connectionBelow(socket);
    this.#times = times;
    this.#wait(times.firstMs);
    // What a client has done wrong is no error of ours; 'close' follows.
    session.on('error', () => {});
    session.once('close', () => clearTimeout(this.#timer));
  }

  /** A request has come. */
  begin(stream: ServerHttp2Stream, method: string): void {
    clearTimeout(this.#timer);
    this.#isNew = false;
    if (this.isIdle) setTurn(this.below, this.#requests);
    this.#requests.add(stream, method);
    stream.once('close', () => {
      this.#requests.delete(stream);
      if (!this.isIdle) return;
      setTurn(this.below);
      if (this.session.closed) this.#end();
      else this.#wait(this.#times.idleMs);
    });
    if (this.#isDraining) this.close();
  }

  /** A request has become an event stream. */
  beginStream(stream: ServerHttp2Stream): void {
    this.#streams += 1;
    if (this.#streams === 1) beginStream(this.below);
    stream.once('close', () => {
      this.#streams -= 1;
      if (this.#streams === 0) endStreams(this.below, this.#requests);
    });
  }

  get isIdle(): boolean {
    return this.#requests.size === 0;
  }

  /** Closes it as `close` does, but not before its first request: not every client sends a request again that was on its way. */
  drain(): void {
    this.#isDraining = true;
    if (!this.#isNew) this.close();
  }

  /** Closes it if it is idle. One that drains and is new is given until the next time. */
  closeIfIdle(): void {
    if (!this.isIdle) return;
    if (this.#isNew && this.#isDraining) this.#isNew = false;
    else this.close();
  }

  /** Whether no request but this one is under way. */
  hasOnly(stream: ServerHttp2Stream): boolean {
    return this.isIdle || (this.#requests.size === 1 && !stream.destroyed);
  }

  /** Tells the client that there will be no more requests on it (GOAWAY), and closes it after those that are under way. */
  close(): void {
    if (this.session.closed) return;
    clearTimeout(this.#timer);
    this.session.close();
    if (this.isIdle) this.#end();
  }

  /** Gives the client a while to close its side: otherwise it would keep the connection. */
  #end(): void {
    const timer = setTimeout(() => this.socket.destroy(), this.#times.closeMs).unref();
    this.socket.once('close', () => clearTimeout(timer));
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.close(), ms).unref();
  }
}
