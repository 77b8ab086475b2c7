import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

// A request that is younger than this may just be on its way, in milliseconds.
const MIN_AGE_MS = 1000;

interface Turn {
  readonly since: number;
  /** The request whose head has come, if it has. */
  readonly request: IncomingMessage | undefined;
}

/** The connections of this process on which the client has yet to send a request, or the rest of one, the one that waits longest first. */
const turns = new Map<Socket, Turn>();

/** Takes notice of a server's connections from now on. */
export function watchConnections(server: Server): void {
  server.on('connection', (socket: Socket) => {
    setTurn(socket);
    socket.on('close', forget);
  });
}

/** A request's head has come, or its answer has been sent and the next request may come. */
export function setTurn(socket: Socket, request?: IncomingMessage): void {
  turns.delete(socket);
  if (!socket.destroyed) turns.set(socket, { since: performance.now(), request });
}

/** A stream has begun on a connection. */
export function endTurn(socket: Socket): void {
  turns.delete(socket);
}

/** Closes the connection whose request has been unfinished for the longest time, if that is at least a second. */
export function closeLongestUnfinished(): void {
  const before = performance.now() - MIN_AGE_MS;
  for (const [socket, { since, request }] of turns) {
    if (since > before) return;
    turns.delete(socket);
    if (request && (request.complete || isUpload(request))) continue;
    socket.destroy();
    return;
  }
}

/** Whether the hub reads the body of a publish, which has the right to it by then, and may stay open. */
function isUpload({ method, readableFlowing }: IncomingMessage): boolean {
  // False while a body is read by its iterator, and only then.
  return method !== 'QUERY' && readableFlowing === false;
}

function forget(this: Socket): void {
  turns.delete(this);
}
