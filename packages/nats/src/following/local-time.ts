import type { Clock } from '@tidings/server/log';
import type { Moment } from '../replica/clock.ts';

/**
 * The time of the log as this node tells it: from the last message on, as much has passed as its own steady clock says. While no node ran, as much has passed as the
 * system's clock says, and none if that went back.
 */
export class LocalTime {
  readonly #clock: Clock;
  #now = 0;
  /** What the steady clock said then. */
  #at: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.now();
  }

  /** The replica has caught up: its last message was sent at this time. */
  begin({ time, now }: Moment): void {
    this.#set(now + Math.max(0, this.#clock.time() - time));
  }

  /** A message that was sent at this time has just come. */
  hear({ now }: Moment): void {
    this.#set(Math.max(now, this.#told));
  }

  /**
   * Now, in whole milliseconds: replicas do sums with them, and one that began with a snapshot does others than one that did not. They have to come to the same.
   * @param last when the last message was sent
   */
  moment({ now }: Moment): Moment {
    return { time: this.#clock.time(), now: Math.max(now, Math.floor(this.#told)) };
  }

  get #told(): number {
    return this.#now + (this.#clock.now() - this.#at);
  }

  #set(now: number): void {
    this.#now = now;
    this.#at = this.#clock.now();
  }
}
