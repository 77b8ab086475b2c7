import { checkNames, ServerError, shown } from '../errors.ts';
import type { NewChunk, RunChunk, RunItem, Runs, StartOptions } from '../runs/index.ts';
import { checkStartOptions } from '../runs/options.ts';
import { runOver } from '../runs/store/run-over.ts';
import { checkRunId } from '../runs/store/run-topics.ts';
import { checkRuns } from './check-runs.ts';
import { brokenBy } from './run-broken.ts';
import { LeasedProducer } from './leased-producer.ts';

export interface RunDurabilityOptions extends Pick<StartOptions, 'lease' | 'ttl'> {
  /** Where the runs are kept. */
  readonly runs: Runs;
  /**
   * Aborted when somebody stops the run, wherever, with the reason by which TanStack AI knows a cancellation, and when the run is over in another way before its producer is. Give it to `chat()` and
   * to the response, too. @default nothing: a stop reaches the producer with its next chunk, which is refused
   */
  readonly abortController?: AbortController | undefined;
}

const OPTIONS: Readonly<Record<keyof RunDurabilityOptions, true>> = {
  runs: true,
  lease: true,
  ttl: true,
  abortController: true,
};

/** The run of a caller that has no `Request`. */
export interface RunDurabilityInit {
  readonly runId: string;
  /** The place to read behind, or `-1` for the start. @default none: a producer */
  readonly offset?: string | null | undefined;
}

/** A chunk of a run, and its place. */
export interface StoredRunChunk<Chunk> {
  readonly offset: string;
  readonly chunk: Chunk;
}

/** `UpsertableStreamDurability` of TanStack AI, which is a `StreamDurability`. */
export interface RunDurability<Chunk> {
  resumeFrom: () => string | null;
  /** @throws {ServerError} (as a rejection) `ERR_RUN_OVER` if the run is over, or has another producer */
  append: (chunks: Chunk[]) => Promise<string[]>;
  /** @throws {ServerError} `ERR_RUN_BROKEN` for a run that is unknown; `ERR_INVALID_OPTION` for an offset that is not one of this run */
  read: (offset: string, signal?: AbortSignal) => AsyncIterable<StoredRunChunk<Chunk>>;
  close: () => Promise<void>;
  /** @throws {ServerError} (as a rejection) `ERR_RUN_BROKEN` if not all that was stored is kept */
  snapshot: () => Promise<StoredRunChunk<Chunk>[]>;
  /** @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION` for what has no stored offset of this run: nothing was stored */
  upsert: (entries: StoredRunChunk<Chunk>[]) => Promise<string[]>;
}

/** `RUN_CANCEL_REASON` of TanStack AI: without it an abort counts as a page that has gone, which some runs survive. */
const CANCELLED = 'tanstack-ai:cancel-requested';
const START = '-1';
const NOW = 'now';
/** The type of the event that replaces a chunk. */
const REPLACED = 'replaced';

/**
 * Makes the durability of TanStack AI's responses out of a run. The run's id is the request's `X-Run-Id`, else its parameter `runId`; where to go on is its `Last-Event-ID`, else its parameter
 * `offset`. The caller that appends first is the producer, and keeps the lease until it closes the run; if its process dies, readers get a chunk `RUN_ERROR` within the lease's time.
 * @throws {ServerError} `ERR_INVALID_OPTION`, also for an id that no run can have
 * @example
 * const adapter = runDurability<StreamChunk>(request, { runs });
 * return toServerSentEventsResponse(stream, { durability: { adapter } });
 */
export function runDurability<Chunk extends object>(
  source: Request | RunDurabilityInit,
  options: RunDurabilityOptions,
): RunDurability<Chunk> {
  checkNames(options, OPTIONS);
  const { abortController, runs, ...others } = options;
  const { leaseMs, ttlMs } = checkStartOptions(others);
  checkAbortController(abortController);
  const { runId, offset } = askedOf(source);
  const durability = new Durability<Chunk>(checkRuns(runs), runId, { leaseMs, ttlMs, abortController });
  return {
    resumeFrom: () => offset,
    append: (chunks) => durability.append(chunks),
    read: (after, signal) => durability.read(after, signal),
    close: () => durability.close(),
    snapshot: () => durability.snapshot(),
    upsert: (entries) => durability.upsert(entries),
  };
}

