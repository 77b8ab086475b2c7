import type { Process } from './process.ts';

/** Something that is to be done at a time. */
export interface Task {
  at: number;
  /** Of tasks at the same time, the one that was planned first is done first. */
  readonly order: number;
  readonly process: Process | undefined;
  /** Undefined once it was done or cancelled. */
  run: (() => void) | undefined;
}

/** Tasks by their time: a binary heap. */
export class TaskQueue {
  readonly #heap: Task[] = [];

  get first(): Task | undefined {
    return this.#heap[0];
  }

  push(task: Task): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (!parent || isBefore(parent, task)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = task;
  }

  pop(): Task | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (!last || first === last) return first;
    const { length } = heap;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      let child = heap[below];
      if (!child) break;
      const other = below + 1 < length ? heap[below + 1] : undefined;
      if (other && isBefore(other, child)) {
        below += 1;
        child = other;
      }
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
