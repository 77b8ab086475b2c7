import type { Process } from '../scheduler/process.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';

/** One direction of a connection: what is sent arrives in its order, after a time. */
export class Link {
  readonly #scheduler: Scheduler;
  /** Whose code receives. */
  readonly #receiver: Process | undefined;
  /** When what was sent last arrives. */
  #lastAt = 0;
  /** What has arrived while nothing gets through; undefined while all does. */
  #held: (() => void)[] | undefined;
  #isHeld = false;
  #isClosed = false;
  #isCut = false;

  constructor(scheduler: Scheduler, receiver: Process | undefined) {
    this.#scheduler = scheduler;
    this.#receiver = receiver;
  }

  send(delayMs: number, arrive: () => void): void {
    if (this.#isClosed) return;
    this.#lastAt = Math.max(this.#lastAt, this.#scheduler.now + delayMs);
    this.#scheduler.after(this.#receiver, this.#lastAt - this.#scheduler.now, () => {
      if (this.#isCut) return;
      if (this.#held) this.#held.push(arrive);
      else arrive();
    });
  }

  /** Nothing gets through from now on, and nothing is lost. */
  hold(): void {
    this.#isHeld = true;
    this.#held ??= [];
  }

  /** What was held arrives, one after the other, and then the rest. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#next();
  }

  #next(): void {
    this.#scheduler.after(this.#receiver, 0, () => {
      if (this.#isHeld || this.#isCut) return;
      const arrive = this.#held?.shift();
      if (!arrive) {
        this.#held = undefined;
        return;
      }
      // Each in a task of its own, as from a real socket.
      this.#next();
      arrive();
    });
  }

  /** Nothing more can be sent. */
  close(): void {
    this.#isClosed = true;
  }

  /** Nothing arrives any more. */
  cut(): void {
    this.#isClosed = true;
    this.#isCut = true;
    this.#held = undefined;
  }
}
