import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Called with the events of a socket. */
export interface SocketOwner {
  socketReceived(chunk: Uint8Array): void;
  /** The other side sends nothing more. */
  socketEnded(): void;
  socketDrained(): void;
  socketIdle(): void;
  socketFailed(error: Error): void;
  socketClosed(): void;
}

/** An object from which a stream may take the socket of its response. */
export interface SocketLender {
  /** Whether what is written to the socket now comes behind all that was written to this. */
  readonly isPassed: boolean;
  readonly socket: Socket;
  /** Whether the server lets bytes go past the streams of its sockets. */
  readonly directWrites: boolean;
  /** Lets an owner that will write to the socket know when it has drained or closed. The socket is taken with {@link takeSocket}. */
  share(owner: SocketOwner): void;
  /**
   * Takes the socket from http, unless other code listens to the response. Returns the set of taken sockets that it is in from now
   * on; undefined if it was not taken.
   */
  takeSocket(response: ServerResponse, owner: SocketOwner): Set<Socket> | undefined;
}

const OWNER = Symbol('owner');

type OwnedSocket = Socket & { [OWNER]?: SocketOwner };

/** Gives a socket to an owner that is called from now on, in place of the one before. */
export function own(socket: Socket, owner: SocketOwner): void {
  const owned = socket as OwnedSocket;
  const first = owned[OWNER] === undefined;
  owned[OWNER] = owner;
  if (!first) return;
  // The same functions for every socket, so that an idle one holds none of its own.
  owned.on('data', received).on('end', ended).on('drain', drained);
  owned.on('timeout', idle).on('error', failed).on('close', closed);
}

function received(this: OwnedSocket, chunk: Uint8Array): void {
  this[OWNER]?.socketReceived(chunk);
}

function ended(this: OwnedSocket): void {
  this[OWNER]?.socketEnded();
}

function drained(this: OwnedSocket): void {
  this[OWNER]?.socketDrained();
}

function idle(this: OwnedSocket): void {
  this[OWNER]?.socketIdle();
}

function failed(this: OwnedSocket, error: Error): void {
  this[OWNER]?.socketFailed(error);
}

function closed(this: OwnedSocket): void {
  this[OWNER]?.socketClosed();
}
