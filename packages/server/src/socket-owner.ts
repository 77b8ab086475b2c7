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
