import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** A connection on which the client has yet to send a request, or the rest of one. */
interface Unfinished {
  /** Since when, by `performance.now`. */
  since: number;
  /** The request whose head has come, if it has. */
  request: IncomingMessage | undefined;
}

/**
 * The connections of this process, without those of streams. An entry is changed in place: each table that a map outgrows has a link to the next one, and V8
 * would keep what all of them hold until its next full collection.
 */
const unfinished = new Map<Socket, Unfinished>();

/** All connections of this process. */
let open = 0;

/** Those that have waited for the longest time when they were last looked for, the longest at the end. */
let longest: { readonly socket: Socket; readonly since: number }[] = [];
const MAX_LONGEST = 1000;

/** Takes notice of a server's connections from now on. */
export function watchConnections(server: Server): void {
  server.on('connection', (socket: Socket) => {
    open += 1;
    unfinished.set(socket, { since: performance.now(), request: undefined });
    socket.on('close', forget);
  });
}

/** How many connections are open in this process. */
export function openConnections(): number {
  return open;
}

/** A request's head has come, or its answer has been sent and the next request may come. */
export function setTurn(socket: Socket, request?: IncomingMessage): void {
  const turn = unfinished.get(socket);
  if (!turn) return;
  turn.since = performance.now();
  turn.request = request;
}

/** A stream has begun on a connection. */
export function endTurn(socket: Socket): void {
  // An outgrown table may still hold the entry.
  setTurn(socket);
  unfinished.delete(socket);
}

/** Closes the connection that has been unfinished for the longest time, if there is one. */
export function closeLongestUnfinished(): void {
  if (longest.length === 0) longest = findLongest();
  for (let next = longest.pop(); next; next = longest.pop()) {
    const { socket, since } = next;
    const turn = unfinished.get(socket);
    if (turn?.since !== since || isAnswered(turn)) continue;
    unfinished.delete(socket);
    socket.destroy();
    return;
  }
}

function findLongest(): typeof longest {
  return [...unfinished]
    .flatMap(([socket, turn]) => (isAnswered(turn) ? [] : { socket, since: turn.since }))
    .toSorted((one, other) => other.since - one.since)
    .slice(-MAX_LONGEST);
}

/** Whether it is the hub's turn, or the hub reads the body of a publish. That has the right to it by then, and may stay open. */
function isAnswered({ request }: Unfinished): boolean {
  if (!request) return false;
  // A body is not flowing while it is read by its iterator, and only then.
  return request.complete || (request.method !== 'QUERY' && request.readableFlowing === false);
}

function forget(this: Socket): void {
  open -= 1;
  unfinished.delete(this);
}
