import type { Server, Socket } from 'node:net';

/** What is known of a request whose head has come, or of all that a connection of HTTP/2 has. A request of Node is one. */
export interface Asked {
  /** Whether its body has come, so that it is the hub's turn. */
  readonly complete: boolean;
  readonly method?: string | undefined;
  /** As a stream of Node says it. */
  readonly readableFlowing: boolean | null;
}

/** A connection on which the client has yet to send a request, or the rest of one. */
interface Unfinished {
  /** Since when, by `performance.now`. */
  since: number;
  /** The request whose head has come, if it has. */
  request: Asked | undefined;
  /** How many bytes had come when this connection was last looked at, if it had an upload then. */
  bytesRead: number;
}

/** Whose a connection is. Many may have the same owner. */
export interface ConnectionOwner {
  /** One of its connections has gone. */
  left(): void;
}

// The owner hangs on the socket. One more listener of the close of each socket would take several times the memory.
const OWNER: unique symbol = Symbol('owner');

type Owned = Socket & { [OWNER]?: ConnectionOwner };

/**
 * The connections of this process, without those of streams. An entry is changed in place: each table that a map outgrows has a link to the next one, and V8
 * would keep what all of them hold until its next full collection.
 */
const unfinished = new Map<Socket, Unfinished>();

/** All connections of this process. */
let open = 0;

/** Those that streams have. */
const streams = new Set<Socket>();

/** Those that have waited for the longest time when they were last looked for, the longest at the end. */
let longest: { readonly socket: Socket; readonly since: number }[] = [];
const MAX_LONGEST = 1000;

// If there is none, it is not looked for again in this time, in milliseconds: that looks at all connections.
const LOOK_EVERY_MS = 100;
let lookedAt = Number.NEGATIVE_INFINITY;

/** Takes notice of a server's connections from now on. */
export function watchConnections(server: Server): void {
  server.on('connection', (socket: Socket) => {
    open += 1;
    unfinished.set(socket, { since: performance.now(), request: undefined, bytesRead: 0 });
    socket.on('close', forget);
  });
}

/** Gives a connection of a server that is watched its owner. */
export function giveOwner(socket: Owned, owner: ConnectionOwner): void {
  socket[OWNER] = owner;
}

export function ownerOf(socket: Owned): ConnectionOwner | undefined {
  return socket[OWNER];
}

/** The connection below one of TLS: that is what has the file descriptor. The name is Node's. */
export function connectionBelow(socket: Socket): Socket {
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  return (socket as { _parent?: Socket | null })._parent ?? socket;
}

/** How many connections are open in this process. */
export function openConnections(): number {
  return open;
}

/** How many of them have a stream. */
export function openStreams(): number {
  return streams.size;
}

/** A request's head has come, or its answer has been sent and the next request may come. */
export function setTurn(socket: Socket, request?: Asked): void {
  const turn = unfinished.get(socket);
  if (!turn) return;
  turn.since = performance.now();
  turn.request = request;
  turn.bytesRead = 0;
}

/** Whether a connection has a stream. */
export function hasStream(socket: Socket): boolean {
  return streams.has(socket);
}

/** The last stream of a connection that goes on, which is one of HTTP/2, has ended. */
export function endStreams(socket: Socket, request: Asked | undefined): void {
  if (streams.delete(socket)) unfinished.set(socket, { since: performance.now(), request, bytesRead: 0 });
}

/** A stream has begun on a connection. */
export function beginStream(socket: Socket): void {
  // An outgrown table may still hold the entry.
  setTurn(socket);
  if (unfinished.delete(socket)) streams.add(socket);
}

/**
 * Closes the connection that has been unfinished for the longest time, if there is one.
 * @param forNew this many are taken to have just come: they give way after uploads that are silent
 */
export function closeLongestUnfinished(forNew: number): void {
  if (longest.length === 0 && performance.now() - lookedAt >= LOOK_EVERY_MS) longest = findLongest(forNew);
  for (let next = longest.pop(); next; next = longest.pop()) {
    const { socket, since } = next;
    const turn = unfinished.get(socket);
    if (turn?.since !== since || isAnswered(turn)) continue;
    // It is closed in a moment, and others may come before that.
    socket.off('close', forget);
    forget.call(socket);
    socket.destroy();
    return;
  }
}

/** Uploads give way only if there is nothing older, and only those that are silent: nothing has come since they were looked at before. */
function findLongest(forNew: number): typeof longest {
  const found: (typeof longest)[number][] = [];
  const silent: (typeof longest)[number][] = [];
  const now = performance.now();
  for (const [socket, turn] of unfinished) {
    if (isAnswered(turn)) continue;
    if (!isUpload(turn)) found.push({ socket, since: turn.since });
    else if (turn.bytesRead === socket.bytesRead) silent.push({ socket, since: turn.since });
    else {
      turn.bytesRead = socket.bytesRead;
      turn.since = now;
    }
  }
  const all = found.length > forNew || silent.length === 0 ? found : silent;
  if (all.length <= forNew) lookedAt = now;
  return all.toSorted((one, other) => other.since - one.since).slice(-MAX_LONGEST);
}

/** Whether it is the hub's turn. */
function isAnswered({ request }: Unfinished): boolean {
  return request?.complete === true;
}

/** Whether the hub reads the body of a publish, which has the right to it by then. */
function isUpload({ request }: Unfinished): boolean {
  // A body is not flowing while it is read by its iterator, and only then.
  return request !== undefined && request.method !== 'QUERY' && request.readableFlowing === false;
}

function forget(this: Owned): void {
  this[OWNER]?.left();
  open -= 1;
  unfinished.delete(this);
  streams.delete(this);
}
