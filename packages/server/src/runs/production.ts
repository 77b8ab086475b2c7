import type { Clock } from '../clock.ts';
import { ServerError } from '../errors.ts';
import { ownTurns } from '../turns.ts';
import { Coalescer } from './coalescer.ts';
import { failureText } from './store/failure-text.ts';
import { codeOf, runOver } from './store/run-over.ts';
import type { NewChunk, RunEnd } from './store/run.ts';
import type { RunLease, RunOutcome, RunStore } from './store/run-store.ts';

/** What a store refuses because of what it is given: each chunk may be all right for itself. */
const REFUSALS: ReadonlySet<unknown> = new Set(['ERR_INVALID_EVENT', 'ERR_EVENT_TOO_LARGE', 'ERR_BATCH_TOO_LARGE']);

/** How long it waits before it asks again how its run has ended, in milliseconds. */
const AGAIN_MS = 500;

/** How often a lease is renewed in its time, if the producer has nothing to write. */
const RENEWALS = 3;

/** What the caller does with a chunk from now on does not concern what is stored. */
function copyOf(chunk: NewChunk): NewChunk {
  if (typeof chunk === 'string') return chunk;
  // Not `slice()`, which of a Buffer makes a view.
  return chunk instanceof Uint8Array ? new Uint8Array(chunk) : { ...chunk };
}

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function newGate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export interface ProductionOptions {
  readonly clock: Clock;
  /** How long a chunk waits for others that are stored with it, in milliseconds. */
  readonly coalesceMs: number;
  readonly onError: (error: unknown) => void;
}

/**
 * The life of a run in the process of its producer. One loop does what is due: it stores what was appended, a batch after the other, renews the lease while
 * there is nothing to store, and ends the run. The run ends once: with its producer, by a stop, or because it is no longer this producer's.
 */
export class Production {
  readonly #store: RunStore;
  readonly #lease: RunLease;
  readonly #options: ProductionOptions;
  readonly #chunks: Coalescer;
  readonly #gone = new AbortController();
  readonly #turn = ownTurns();
  /** How the run has ended, when it has. It never rejects. */
  readonly over: Promise<RunEnd['state']>;
  /** How the run is to end, behind what was appended. */
  #outcome: RunOutcome | undefined;
  #isOver = false;
  #isStoring = false;
  /** Whether everything else is stored, and the end of the run is tried. */
  #isEnding = false;
  /** How many callers wait until everything is stored. */
  #flushes = 0;
  #renewedAt: number;
  #wakeLoop: () => void = () => {};
  /** The callers that wait until everything is stored. */
  #waiting: (() => void)[] = [];
  /** What the callers wait for that have to wait for room: there may be very many. */
  #room: Gate | undefined;
  /** What is thrown once the run is over, by every call. */
  #refusal: ServerError | undefined;

  constructor(store: RunStore, lease: RunLease, options: ProductionOptions) {
    this.#store = store;
    this.#lease = lease;
    this.#options = options;
    this.#chunks = new Coalescer(options.coalesceMs);
    this.#renewedAt = options.clock.now();
    this.over = this.#run();
  }

  /** Aborted when the run is over before its producer is, or is to be. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /**
   * Takes a chunk that can be stored. Resolves when there is room for more, which is at once unless the producer is faster than the store.
   * @throws {ServerError} (as a rejection) `ERR_RUN_OVER`
   */
  async append(chunk: NewChunk): Promise<void> {
    this.#checkOpen();
    if (this.#chunks.isOverfull) throw this.#failForHaste();
    this.#chunks.add(copyOf(chunk), this.#options.clock.now());
    this.#wakeLoop();
    while (this.#chunks.isFull) {
      await (this.#room ??= newGate()).opened;
      this.#checkOpen();
    }
    // A log in memory makes room at once: a producer that waits for nothing else would leave nobody else a turn.
    await this.#turn();
  }

  /**
   * Resolves when everything is stored that was appended before.
   * @throws {ServerError} (as a rejection) `ERR_RUN_OVER`
   */
  async flush(): Promise<void> {
    this.#checkOpen();
    this.#flushes += 1;
    try {
      while (!this.#chunks.isEmpty || this.#isStoring) {
        this.#wakeLoop();
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
        });
        if (this.#gone.signal.aborted) throw runOver('append to', this.#lease.id, this.#gone.signal.reason);
      }
    } finally {
      this.#flushes -= 1;
    }
    await this.#turn();
  }

  /** Ends the run behind what was appended. The first call counts. */
  end(outcome: RunOutcome): void {
    if (this.#outcome || this.#isOver) return;
    this.#outcome = outcome;
    if (outcome.state === 'stopped') this.#abort(runOver('go on with', this.#lease.id));
    this.#wakeLoop();
  }

  #checkOpen(): void {
    if (!this.#isOver && !this.#outcome && !this.#gone.signal.aborted) return;
    this.#refusal ??= runOver('append to', this.#lease.id, this.#gone.signal.reason);
    throw this.#refusal;
  }

  /** Ends a run whose producer does not wait for room, behind what was appended. */
  #failForHaste(): ServerError {
    const found = 'its producer has appended more than waits for the log at a time';
    const message = `Cannot append to the run ${JSON.stringify(this.#lease.id)}: ${found}. Await append()`;
    const error = new ServerError('ERR_TOO_MUCH_WAITS', message);
    this.#options.onError(error);
    this.#outcome = { state: 'failed', error: message };
    this.#abort(error);
    this.#wakeLoop();
    return error;
  }

  async #run(): Promise<RunEnd['state']> {
    let state: RunEnd['state'] | undefined;
    while (state === undefined) {
      try {
        state = await this.#step();
      } catch (error) {
        state = await this.#fail(error);
      }
      this.#notify();
    }
    this.#isOver = true;
    this.#chunks.clear();
    this.#abort(runOver('go on with', this.#lease.id));
    this.#notify();
    return state;
  }

