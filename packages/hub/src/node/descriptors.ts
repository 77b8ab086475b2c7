import { readdirSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { type Problem, problemOfRefusal } from '../http/problem.ts';
import { closeLongestUnfinished, hasStream, openConnections, openStreams, watchConnections } from './unfinished.ts';

// For the log, and for everything else that is no connection.
const FOR_FILES = 16;

// For publishers, and for health checks: a quarter of the connections, but no more than this.
const MAX_FOR_OTHERS = 256;

// For connections that have just come: a publisher needs one for a moment only, however many connections come that never send a request.
const MAX_FOR_NEW = 64;

// With fewer connections a server would serve nobody. Then the system's own error says more.
const MIN_CONNECTIONS = 4;

const WARN_EVERY_MS = 60_000;

/** The servers of this process: they share its file descriptors. */
const servers = new Set<Server>();

/** How many connections they may have together. */
let maxConnections = Number.POSITIVE_INFINITY;

/**
 * Keeps file descriptors for publishers and for the log. Listeners stay for a long time and would take all that the system allows. A process without
 * a free one can neither accept a connection nor open a file.
 */
export class Descriptors {
  readonly #warn: (about: object, message: string) => void;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(warn: (about: object, message: string) => void) {
    this.#warn = warn;
  }

  /** Limits the connections of a server, from the time when it listens. */
  guard(server: Server): void {
    watchConnections(server);
    server.on('listening', () => {
      if (servers.size === 0) maxConnections = connectionsAllowed();
      servers.add(server);
      share();
    });
    server.on('close', () => {
      servers.delete(server);
      share();
    });
    server.on('connection', makeRoom);
    server.on('drop', () => {
      makeRoom();
      this.#report('A connection was refused');
    });
  }

  /** Returns why no more listeners are let in on a connection, or undefined if they are. */
  full(connection: Socket): Problem | undefined {
    if (openStreams() < maxListeners() || hasStream(connection)) return undefined;
    this.#report('A listener was refused');
    return problemOfRefusal('full');
  }

  #report(what: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = now;
    this.#warn(
      { connections: maxConnections, listeners: maxListeners() },
      `${what}, to keep file descriptors for others and for the log. Raise the limit of this process (ulimit -n, LimitNOFILE)`,
    );
  }
}

function maxListeners(): number {
  return maxConnections - Math.min(Math.ceil(maxConnections / 4), MAX_FOR_OTHERS);
}

/** Each new connection takes the place of the one whose client has kept the hub waiting for the longest time. */
function makeRoom(): void {
  const forNew = connectionsForNew();
  if (openConnections() > maxConnections - forNew) closeLongestUnfinished(forNew);
}

function connectionsForNew(): number {
  return Math.min(Math.ceil(maxConnections / 16), MAX_FOR_NEW);
}

/** Gives each server the same share of the connections. */
function share(): void {
  if (maxConnections === Number.POSITIVE_INFINITY) return;
  for (const server of servers) server.maxConnections = Math.max(Math.floor(maxConnections / servers.size), 1);
}

function connectionsAllowed(): number {
  limit ??= readLimit();
  return Math.max(limit - openDescriptors() - FOR_FILES, MIN_CONNECTIONS);
}

let limit: number | undefined;

/** How many files and connections this process may have open, as far as that is known. */
function readLimit(): number {
  try {
    const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
    const soft = Number(userLimits?.open_files?.soft);
    return soft > 0 ? soft : Number.POSITIVE_INFINITY;
  } catch {
    // Other runtimes have no such report.
    return Number.POSITIVE_INFINITY;
  }
}

/** How many files and connections are open now. */
function openDescriptors(): number {
  for (const folder of ['/proc/self/fd', '/dev/fd']) {
    try {
      return readdirSync(folder).length;
    } catch {
      // The other folder may exist.
    }
  }
  return 32;
}
