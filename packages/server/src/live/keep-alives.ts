import type { Clock } from '../clock.ts';
import type { Position } from '../log/position.ts';
import { COMMENT } from '../sink/keep-alive.ts';
import type { View } from './cohort.ts';
import { heartbeat } from './control-events.ts';
import type { Ticker } from './ticker.ts';

export interface KeepAliveOptions {
  /** How long a cohort may be silent, in milliseconds; 0 for no keep-alives. */
  readonly keepAliveMs: number;
  readonly clock: Clock;
  /** How far the cohorts have been written to, as listeners with this view may know it. */
  readonly position: (view: View) => Position;
  /** Sends keep-alives to listeners that are in no cohort's lockstep and were given nothing since `before`. */
  readonly others: (before: number, now: number) => void;
}

/** Sends keep-alives to listeners that are silent, a cohort at a time. One sweep serves all, a few times in every `keepAliveMs`; it runs while there are cohorts. */
export class KeepAlives {
  readonly #ticker: Ticker;
  readonly #options: KeepAliveOptions;
  #timer: unknown;

  constructor(ticker: Ticker, options: KeepAliveOptions) {
    this.#ticker = ticker;
    this.#options = options;
  }

  /** Call this when a listener has come. */
  start(): void {
    const { keepAliveMs, clock } = this.#options;
    if (this.#timer !== undefined || keepAliveMs === 0) return;
    this.#timer = clock.setTimeout(() => this.#sweep(), Math.max(1, keepAliveMs / 4));
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    this.#timer = undefined;
    const { keepAliveMs, clock, position, others } = this.#options;
    const now = clock.now();
    let isAnybodyThere = false;
    for (const cohort of this.#ticker.cohorts) {
      isAnybodyThere = true;
      if (cohort.members.length === 0 || now - cohort.lastWrite < keepAliveMs) continue;
      const at = position(cohort.view);
      const moves = cohort.view.visibleHeartbeat === true || at.seq > cohort.told;
      this.#ticker.send(cohort, moves ? heartbeat(at) : COMMENT, 0);
      cohort.lastWrite = now;
      cohort.told = Math.max(cohort.told, at.seq);
    }
    others(now - keepAliveMs, now);
    if (isAnybodyThere) this.start();
  }
}