  /** Does what is due next, or waits for it. Resolves to how the run has ended, once it has. */
  async #step(): Promise<RunEnd['state'] | undefined> {
    const now = this.#options.clock.now();
    const isUrgent = this.#flushes > 0 || this.#outcome !== undefined;
    if (!this.#chunks.isEmpty && (isUrgent || this.#chunks.dueAt <= now)) {
      await this.#storeBatch(now);
    } else if (this.#outcome) {
      this.#isEnding = true;
      const isOurs = await this.#store.finish(this.#lease, this.#outcome);
      return isOurs ? this.#outcome.state : await this.#found();
    } else {
      const renewAt = this.#renewedAt + this.#lease.ms / RENEWALS;
      if (renewAt <= now) {
        await this.#store.renew(this.#lease);
        this.#renewedAt = now;
      } else {
        await this.#waitUntil(Math.min(renewAt, this.#chunks.dueAt));
      }
    }
    return undefined;
  }

  async #storeBatch(now: number): Promise<void> {
    this.#isStoring = true;
    try {
      await this.#append(this.#chunks.take(now));
      this.#renewedAt = now;
    } finally {
      this.#isStoring = false;
    }
  }

  /** Stores chunks, up to the first that is refused. */
  async #append(chunks: readonly NewChunk[]): Promise<void> {
    try {
      await this.#store.append(this.#lease, chunks);
    } catch (error) {
      if (chunks.length === 1 || !REFUSALS.has(codeOf(error))) throw error;
      const half = chunks.length >> 1;
      await this.#append(chunks.slice(0, half));
      await this.#append(chunks.slice(half));
    }
  }

  /** A step has failed: the run is over, or is to fail, or cannot even be told so. */
  async #fail(error: unknown): Promise<RunEnd['state'] | undefined> {
    if (codeOf(error) === 'ERR_RUN_OVER') return await this.#found();
    this.#options.onError(error);
    if (codeOf(error) === 'ERR_STORE_AWAY') {
      // It was asked again for as long as the lease lasts. What it was asked for may have been done.
      this.#chunks.clear();
      this.#abort(error);
      this.#notify();
      return await this.#endOfRun();
    }
    if (this.#isEnding) {
      // The end could not be stored: the lease ends without a word, and the run is over then.
      if (this.#outcome?.state !== 'failed' || this.#outcome.error === undefined) return await this.#endOfRun();
      // Its error is in a topic of its own, for which there may be no room. Then the run has failed without it.
      this.#options.onError(new Error(this.#outcome.error));
      this.#outcome = { state: 'failed' };
      return undefined;
    }
    this.#chunks.clear();
    this.#outcome = { state: 'failed', error: failureText(error) };
    this.#abort(error);
    return undefined;
  }

  /** How others have ended the run. */
  async #found(): Promise<RunEnd['state']> {
    try {
      const { state } = await this.#store.status(this.#lease.id);
      // It was deleted, and another producer has begun it anew.
      return state === 'streaming' ? 'unknown' : state;
    } catch (error) {
      this.#options.onError(error);
      return 'lost';
    }
  }

  /** How the run has ended, or ends when the lease does. A store that is away is asked again for as long as the lease may have lasted. */
  async #endOfRun(): Promise<RunEnd['state']> {
    const { clock, onError } = this.#options;
    const end = clock.now() + this.#lease.ms;
    for (;;) {
      try {
        return await this.#awaitEnd();
      } catch (error) {
        if (codeOf(error) !== 'ERR_STORE_AWAY' || clock.now() >= end) {
          onError(error);
          return 'lost';
        }
      }
      await this.#waitUntil(clock.now() + AGAIN_MS);
    }
  }

  async #awaitEnd(): Promise<RunEnd['state']> {
    const { state, lastEventId } = await this.#store.status(this.#lease.id);
    if (state !== 'streaming') return state;
    for await (const item of this.#store.read(this.#lease.id, { after: lastEventId })) {
      if (item.type === 'end') return item.state;
    }
    return 'lost';
  }

  #abort(reason: unknown): void {
    if (!this.#gone.signal.aborted) this.#gone.abort(reason);
  }

  /** Resolves at a time, or when something was appended or is to end. */
  async #waitUntil(time: number): Promise<void> {
    const { clock } = this.#options;
    let timer: unknown;
    await new Promise<void>((resolve) => {
      this.#wakeLoop = resolve;
      timer = clock.setTimeout(resolve, Math.max(0, Math.ceil(time - clock.now())));
    });
    this.#wakeLoop = () => {};
    clock.clearTimeout(timer);
  }

  #notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
    if (this.#chunks.isFull && !this.#outcome) return;
    this.#room?.open();
    this.#room = undefined;
  }
}
