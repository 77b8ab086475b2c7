import type { AddressInfo } from 'node:net';

/** The environment variable that has the number of a worker. */
export const WORKER_NUMBER = 'TIDINGS_WORKER_NUMBER';

/**
 * The message of the process of the log to a worker: listen on the sockets that begin at descriptor 3, and use the log through the socket behind them.
 */
export interface WorkerOrder<Settings> {
  readonly type: 'serve';
  /** A name for each socket. */
  readonly sockets: readonly string[];
  readonly settings: Settings;
}

/** Asks a worker to end. It is no signal, because a system that ends a whole group sends that to each process of it, and a second one ends a worker at once. */
export interface StopOrder {
  readonly type: 'stop';
}

/** What a worker has found out when it listens. */
export interface WorkerServing {
  readonly type: 'serving';
  /** Where it listens, of the sockets that have an address. */
  readonly bound: readonly AddressInfo[];
}

/**
 * The messages of a worker:
 * - `serving`: it listens;
 * - `released`: it has ended its streams and needs the log no more.
 */
export type WorkerMessage = WorkerServing | { readonly type: 'released' };
