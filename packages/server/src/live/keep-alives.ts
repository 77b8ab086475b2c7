import type { Clock } from '../clock.ts';
import type { Position } from '../log/position.ts';
import { COMMENT } from '../sink/keep-alive.ts';
import type { Cohort } from './cohort.ts';
import { heartbeat } from './control-events.ts';
import type { Listener } from './listener.ts';
import type { Listeners } from './listeners.ts';
import type { Ticker } from './ticker.ts';

export interface KeepAliveOptions {
  /** How long a cohort may be silent, in milliseconds; 0 for no keep-alives. */
  readonly keepAliveMs: number;
  readonly clock: Clock;
  /** The position of a sequence number in the present epoch. */
  readonly position: (seq: number) => Position;
}

// Keep-alives are sent this part of their time too early where that saves a sweep.
const EARLY_PART = 1 / 16;

/**
 * Sends keep-alives to listeners that are silent, a cohort at a time, and none later than `keepAliveMs` after the last bytes. One timer serves all: it
 * is set to when the next one is due, and runs while there are cohorts.
 */
export class KeepAlives {
  readonly #ticker: Ticker;
  readonly #listeners: Listeners;
  readonly #clock: Clock;
  readonly #keepAliveMs: number;
  readonly #position: (seq: number) => Position;
  #timer: unknown;

  constructor(listeners: Listeners, { keepAliveMs, clock, position }: KeepAliveOptions) {
    this.#ticker = listeners.ticker;
    this.#listeners = listeners;
    this.#position = position;
    this.#clock = clock;
    this.#keepAliveMs = keepAliveMs;
  }

  /** Call this when a listener has come. It is silent from now on, so its keep-alive is due no sooner than those of others. */
  start(): void {
    if (this.#timer === undefined && this.#keepAliveMs > 0) this.#sweepAfter(this.#keepAliveMs);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #sweepAfter(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), Math.max(1, ms));
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    // Timers may be a millisecond early.
    const before = now - this.#keepAliveMs + Math.max(1, this.#keepAliveMs * EARLY_PART);
    let isAnybodyThere = false;
    let oldest = now;
    for (const cohort of this.#ticker.cohorts) {
      isAnybodyThere = true;
      if (cohort.members.length === 0) continue;
      if (cohort.lastWrite <= before) {
        this.#keepAlive(cohort);
        cohort.lastWrite = now;
      }
      oldest = Math.min(oldest, cohort.lastWrite);
    }
    oldest = Math.min(oldest, this.#listeners.apart.keepAlive(before, now));
    if (isAnybodyThere) this.#sweepAfter(oldest + this.#keepAliveMs - now);
  }

  /** Tells the position to the members that do not know it yet, and sends the others a comment. */
  #keepAlive(cohort: Cohort<Listener>): void {
    const { view, members } = cohort;
    const position = this.#position(this.#ticker.flushedFor(view));
    const block = heartbeat(position, view.heartbeat);
    const isLate = (member: Listener): boolean => view.heartbeat === 'event' || cohort.toldTo(member) < position.seq;
    const late = members.reduce((count, member) => count + (isLate(member) ? 1 : 0), 0);
    if (late === 0) this.#ticker.send(cohort, COMMENT, 0);
    else if (late === members.length) {
      this.#ticker.send(cohort, block, 0);
      cohort.tell(position.seq);
    } else {
      for (const member of members.slice()) {
        // Bytes that wait for a listener keep it alive as soon as it reads.
        if (member.sink.needsDrain) continue;
        const isTold = !isLate(member);
        this.#listeners.write(member, isTold ? COMMENT : block);
        if (!isTold) cohort.tellOne(member, position.seq);
      }
    }
  }
}
