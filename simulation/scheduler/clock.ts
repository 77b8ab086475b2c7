import type { Clock as ServerClock } from '@tidings/server/live';
import type { Clock as ClientClock } from '@tidings/client';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Task } from './task-queue.ts';

/** The time of day when a simulation begins. */
const START = Date.UTC(2030, 0, 1);

/** A machine on which processes run. */
export interface Machine {
  /** By how much its time of day is wrong, in milliseconds. */
  skewMs: number;
}

/** The clock of a process: its timers are the process's, and its time of day is that of its machine. */
export class SimulatedClock implements ServerClock, ClientClock {
  readonly #scheduler: Scheduler;
  readonly #process: Process | undefined;
  readonly #random: Random;

  readonly #machine: Machine;

  constructor(scheduler: Scheduler, random: Random, process?: Process, machine: Machine = { skewMs: 0 }) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#process = process;
    this.#machine = machine;
  }

  now(): number {
    return this.#scheduler.now;
  }

  time(): number {
    return Math.floor(START + this.#scheduler.now + this.#machine.skewMs);
  }

  random(): number {
    return this.#random.next();
  }

  setTimeout(callback: () => void, ms: number): Task {
    // A timer is never early, and takes a turn of the loop at least.
    return this.#scheduler.after(this.#process, Math.max(1, ms), callback);
  }

  clearTimeout(timer: unknown): void {
    if (timer !== undefined) (timer as Task).run = undefined;
  }
}
