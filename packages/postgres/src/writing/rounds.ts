import type { Clock } from '@tidings/server/log';
import type { Reports } from '../reports.ts';
import { flush } from '../changes/flush.ts';
import type { Transaction } from '../changes/transaction.ts';
import type { Writer } from './writer.ts';
import { findFull, lookAt, trimAged, trimExcess } from '../changes/excess.ts';

const START = { at: -Infinity, topic: '' };

// Topics of which too much was left that one step looks at.
const MAX_LOOKED = 1000;

// Topics of which too much was left that are remembered. If there are more, all topics are looked at.
const MAX_FULL = 10_000;

/** Applies the retention from time to time, in steps between which publishers have their turn. */
export class TrimRounds {
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #reports: Reports;
  #timer: unknown;
  #isStopped = false;
  #isSoon = false;
  /** The topics of which too much was left. */
  readonly #full = new Set<string>();
  /** Up to where topics were looked at that had events when the log was opened: the bounds may have been others before. Undefined when all were. */
  #looked: string | undefined = '';

  constructor(writer: Writer, clock: Clock, everyMs: number, reports: Reports) {
    this.#writer = writer;
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#reports = reports;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.setTimeout(() => void this.#round().then(() => this.start()), this.#everyMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#timer);
  }

  /** Goes on with what one transaction did not remove, among others of these topics. */
  soon(topics: ReadonlySet<string>): void {
    for (const topic of topics) {
      if (this.#full.size < MAX_FULL) this.#full.add(topic);
      else this.#looked = '';
    }
    if (this.#isSoon) return;
    this.#isSoon = true;
    void this.#round().then(() => {
      this.#isSoon = false;
    });
  }

  /** Removes everything that retention no longer keeps. */
  async trim(): Promise<void> {
    let hasMore = true;
    while (hasMore && !this.#isStopped) {
      hasMore = await this.#step();
    }
  }

  /** Returns whether more is to be removed. */
  async #step(): Promise<boolean> {
    const full = [...this.#full].slice(0, MAX_LOOKED);
    const after = this.#looked;
    // Those of which too much is left are told again.
    for (const topic of full) this.#full.delete(topic);
    this.#looked = undefined;
    try {
      const { looked, isFull } = await this.#writer.change([], (tx) => step(tx, full, after));
      this.#looked ??= looked;
      return isFull || this.#looked !== undefined || this.#full.size > 0;
    } catch (error) {
      for (const topic of full) this.#full.add(topic);
      this.#looked ??= after;
      throw error;
    }
  }

  async #round(): Promise<void> {
    const what = 'Cannot remove events that are no longer kept';
    try {
      await this.trim();
      this.#reports.done('trim', 'ERR_NOT_TRIMMED', what, undefined);
    } catch (error) {
      if (!this.#isStopped) this.#reports.done('trim', 'ERR_NOT_TRIMMED', what, error);
    }
  }
}

/** Looks at topics of which too much was left, and at those behind a topic, and removes what is too much and too old. */
async function step(
  tx: Transaction,
  full: readonly string[],
  after: string | undefined,
): Promise<{ readonly looked: string | undefined; readonly isFull: boolean }> {
  await flush(tx);
  await lookAt(tx, full);
  const looked = after === undefined ? undefined : await findFull(tx, after);
  await trimAged(tx, START);
  await trimExcess(tx);
  return { looked, isFull: tx.hasMore };
}
