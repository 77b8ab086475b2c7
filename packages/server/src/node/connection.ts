import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LargeHeads } from './large-heads.ts';
import { SocketFace } from './socket-face.ts';
import { own, type SocketLender, type SocketOwner } from '../sink/socket-owner.ts';

type Done = (error?: Error | null) => void;

interface Piece {
  readonly chunk: string | Uint8Array;
  readonly encoding: BufferEncoding;
}

const FINISHED = channel('http.server.response.finish');
const WATCHERS = Symbol('watchers');

/** The answer to a large head while there are too many of them. */
const TOO_MANY_LARGE_HEADS =
  'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** What the connections of a server have in common. */
interface ConnectionsShare {
  /** The sockets that were taken. */
  readonly taken: Set<Socket>;
  readonly directWrites: boolean;
  readonly largeHeads: LargeHeads;
}

type Watched = ServerResponse & { [WATCHERS]?: readonly number[] };

/**
 * The object that http uses in place of a socket. Its documentation of the event `connection` allows any Duplex. This lets a stream take the
 * socket away from http, for which the response then has ended, and the connection with it, so that it lets go of all that it held for them.
 */
export class Connection extends SocketFace implements SocketLender, SocketOwner {
  /** The sockets of its server that were taken. */
  readonly #taken: Set<Socket>;
  /** How much of what was written the socket has been given, and has not passed on yet. */
  #passing = 0;
  /** What writes to the socket past this. */
  #sink: SocketOwner | undefined;
  readonly #largeHeads: LargeHeads;
  /** Whether what comes is the head of a request, as far as is known, and how much of it has come. */
  #isInHead = true;
  #headBytes = 0;

  readonly directWrites: boolean;

  constructor(socket: Socket, { taken, directWrites, largeHeads }: ConnectionsShare) {
    super(socket);
    this.#taken = taken;
    this.#largeHeads = largeHeads;
    this.directWrites = directWrites;
    own(socket, this);
  }

  /** Call this for each request before other code gets it: a handler that is added later needs what http reports. */
  static begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (socket instanceof Connection) socket.#headEnded(request);
    (response as Watched)[WATCHERS] = watchers(request, response);
  }

  /** The connection of a response, where nothing is known yet against a stream's taking its socket. */
  static of(response: ServerResponse): Connection | undefined {
    const { socket } = response;
    return socket instanceof Connection && socket.#canBeTaken(response) ? socket : undefined;
  }

  get isPassed(): boolean {
    return this.writableLength === this.#passing && !this.destroyed;
  }

  share(sink: SocketOwner): void {
    this.#sink = sink;
  }

  takeSocket(response: ServerResponse, sink: SocketOwner): Set<Socket> | undefined {
    const socket = this.socket;
    if (!socket.writable || socket.readableEnded || !this.#canBeTaken(response)) return undefined;
    this.isTaken = true;
    this.#sink = undefined;
    own(socket, sink);
    this.#taken.add(socket);
    // A paused socket would not report that the other side has ended.
    socket.resume();
    this.on('close', letGo);
    response.end(() => this.destroy());
    return this.#taken;
  }

  #canBeTaken(response: Watched): boolean {
    const { req: request } = response;
    return (
      (request.readableEnded || !hasBody(request)) &&
      !response.writableEnded &&
      !response.destroyed &&
      isSame(response[WATCHERS], watchers(request, response)) &&
      // A method that was put in its place has to be called.
      !Object.hasOwn(response, 'end') &&
      !FINISHED.hasSubscribers
    );
  }

  socketReceived(chunk: Uint8Array): void {
    if (this.#isInHead) {
      this.#headBytes += chunk.length;
      if (!this.#largeHeads.grow(this, this.#headBytes)) {
        // The rest of the head is read and dropped, until the client closes the connection or http's time for heads is over.
        if (!this.socket.writableEnded) this.socket.end(TOO_MANY_LARGE_HEADS);
        return;
      }
    }
    if (!this.push(chunk)) this.socket.pause();
  }

  /** Bytes that come from now on are those of a body, or of the next head. */
  #headEnded(request: IncomingMessage): void {
    this.#largeHeads.end(this);
    this.#headBytes = 0;
    this.#isInHead = !hasBody(request);
    if (this.#isInHead) return;
    request.once('end', () => {
      this.#isInHead = true;
      this.#headBytes = 0;
    });
  }

  socketEnded(): void {
    this.push(null);
  }

  socketDrained(): void {
    this.#sink?.socketDrained();
  }

  socketIdle(): void {
    this.emit('timeout');
  }

  socketFailed(error: Error): void {
    this.destroy(error);
  }

  socketClosed(): void {
    this.destroy();
    this.#sink?.socketClosed();
  }

  override _read(): void {
    if (!this.isTaken) this.socket.resume();
  }

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, done: Done): void {
    this.#pass([{ chunk, encoding }], done);
  }

  override _writev(chunks: Piece[], done: Done): void {
    this.#pass(chunks, done);
  }

  #pass(pieces: readonly Piece[], done: Done): void {
    // What http writes to end the response that it knows of.
    if (this.isTaken) {
      done();
      return;
    }
    const socket = this.socket;
    const last = pieces.length - 1;
    const passed = (error?: Error | null): void => {
      this.#passing = 0;
      // http has nothing more to do with a socket that was taken.
      done(this.isTaken ? null : error);
    };
    if (last > 0) socket.cork();
    for (const [index, { chunk, encoding }] of pieces.entries()) {
      this.#passing += chunk.length;
      socket.write(chunk, encoding, index === last ? passed : undefined);
    }
    if (last > 0) socket.uncork();
  }

  override _final(done: Done): void {
    if (this.isTaken) done();
    else this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#largeHeads.end(this);
    if (!this.isTaken) this.socket.destroy();
    done(error);
  }
}

/**
 * Takes from a closed connection what http hung on it. The connection itself stays until V8 collects the old generation: each stream of Node
 * that can be written to has a function there from its beginning, which holds it (`WritableState.onwrite`).
 */
function letGo(this: Connection): void {
  this.removeAllListeners();
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** How many listeners there are for each thing that http reports of a request, its own included. */
function watchers(request: IncomingMessage, response: ServerResponse): readonly number[] {
  const { socket } = request;
  return [
    response.listenerCount('close'),
    response.listenerCount('finish'),
    response.listenerCount('prefinish'),
    request.listenerCount('close'),
    request.listenerCount('aborted'),
    socket.listenerCount('close'),
    socket.listenerCount('end'),
    socket.listenerCount('timeout'),
  ];
}

/** Whether each count is the same: a sum would not show that a listener went and another came. */
function isSame(before: readonly number[] | undefined, now: readonly number[]): boolean {
  return before !== undefined && now.every((count, index) => count === before[index]);
}