interface DurabilityOptions {
  readonly leaseMs: number;
  readonly ttlMs: number;
  readonly abortController: AbortController | undefined;
}

class Durability<Chunk extends object> {
  readonly #runs: Runs;
  readonly #id: string;
  readonly #options: DurabilityOptions;
  #producer: Promise<LeasedProducer> | undefined;

  constructor(runs: Runs, id: string, options: DurabilityOptions) {
    this.#runs = runs;
    this.#id = id;
    this.#options = options;
  }

  async append(chunks: readonly Chunk[]): Promise<string[]> {
    const producer = await this.#acquire();
    const ids = await producer.append(chunks.map((chunk) => ({ data: JSON.stringify(chunk) })));
    return ids.map((id) => this.#offsetOf(id));
  }

  async *read(offset: string, signal?: AbortSignal): AsyncGenerator<StoredRunChunk<Chunk>> {
    const { state, lastEventId } = await this.#runs.status(this.#id);
    if (state === 'unknown') {
      throw new ServerError(
        'ERR_RUN_BROKEN',
        `The run ${JSON.stringify(this.#id)} is unknown, or its time to live is over`,
      );
    }
    const after = offset === NOW ? lastEventId : this.#placeOf(offset);
    // Of what is stored, those that replace others are all that is needed beforehand.
    const stored = await this.#runs.store.snapshot(this.#id, { after, signal });
    const chunks = new StoredChunks<Chunk>(stored.filter((item) => !isOwnChunk(item)));
    for await (const item of this.#runs.store.read(this.#id, { after, signal })) {
      if (item.type !== 'chunk') return yield* this.#lastChunk(item);
      if (isOwnChunk(item)) yield { offset: this.#offsetOf(item.id), chunk: chunks.of(item) };
    }
  }

  async snapshot(): Promise<StoredRunChunk<Chunk>[]> {
    const stored = await this.#runs.snapshot(this.#id);
    const gap = stored.find((item) => item.type === 'gap');
    const broken = gap && brokenBy(this.#id, gap);
    if (broken) throw broken;
    const chunks = new StoredChunks<Chunk>(stored);
    return stored.filter(isOwnChunk).map((item) => ({ offset: this.#offsetOf(item.id), chunk: chunks.of(item) }));
  }

  async upsert(entries: readonly (StoredRunChunk<Chunk> | undefined)[]): Promise<string[]> {
    const chunks = new StoredChunks<Chunk>(await this.#runs.snapshot(this.#id));
    const seen = new Set<string>();
    const replaced: NewChunk[] = [];
    // Not `map`, which leaves holes out.
    for (const [index, entry] of Array.from(entries).entries()) {
      if (!entry) throw refusedEntry(index, 'is missing');
      const { offset, chunk } = entry;
      const id = this.#placeOf(offset);
      if (id === undefined || chunks.textOf(id) === undefined)
        throw refusedEntry(index, `has the offset ${shown(offset)}, which is not one of this run`);
      if (seen.has(id)) throw refusedEntry(index, `has the offset ${shown(offset)} again`);
      seen.add(id);
      const text = JSON.stringify(chunk);
      // The usual case: a producer makes the same again.
      if (text !== chunks.textOf(id)) replaced.push({ event: REPLACED, data: JSON.stringify([id, text]) });
    }
    if (replaced.length > 0) await (await this.#acquire()).append(replaced);
    return entries.map((entry) => entry?.offset ?? '');
  }

  async close(): Promise<void> {
    // Who could not begin the run does not end it.
    const producer = await this.#producer?.catch(() => undefined);
    await producer?.finish({ state: 'done' });
  }

  #acquire(): Promise<LeasedProducer> {
    this.#producer ??= this.#begin();
    return this.#producer;
  }

  async #begin(): Promise<LeasedProducer> {
    const { abortController, ...options } = this.#options;
    const producer = await LeasedProducer.acquire(this.#runs, this.#id, options);
    if (!producer) throw runOver('produce', this.#id);
    if (abortController) {
      const abort = (): void => abortController.abort(producer.isStopped ? CANCELLED : undefined);
      const signal = producer.tell();
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    }
    return producer;
  }

  /** What a reader is told at the end of a run that its producer has not ended itself. */
  async *#lastChunk(item: Exclude<RunItem, RunChunk>): AsyncGenerator<StoredRunChunk<Chunk>, void> {
    const broken = brokenBy(this.#id, item);
    if (broken && (item.type === 'gap' || item.id === undefined)) throw broken;
    if (item.type === 'gap' || item.id === undefined) return;
    // Whoever was told of the stop in time has said so.
    if (item.state === 'done' || (item.state === 'stopped' && (await this.#hasLastWords()))) return;
    const told = broken ? { message: 'The answer broke off' } : { message: 'Request aborted', code: 'aborted' };
    const chunk = { type: 'RUN_ERROR', timestamp: Date.now(), ...told };
    yield { offset: this.#offsetOf(item.id), chunk: chunk as object as Chunk };
  }

  /** Whether the newest chunk is one with which TanStack AI ends a run. */
  async #hasLastWords(): Promise<boolean> {
    const stored = await this.#runs.snapshot(this.#id);
    const last = stored.findLast(isOwnChunk);
    const { type } = (last ? new StoredChunks<Chunk>(stored).of(last) : {}) as { readonly type?: unknown };
    return type === 'RUN_ERROR' || type === 'RUN_FINISHED';
  }

  #offsetOf(id: string): string {
    return `${encodeURIComponent(this.#id)}:${id}`;
  }

  /** @throws {ServerError} `ERR_INVALID_OPTION` unless it is the start, or an offset of this run */
  #placeOf(offset: string): string | undefined {
    if (offset === START) return undefined;
    const prefix = this.#offsetOf('');
    if (offset.startsWith(prefix) && offset.length > prefix.length) return offset.slice(prefix.length);
    throw new ServerError('ERR_INVALID_OPTION', `The offset ${shown(offset)} is not one of the run ${shown(this.#id)}`);
  }
}

/** The chunks that are stored, those that were replaced as they are now. */
class StoredChunks<Chunk> {
  readonly #texts = new Map<string, string>();

  constructor(items: readonly RunItem[]) {
    for (const item of items) {
      if (item.type !== 'chunk') continue;
      const data = String(item.data);
      const [id, text] = isOwnChunk(item) ? [item.id, data] : (JSON.parse(data) as [string, string]);
      this.#texts.set(id, text);
    }
  }

  textOf(id: string): string | undefined {
    return this.#texts.get(id);
  }

  /** @param item a chunk, maybe one that was stored since */
  of({ id, data }: RunChunk): Chunk {
    return JSON.parse(this.textOf(id) ?? String(data)) as Chunk;
  }
}

/** Whether an item is a chunk of its own, and not one that replaces another. */
function isOwnChunk(item: RunItem): item is RunChunk {
  return item.type === 'chunk' && item.event !== REPLACED;
}

/** @throws {ServerError} `ERR_INVALID_OPTION`, because what cannot be aborted would be noticed only when somebody stops the run */
function checkAbortController(given: AbortController | undefined): void {
  if (given === undefined || typeof given?.abort === 'function') return;
  const allowed = 'an AbortController, which has a signal';
  throw new ServerError('ERR_INVALID_OPTION', `The option abortController is ${shown(given)}, but must be ${allowed}`);
}

function askedOf(source: Request | RunDurabilityInit): { readonly runId: string; readonly offset: string | null } {
  if (!(source instanceof Request)) {
    checkNames(source, { runId: true, offset: true });
    const { runId, offset } = source;
    if (typeof (offset ?? '') !== 'string') {
      throw new ServerError('ERR_INVALID_OPTION', `The option offset is ${shown(offset)}, but must be a text`);
    }
    return { runId: checkRunId(runId), offset: offset ?? null };
  }
  const { searchParams } = new URL(source.url);
  const offset = source.headers.get('last-event-id') || searchParams.get('offset');
  const runId = source.headers.get('x-run-id') || searchParams.get('runId') || runOf(offset) || crypto.randomUUID();
  return { runId: checkRunId(runId), offset };
}

/** The run that an offset names; undefined if it names none. */
function runOf(offset: string | null): string | undefined {
  const [, run] = /^([^:]+):/.exec(offset ?? '') ?? [];
  try {
    return run && decodeURIComponent(run);
  } catch {
    return undefined;
  }
}

function refusedEntry(index: number, problem: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', `Cannot store the entries: the one at ${index} ${problem}`);
}
