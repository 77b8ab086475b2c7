import { readdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { type Problem, problemOfRefusal } from '../http/problem.ts';

// What the log and everything else that is no connection may still open.
const FOR_FILES = 16;

// What is kept for publishers, and for whoever asks how the hub is: a quarter of the connections, but no more than this.
const MAX_FOR_OTHERS = 256;

/** A server of so few connections serves nobody; then the system has to say so. */
const MIN_CONNECTIONS = 4;

const WARN_EVERY_MS = 60_000;

/**
 * Keeps file descriptors for publishers and for the log: listeners stay for long, and would take all that the system allows. A process without
 * one can neither accept a connection nor open a file.
 */
export class Descriptors {
  readonly #warn: (message: string) => void;
  #server: Server | undefined;
  #maxListeners = Number.POSITIVE_INFINITY;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Bounds the connections of a server from when it listens. */
  guard(server: Server & { closeIdleConnections(): void }): void {
    server.once('listening', () => {
      const limit = descriptorLimit();
      if (limit === undefined) return;
      const connections = Math.max(limit - openDescriptors() - FOR_FILES, MIN_CONNECTIONS);
      this.#server = server;
      this.#maxListeners = connections - Math.min(Math.ceil(connections / 4), MAX_FOR_OTHERS);
      server.maxConnections = connections;
    });
    server.on('drop', () => {
      // For the next one that comes.
      server.closeIdleConnections();
      this.#report('A connection was refused');
    });
  }

  /** Why another listener is not let in; undefined where it is. */
  async full(): Promise<Problem | undefined> {
    const server = this.#server;
    if (!server) return undefined;
    const connections = await new Promise<number>((resolve) => {
      server.getConnections((error, count) => resolve(error ? 0 : count));
    });
    if (connections <= this.#maxListeners) return undefined;
    this.#report('A listener was refused');
    return problemOfRefusal('full');
  }

  #report(what: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = now;
    this.#warn(
      `${what}: of ${this.#server?.maxConnections} connections that this process has file descriptors for, ` +
        `${this.#maxListeners} are for listeners. Raise its limit (ulimit -n, LimitNOFILE)`,
    );
  }
}

let limit: number | undefined;

/** How many files and connections this process may have open; undefined where that is not known. */
function descriptorLimit(): number | undefined {
  limit ??= readLimit();
  return Number.isFinite(limit) ? limit : undefined;
}

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
      // It is at the other place, or at none.
    }
  }
  return 32;
}
