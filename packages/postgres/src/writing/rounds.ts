import type { Clock } from '@tidings/server/log';
import type { Reports } from '../reports.ts';
import { flush } from '../changes/flush.ts';
import type { Transaction } from '../changes/transaction.ts';
import type { Writer } from './writer.ts';
import { trimAged, trimExcess } from '../changes/excess.ts';

const START = { at: -Infinity, topic: '' };

/** Applies the retention from time to time, in steps between which publishers have their turn. */
export class TrimRounds {
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #reports: Reports;
  #timer: unknown;
  #isStopped = false;
  #isSoon = false;

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

  /** Goes on with what one transaction did not remove. */
  soon(): void {
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
      hasMore = await this.#writer.change([], (tx) => step(tx));
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

async function step(tx: Transaction): Promise<boolean> {
  await flush(tx);
  await trimAged(tx, START);
  await trimExcess(tx);
  return tx.hasMore;
}
