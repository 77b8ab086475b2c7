import { type Clock, systemClock } from '../clock.ts';
import type { AcquireOptions, NewChunk, RunLease, RunOutcome, RunStore } from '../runs/index.ts';
import { codeOf } from '../runs/store/run-over.ts';

/** How often a lease is renewed in its time. */
const RENEWALS = 3;

/**
 * The producer of a run, for a library that appends by itself. It renews the lease until the run is over, or nothing was appended for as long as a run is kept: so one that
 * was forgotten does not live for ever.
 */
export class LeasedProducer {
  readonly #store: RunStore;
  readonly #lease: RunLease;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  #appendedAt: number;
  /** Settles when what was asked for before is done: the calls of one lease may not overlap. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: unknown;
  #isOver = false;

  private constructor(store: RunStore, lease: RunLease, ttlMs: number, clock: Clock) {
    this.#store = store;
    this.#lease = lease;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#appendedAt = clock.now();
    this.#renewLater();
  }

  /** Becomes the producer of a run. Resolves to undefined if another is or was. */
  static async acquire(
    store: RunStore,
    id: string,
    { clock = systemClock, ...options }: AcquireOptions & { readonly clock?: Clock | undefined },
  ): Promise<LeasedProducer | undefined> {
    const lease = await store.acquire(id, options);
    return lease && new LeasedProducer(store, lease, options.ttlMs, clock);
  }

  /** Whether the lease is renewed no more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get token(): string {
    return this.#lease.token;
  }

  /**
   * Resolves to the place of each chunk when they are durable.
   * @throws {ServerError} (as a rejection) `ERR_RUN_OVER`, or what the log refuses
   */
  append(chunks: readonly NewChunk[]): Promise<readonly string[]> {
    this.#appendedAt = this.#clock.now();
    return this.#inTurn(() => this.#store.append(this.#lease, chunks));
  }

  /** Ends the run. Resolves to false if nothing was ended. */
  async finish(outcome: RunOutcome): Promise<boolean> {
    const isOurs = await this.#inTurn(() => this.#store.finish(this.#lease, outcome));
    this.leave();
    return isOurs;
  }

  /** Renews the lease no more. */
  leave(): void {
    this.#isOver = true;
    this.#clock.clearTimeout(this.#timer);
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
      if (codeOf(error) === 'ERR_RUN_OVER') this.#isOver = true;
    }
    if (!this.#isOver) this.#renewLater();
  }
}
