import { Digest } from './digest.ts';
import type { Process } from './process.ts';
import { type Task, TaskQueue } from './task-queue.ts';

/** How many tasks one turn of the real event loop does. Between two of them Node runs every microtask. */
const TASKS_PER_TURN = 256;

// They are kept from the start, because virtual ones take their places.
const { setImmediate: later } = globalThis;

/** Time that passes only from one task to the next, and everything that is to be done in it. */
export class Scheduler {
  /** Milliseconds since the start. */
  now = 0;
  /** The process whose code runs. Microtasks are done before the next task, so it is theirs, too. */
  current: Process | undefined;
  /** How many tasks were done. */
  done = 0;
  readonly digest: Digest = new Digest();
  readonly #tasks = new TaskQueue();
  readonly #onError: (error: unknown, process: Process | undefined) => void;
  #order = 0;

  /** @param onError is called with what a task throws */
  constructor(onError: (error: unknown, process: Process | undefined) => void) {
    this.#onError = onError;
  }

  /** Plans a task of a process, or of the world around all of them. */
  after(process: Process | undefined, ms: number, run: () => void): Task {
    this.#order += 1;
    const task: Task = { at: this.now + Math.max(0, ms), order: this.#order, process, run };
    this.#tasks.push(task);
    return task;
  }

  /** Does every task until a time, or until `isOver` says so, which is asked between turns. */
  async run(until: number, isOver: () => boolean = () => false): Promise<void> {
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        const next = this.#tasks.first;
        if (!next || next.at > until || isOver()) {
          this.now = Math.max(this.now, Math.min(until, next?.at ?? until));
          return resolve();
        }
        for (let count = 0; count < TASKS_PER_TURN; count += 1) later(() => this.#step(until));
        later(turn);
      };
      turn();
    });
  }

  #step(until: number): void {
    const task = this.#tasks.first;
    if (!task || task.at > until) return;
    this.#tasks.pop();
    const { run, process } = task;
    if (!run || process?.isAlive === false) return;
    this.now = task.at;
    if (process && process.stoppedUntil > this.now) {
      // In the order in which they were planned, once it goes on.
      task.at = process.stoppedUntil;
      this.#tasks.push(task);
      return;
    }
    task.run = undefined;
    this.current = process;
    this.done += 1;
    this.digest.add(this.now);
    this.digest.add(task.order);
    try {
      run();
    } catch (error) {
      this.#onError(error, process);
    }
  }
}
