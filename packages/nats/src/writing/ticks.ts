import type { Clock } from '@tidings/server/log';
import { Shared } from '../following/shared.ts';
import type { Following } from '../following/following.ts';
import type { Command } from '../replica/command.ts';

// A node tells at most this often that time has passed, in milliseconds, and each a little later than another, so that one does it for all.
const LEAST_MS = 800;
const SPREAD_MS = 100;

// How long those who need to be sure wait for others who do, in milliseconds: each time costs a message of the stream.
const CONFIRM_MS = 20;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Tells the log that time has passed, when that changes something: events become too old, leases end, topics are forgotten. */
export class Ticks {
  readonly #clock: Clock;
  readonly #following: Following;
  readonly #ask: (command: Command) => Promise<unknown>;
  #timer: unknown;
  #ticking: Promise<void> | undefined;
  #isClosed = false;
  readonly #confirmed = new Shared(async () => {
    await new Promise((resolve) => void setTimeout(resolve, CONFIRM_MS));
    await this.#ask({ op: 'tick' });
  });

  constructor(clock: Clock, following: Following, ask: (command: Command) => Promise<unknown>) {
    this.#clock = clock;
    this.#following = following;
    this.#ask = ask;
  }

  /** Something has been carried out: what is due next may be something else. */
  plan(): void {
    this.#clock.clearTimeout(this.#timer);
    const { dueMs } = this.#following;
    if (this.#isClosed || dueMs === undefined) return;
    const ms = Math.min(Math.max(dueMs, LEAST_MS), MAX_TIMER_MS - SPREAD_MS) + Math.random() * SPREAD_MS;
    this.#timer = this.#clock.setTimeout(() => void this.settle().then(() => this.plan()), Math.ceil(ms));
  }

  /** Resolves when nothing is due. If the store is away, that has to wait. */
  async settle(): Promise<void> {
    const { dueMs, isLive } = this.#following;
    if (this.#isClosed || !isLive || dueMs === undefined || dueMs > 0) return;
    this.#ticking ??= this.#ask({ op: 'tick' })
      .catch(() => {})
      .then(() => {
        this.#ticking = undefined;
      });
    await this.#ticking;
  }

  /** Resolves when everything that was stored before the call has been carried out, whatever the store has told. */
  async confirm(): Promise<void> {
    await this.#confirmed.ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#timer);
  }
}
