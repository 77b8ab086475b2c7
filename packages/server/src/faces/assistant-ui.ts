import { checkNames } from '../errors.ts';
import { parseCursor } from '../log/position.ts';
import type { RunItem, Runs, RunState, StartOptions } from '../runs/index.ts';
import { checkStartOptions } from '../runs/options.ts';
import { codeOf } from '../runs/store/run-over.ts';
import { checkRuns } from './check-runs.ts';
import { brokenBy } from './run-broken.ts';
import { LeasedProducer } from './leased-producer.ts';

export interface ResumableStreamStoreOptions extends Pick<StartOptions, 'lease' | 'ttl'> {
  /** Where the streams are kept: each is a run with the stream's id. */
  readonly runs: Runs;
}

const OPTIONS: Readonly<Record<keyof ResumableStreamStoreOptions, true>> = { runs: true, lease: true, ttl: true };

/** The right to produce a stream. */
export interface ResumableStreamLease {
  readonly token: string;
}

export type ResumableStreamAcquisition =
  | { readonly role: 'producer'; readonly lease: ResumableStreamLease }
  | { readonly role: 'consumer' };

export interface ResumableStreamEntry {
  /** The place of the chunk in its stream. */
  readonly cursor: string;
  readonly chunk: Uint8Array;
}

/** How long a stream is kept after the last change of it, in milliseconds, from 1,000. @default the store's `ttl` */
export interface StreamAcquireOptions {
  readonly ttlMs?: number | undefined;
}

/** The store of `createResumableStreamContext` of `assistant-stream/resumable`: its `ResumableStreamStore`. */
export interface ResumableStreamStore {
  acquire(streamId: string, options?: StreamAcquireOptions): Promise<'producer' | 'consumer'>;
  acquireLease(streamId: string, options?: StreamAcquireOptions): Promise<ResumableStreamAcquisition>;
  append(streamId: string, chunk: Uint8Array, lease?: ResumableStreamLease): Promise<void>;
  finalize(streamId: string, status: 'done' | 'error', error?: string, lease?: ResumableStreamLease): Promise<boolean>;
  read(streamId: string, cursor: string, signal: AbortSignal): AsyncIterable<ResumableStreamEntry>;
  status(streamId: string): Promise<'streaming' | 'done' | 'error' | 'missing'>;
  delete(streamId: string): Promise<void>;
  /**
   * A signal for whoever produces a stream here, which the package's interface has not: aborted when somebody calls `runs.stop(streamId)`, wherever, and when the stream is over in another way before
   * its producer is. Call it in the function that makes the stream, and give it to the model. Without it a stop reaches the producer with its next chunk, which is refused.
   * @throws {ResumableStreamError} `missing` if the stream is not produced by this store
   */
  signal(streamId: string): AbortSignal;
}

/** What `assistant-stream` calls by this name, with its codes. */
export class ResumableStreamError extends Error {
  override readonly name = 'ResumableStreamError';
  readonly code: 'missing' | 'exists' | 'finalized' | 'invalid-id';

