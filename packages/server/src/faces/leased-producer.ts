import type { Clock } from '../clock.ts';
import type { AcquireOptions, NewChunk, RunLease, RunOutcome, Runs, RunStore } from '../runs/index.ts';
import { codeOf } from '../runs/store/run-over.ts';
import { ownTurns } from '../turns.ts';

/** How often a lease is renewed in its time. */
const RENEWALS = 3;

/** How long a library that is told of a stop has for its last words, in milliseconds. */
const LAST_WORDS_MS = 1000;

/**
 * The producer of a run, for a library that appends by itself. It renews the lease until the run is over, or nothing was appended for as long as a run is kept: so one that
 * was forgotten does not live for ever. When somebody stops the run, it ends it: at once, or after the library's last words if the library is told.
 */
export class LeasedProducer {
  readonly #store: RunStore;
  readonly #lease: RunLease;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #gone = new AbortController();
  readonly #pause = ownTurns();
  /** Ends what tells of requests to stop. */
  readonly #unwatch: () => void;
  #appendedAt: number;
  /** Settles when what was asked for before is done: the calls of one lease may not overlap. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: unknown;
  /** Whether the library knows the signal. */
  #isTold = false;
  #isStopped = false;
  #isOver = false;

  private constructor(runs: Runs, lease: RunLease, ttlMs: number, leave: () => void) {
    this.#store = runs.store;
    this.#lease = lease;
    this.#clock = runs.clock;
    this.#ttlMs = ttlMs;
    this.#appendedAt = this.#clock.now();
    const remove = runs.stops.add(lease.id, { begunAt: lease.begunAt, stop: () => this.#stop() });
    this.#unwatch = () => {
      remove();
      leave();
    };
    this.#renewLater();
  }

  /** Becomes the producer of a run. Resolves to undefined if another is or was. */
  static async acquire(runs: Runs, id: string, options: AcquireOptions): Promise<LeasedProducer | undefined> {
    // From before there is a lease, so that no request to stop is missed.
    const leave = runs.stops.open();
    let lease: RunLease | undefined;
    try {
      lease = await runs.store.acquire(id, options);
    } finally {
      if (!lease) leave();
    }
    return lease && new LeasedProducer(runs, lease, options.ttlMs, leave);
  }

  /** Whether the lease is renewed no more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether somebody has stopped the run. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  get token(): string {
    return this.#lease.token;
  }

  /** A signal for the library: aborted when the run is stopped, and when it is over in another way before the library has ended it. From now on a stop leaves time for last words. */
  tell(): AbortSignal {
    this.#isTold = true;
    return this.#gone.signal;
  }

  /**
   * Resolves to the place of each chunk when they are durable.
   * @throws {ServerError} (as a rejection) `ERR_RUN_OVER`, or what the log refuses
   */
  append(chunks: readonly NewChunk[]): Promise<readonly string[]> {
    this.#appendedAt = this.#clock.now();
    return this.#inTurn(async () => {
      const ids = await this.#store.append(this.#lease, chunks);
      // A log in memory stores at once: a library that waits for nothing else would leave nobody else a turn.
      await this.#pause();
      return ids;
    });
  }

  /** Ends the run: as stopped, if it was stopped. Resolves to false if nothing was ended. Whatever comes of it, the lease is renewed no more. */
  async finish(outcome: RunOutcome): Promise<boolean> {
    try {
      return await this.#inTurn(() => {
        this.#clock.clearTimeout(this.#timer);
        return this.#store.finish(this.#lease, this.#isStopped ? { state: 'stopped' } : outcome);
      });
    } finally {
      this.leave();
    }
  }

  /** Renews the lease no more. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clock.clearTimeout(this.#timer);
    this.#unwatch();
  }

  /** The run is no longer this producer's: the library is told. */
  lose(): void {
    if (this.#isOver) return;
    this.leave();
    this.#gone.abort();
  }

  #stop(): void {
    if (this.#isStopped || this.#isOver) return;
    this.#isStopped = true;
    this.#gone.abort();
    const end = (): void => {
      // What fails here ends with its lease.
      this.finish({ state: 'stopped' }).catch(() => {});
    };
    this.#clock.clearTimeout(this.#timer);
    // The lease, which is renewed no more, lasts for two thirds of its time at least.
    if (this.#isTold) this.#timer = this.#clock.setTimeout(end, Math.min(LAST_WORDS_MS, this.#lease.ms / RENEWALS));
    else end();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => {});
    return done;
  }

  #renewLater(): void {
    this.#timer = this.#clock.setTimeout(() => void this.#renew(), this.#lease.ms / RENEWALS);
  }

  async #renew(): Promise<void> {
    if (this.#clock.now() - this.#appendedAt > this.#ttlMs) return this.leave();
    try {
      await this.#inTurn(() => this.#store.renew(this.#lease));
    } catch (error) {
      // What else went wrong may be over before the lease is.
      if (codeOf(error) === 'ERR_RUN_OVER') this.lose();
    }
    if (!this.#isOver && !this.#isStopped) this.#renewLater();
  }
}
