import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Who is told what becomes of a socket. */
export interface SocketOwner {
  socketReceived(chunk: Uint8Array): void;
  /** The other side says nothing more. */
  socketEnded(): void;
  socketDrained(): void;
  socketIdle(): void;
  socketFailed(error: Error): void;
  socketClosed(): void;
}

/** What a stream may take the socket of its response from. */
export interface SocketLender {
  /** Whether what is written to the socket now comes behind all that was written to this. */
  readonly isPassed: boolean;
  /** Gives the socket to what will write to it. It is taken with {@link takeSocket}. */
  share(owner: SocketOwner): Socket;
  /**
   * Takes the socket from http, if nobody has come that wants to know what http tells of the response. Gives the set that it is in from
   * now on, undefined where it was not taken.
   */
  takeSocket(response: ServerResponse, owner: SocketOwner): Set<Socket> | undefined;
}

const OWNER = Symbol('owner');

type OwnedSocket = Socket & { [OWNER]?: SocketOwner };

/** Gives a socket to an owner that is told everything from now on, in place of the one before. */
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