  constructor(code: ResumableStreamError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The ids that `assistant-stream` allows. */
const STREAM_ID = /^[A-Za-z0-9_.:-]{1,256}$/;
/** Those of them that no path of a URL can have. */
const DOTS = /^\.{1,2}$/;

const CURSOR_RADIX = 36;
const CURSOR = /^[0-9a-z]{1,10}$/;

/**
 * Makes a store of `assistant-stream` that outlives the producer's process. A producer that dies ends its stream with an error within the time of its lease.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 * @example
 * const context = createResumableStreamContext({ store: createResumableStreamStore({ runs }) });
 */
export function createResumableStreamStore(options: ResumableStreamStoreOptions): ResumableStreamStore {
  checkNames(options, OPTIONS);
  const { runs, ...others } = options;
  const store = new RunsStreamStore(checkRuns(runs), others);
  // Functions of their own, because people copy stores with spread syntax to replace a method.
  return {
    acquire: async (...args) => (await store.acquireLease(...args)).role,
    acquireLease: (...args) => store.acquireLease(...args),
    append: (...args) => store.append(...args),
    finalize: (...args) => store.finalize(...args),
    read: (...args) => store.read(...args),
    status: (streamId) => store.status(streamId),
    delete: (streamId) => store.delete(streamId),
    signal: (streamId) => store.signal(streamId),
  };
}

class RunsStreamStore {
  readonly #runs: Runs;
  readonly #leaseMs: number;
  readonly #ttlMs: number;
  /** The producers of this store, by their streams: the newest of each. */
  readonly #producers = new Map<string, LeasedProducer>();

  constructor(runs: Runs, options: Pick<StartOptions, 'lease' | 'ttl'>) {
    this.#runs = runs;
    const { leaseMs, ttlMs } = checkStartOptions(options);
    this.#leaseMs = leaseMs;
    this.#ttlMs = ttlMs;
  }

  async acquireLease(
    streamId: string,
    { ttlMs = this.#ttlMs }: StreamAcquireOptions = {},
  ): Promise<ResumableStreamAcquisition> {
    checkStreamId(streamId);
    checkStartOptions({ ttl: ttlMs });
    const producer = await LeasedProducer.acquire(this.#runs, streamId, { leaseMs: this.#leaseMs, ttlMs });
    if (!producer) return { role: 'consumer' };
    this.#producers.get(streamId)?.lose();
    for (const [id, { isOver }] of this.#producers) if (isOver) this.#producers.delete(id);
    this.#producers.set(streamId, producer);
    return { role: 'producer', lease: { token: producer.token } };
  }

  async append(streamId: string, chunk: Uint8Array, lease?: ResumableStreamLease): Promise<void> {
    checkStreamId(streamId);
    // What the caller does with its buffer from now on does not concern what is stored.
    const bytes = new Uint8Array(chunk);
    const producer = this.#producerOf(streamId, lease);
    try {
      await producer?.append([bytes]);
      if (producer) return;
    } catch (error) {
      if (codeOf(error) !== 'ERR_RUN_OVER') throw error;
    }
    const state = await this.#stateOf(streamId);
    if (state === 'unknown') throw notFound(streamId);
    if (state === 'streaming' || (lease && !producer)) {
      throw new ResumableStreamError('missing', `Stream superseded by a new acquisition: ${streamId}`);
    }
    throw new ResumableStreamError('finalized', `Stream already finalized: ${streamId}`);
  }

  async finalize(
    streamId: string,
    status: 'done' | 'error',
    error: string = 'Stream errored',
    lease?: ResumableStreamLease,
  ): Promise<boolean> {
    checkStreamId(streamId);
    const producer = this.#producerOf(streamId, lease);
    const outcome = status === 'done' ? ({ state: 'done' } as const) : ({ state: 'failed', error } as const);
    if (await producer?.finish(outcome)) {
      this.#producers.delete(streamId);
      return true;
    }
    if ((await this.#stateOf(streamId)) === 'unknown') throw notFound(streamId);
    return false;
  }

  async *read(streamId: string, cursor: string, signal: AbortSignal): AsyncGenerator<ResumableStreamEntry> {
    checkStreamId(streamId);
    const { state, lastEventId } = await this.#runs.status(streamId);
    if (state === 'unknown') throw notFound(streamId);
    const skip = skippedBy(cursor);
    let number = 0;
    for await (const item of this.#runs.resume(streamId, { signal })) {
      if (signal.aborted) return;
      // Nobody can have read what was not there yet.
      if (number < skip && item.type !== 'gap' && (item.type === 'end' || isBehind(item.id, lastEventId))) {
        throw notInStream(cursor);
      }
      if (item.type !== 'chunk') return throwIfBroken(streamId, item);
      number += 1;
      if (number <= skip) continue;
      const { data } = item;
      const chunk = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
      yield { cursor: number.toString(CURSOR_RADIX), chunk };
      if (signal.aborted) return;
    }
  }

  async status(streamId: string): Promise<'streaming' | 'done' | 'error' | 'missing'> {
    checkStreamId(streamId);
    switch (await this.#stateOf(streamId)) {
      case 'unknown':
        return 'missing';
      case 'streaming':
        return 'streaming';
      case 'done':
      case 'stopped':
        return 'done';
      case 'failed':
      case 'lost':
        return 'error';
    }
  }

  async delete(streamId: string): Promise<void> {
    checkStreamId(streamId);
    this.#producers.get(streamId)?.lose();
    this.#producers.delete(streamId);
    await this.#runs.delete(streamId);
  }

  signal(streamId: string): AbortSignal {
    checkStreamId(streamId);
    const producer = this.#producers.get(streamId);
    if (producer) return producer.tell();
    throw new ResumableStreamError('missing', `Stream not produced here: ${streamId}`);
  }

  #producerOf(streamId: string, lease: ResumableStreamLease | undefined): LeasedProducer | undefined {
    const producer = this.#producers.get(streamId);
    return lease && producer?.token !== lease.token ? undefined : producer;
  }

  async #stateOf(streamId: string): Promise<RunState> {
    return (await this.#runs.status(streamId)).state;
  }
}

/** @throws {ResumableStreamError} `invalid-id` */
function checkStreamId(streamId: string): void {
  if (typeof streamId === 'string' && STREAM_ID.test(streamId) && !DOTS.test(streamId)) return;
  throw new ResumableStreamError('invalid-id', `Invalid streamId: ${streamId} (must match ${STREAM_ID})`);
}

/** How many chunks a cursor has behind it. @throws {ResumableStreamError} `missing` if it is none */
function skippedBy(cursor: string): number {
  if (cursor === '') return 0;
  if (!CURSOR.test(cursor)) throw notInStream(cursor);
  return Number.parseInt(cursor, CURSOR_RADIX);
}

/** Whether an event is newer than the newest was. */
function isBehind(id: string, newest: string | undefined): boolean {
  const [one, other] = [parseCursor(id), parseCursor(newest ?? '')];
  return one !== undefined && other !== undefined && one.seq > other.seq;
}

function notInStream(cursor: string): Error {
  return new ResumableStreamError('missing', `The stream has no chunk with the cursor ${JSON.stringify(cursor)}`);
}

function notFound(streamId: string): Error {
  return new ResumableStreamError('missing', `Stream not found: ${streamId}`);
}

/** A stream that is deleted while it is read ends. */
function throwIfBroken(streamId: string, item: RunItem): void {
  if (item.type === 'end' && item.state === 'unknown') return;
  if (item.type === 'end' && item.state === 'failed') throw new Error(item.error ?? 'Stream errored');
  const broken = brokenBy(streamId, item);
  if (broken) throw broken;
}
