import type { ItemIterator } from '../../log/reading/iterator.ts';
import type { NewChunk, RunItem, RunStatus } from './run.ts';

/** The right to produce a run. It is data, and can be sent to another process. */
export interface RunLease {
  readonly id: string;
  readonly token: string;
  /** How long it lasts after each append and each renewal, in milliseconds. */
  readonly ms: number;
  /** The place of the run's beginning: what was asked of a run of this id before it does not concern this one. @default unknown */
  readonly begunAt?: string | undefined;
}

export interface AcquireOptions {
  /** How long the lease lasts, in milliseconds: 1,000 to 86,400,000. */
  readonly leaseMs: number;
  /** How long after its last event the run is forgotten, in milliseconds, from 1,000. */
  readonly ttlMs: number;
}

/** How a producer ends its run. The error is not stored where it is left out. */
export type RunOutcome =
  | { readonly state: 'done' | 'stopped' }
  | { readonly state: 'failed'; readonly error?: string | undefined };

export interface ReadOptions {
  /** Begin behind this place, which is the `id` of an item. An empty one counts as none. @default the start of the run */
  readonly after?: string | undefined;
  /** Ends the reading when it aborts: nothing is thrown. @default nothing */
  readonly signal?: AbortSignal | undefined;
}

/** Somebody has asked the producer of a run to stop. */
export interface StopRequest {
  readonly id: string;
  /** The place of the request. */
  readonly at: string;
}

/** Somebody follows who asks for the end of runs. */
export interface StopWatch {
  /** Ends the watch at once. */
  end(): void;
}

/**
 * Keeps runs. It is what {@link Runs} works with, and what the faces for other libraries are made of. All methods reject with a `ServerError`: beside the
 * codes that are named, with what the log or the hub refuses.
 */
export interface RunStore {
  /**
   * Makes the caller the producer of a run, if nobody was before, also before its end. Resolves to undefined for everyone else, until the run is unknown again.
   * @throws {ServerError} `ERR_RUN_OVER` if the caller was the first, and its lease has ended, or the run was deleted, before its beginning was stored
   */
  acquire(id: string, options: AcquireOptions): Promise<RunLease | undefined>;
  /**
   * Stores chunks, whole or not at all, and renews the lease. Resolves to the place of each when they are durable. The calls of one lease may not overlap.
   * @throws {ServerError} `ERR_RUN_OVER` if the run is over, deleted, or no longer the caller's: nothing was stored
   */
  append(lease: RunLease, chunks: readonly NewChunk[]): Promise<readonly string[]>;
  /** Ends a run. Resolves to false, and changes nothing, if it is over, deleted, or no longer the caller's. */
  finish(lease: RunLease, outcome: RunOutcome): Promise<boolean>;
  /**
   * Renews the lease of a producer that has nothing to write.
   * @throws {ServerError} `ERR_RUN_OVER`
   */
  renew(lease: RunLease): Promise<void>;
  /**
   * Reads a run from a place, and goes on with what is appended, to the end, which is the last item. A reading of a run that is unknown, and of one that is
   * deleted meanwhile, ends with the state `unknown`. One that begins behind the end has no item.
   */
  read(id: string, options?: ReadOptions): ItemIterator<RunItem>;
  /** What is stored now behind a place. It never waits for a producer. An unknown run has no item. */
  snapshot(id: string, options?: ReadOptions): Promise<readonly RunItem[]>;
  status(id: string): Promise<RunStatus>;
  /** Removes a run. Its readers end, and its producer is refused. Resolves to whether it was known. */
  delete(id: string): Promise<boolean>;
  /** Asks the producer of a run to stop, wherever it is. Resolves when the request is stored, whether there is a producer or not. */
  askToStop(id: string): Promise<void>;
  /**
   * Calls back with each request to stop that comes from now on. It may come twice. Where the store fails, the watch begins anew a second later: who asks for a stop asks again
   * until the run is over.
   * @param onError is told why it has failed
   */
  watchStops(onStop: (request: StopRequest) => void, onError?: (error: unknown) => void): StopWatch;
}
