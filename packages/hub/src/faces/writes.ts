import { ServerError } from '@tidings/server/log';
import type { Clock } from '@tidings/server/live';
import type { Counts } from '../counts.ts';
import type { Reports } from '../reports.ts';

// The log is slow if events wait and it has taken none of them for this long, in milliseconds.
const SLOW_MS = 1000;

/** What has become of the last append that the log has taken or has failed to store. */
export interface WriteOutcome {
  /** When that was, milliseconds since 1970; 0 if there was none. */
  readonly at: number;
  /** Why it failed; undefined if it has not. */
  readonly failure?: string | undefined;
}

/** Watches whether the log takes the events that are appended. */
export class Writes {
  last: WriteOutcome = { at: 0 };
  readonly #clock: Clock;
  readonly #reports: Reports;
  readonly #counts: Counts;
  #waiting = 0;
  /** Since when events have waited and none was taken, by the clock's `now`. */
  #stillSince = 0;
  #isTimed = false;
  #isSlow = false;

  constructor(clock: Clock, reports: Reports, counts: Counts) {
    this.#clock = clock;
    this.#reports = reports;
    this.#counts = counts;
  }

  /** Watches an append, and returns its result. A slow log is reported once, and once more when it is no longer slow. */
  async watch<T>(append: Promise<T>): Promise<T> {
    const clock = this.#clock;
    const since = clock.now();
    if (this.#waiting === 0) this.#stillSince = since;
    this.#waiting += 1;
    if (!this.#isTimed) this.#checkAfter(SLOW_MS);
    try {
      const receipt = await append;
      const ms = clock.now() - since;
      this.last = { at: clock.time() };
      this.#counts.writes.add(ms / 1000);
      if (this.#isSlow && ms < SLOW_MS) this.#recovered();
      return receipt;
    } catch (error) {
      if (error instanceof ServerError && error.code === 'ERR_NOT_STORED')
        this.last = { at: clock.time(), failure: error.message };
      throw error;
    } finally {
      this.#waiting -= 1;
      this.#stillSince = clock.now();
    }
  }

  #checkAfter(ms: number): void {
    this.#isTimed = true;
    this.#clock.setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    this.#isTimed = false;
    if (this.#waiting === 0) return;
    const stillMs = this.#clock.now() - this.#stillSince;
    if (stillMs < SLOW_MS) {
      this.#checkAfter(SLOW_MS - stillMs);
      return;
    }
    if (this.#isSlow) return;
    this.#isSlow = true;
    const about = { waiting: this.#waiting, ms: Math.round(stillMs) };
    this.#reports.warn(about, 'The log is slow: its disk or its store has taken no event for a while');
  }

  #recovered(): void {
    this.#isSlow = false;
    this.#reports.warn({ waiting: this.#waiting - 1 }, 'The log is no longer slow');
  }
}
