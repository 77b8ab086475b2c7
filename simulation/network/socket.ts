import { Duplex } from 'node:stream';
import type { Process } from '../scheduler/process.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { Link } from './link.ts';

/** How many bytes the system takes that have not been read at the other end. */
const WINDOW_BYTES = 64 * 1024;

/** One end of a socket between two processes. */
export class SimulatedSocket extends Duplex {
  readonly process: Process | undefined;
  readonly #scheduler: Scheduler;
  readonly #delay: () => number;
  readonly #link: Link;
  /** The other end. Set before anybody has this one. */
  #peer!: SimulatedSocket;
  /** Bytes that the other end has not read, and the write that waits for that. */
  #unread = 0;
  #waiting: (() => void) | undefined;
  /** Bytes that have come, and are acknowledged when this end reads. */
  #toAcknowledge = 0;

  constructor(scheduler: Scheduler, process: Process | undefined, peer: Process | undefined, delay: () => number) {
    super({ allowHalfOpen: false });
    this.process = process;
    this.#scheduler = scheduler;
    this.#delay = delay;
    this.#link = new Link(scheduler, peer);
  }

  /** Makes two ends of one socket. */
  static pair(
    scheduler: Scheduler,
    one: Process | undefined,
    other: Process | undefined,
    delay: () => number,
  ): readonly [SimulatedSocket, SimulatedSocket] {
    const pair = [
      new SimulatedSocket(scheduler, one, other, delay),
      new SimulatedSocket(scheduler, other, one, delay),
    ] as const;
    pair[0].#peer = pair[1];
    pair[1].#peer = pair[0];
    return pair;
  }

  hold(): void {
    for (const end of [this, this.#peer]) end.#link.hold();
  }

  releaseAll(): void {
    for (const end of [this, this.#peer]) end.#link.release();
  }

  /** Nobody takes the other end. */
  refuse(): void {
    this.#scheduler.after(this.process, 0, () => this.destroy(new Error('The connection was refused')));
  }

  /** Breaks the connection: both ends are told. */
  break(): void {
    for (const end of [this, this.#peer]) {
      this.#scheduler.after(end.process, 0, () => end.#reset());
    }
  }

  /** The process of this end is dead. */
  die(): void {
    const peer = this.#peer;
    peer.#link.cut();
    this.#link.send(this.#delay(), () => peer.#reset());
    this.#link.close();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const peer = this.#peer;
    this.#unread += chunk.length;
    this.#link.send(this.#delay(), () => peer.#receive(chunk));
    if (this.#unread < WINDOW_BYTES) done();
    else this.#waiting = done;
  }

  override _read(): void {
    this.#acknowledge();
  }

  #acknowledge(): void {
    const bytes = this.#toAcknowledge;
    if (bytes === 0) return;
    this.#toAcknowledge = 0;
    const peer = this.#peer;
    this.#link.send(this.#delay(), () => peer.#acknowledged(bytes));
  }

  override _final(done: () => void): void {
    const peer = this.#peer;
    this.#link.send(this.#delay(), () => {
      if (!peer.destroyed) peer.push(null);
    });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.#peer;
    this.#link.send(this.#delay(), () => peer.destroy());
    done(error);
  }

  #reset(): void {
    // Nobody hears of a connection that nobody has taken.
    this.destroy(this.listenerCount('data') === 0 ? undefined : new Error('The connection was reset'));
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#toAcknowledge += chunk.length;
    // What is read at once is acknowledged now; otherwise when the rest is asked for.
    if (this.push(chunk)) this.#acknowledge();
  }

  #acknowledged(bytes: number): void {
    this.#unread -= bytes;
    if (this.#unread >= WINDOW_BYTES) return;
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }
}
