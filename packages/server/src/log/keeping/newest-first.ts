import { push, siftDown } from './merge.ts';
import type { Turn } from './turns.ts';

// What reading a part of a list costs, in the steps of a turn.
const READ_STEPS = 2048;

// The first part of a list that is read, and the longest one.
const FIRST_READ = 2;
const MAX_READ = 64;

/**
 * Reads some of a list, newest first.
 * @param through only sequence numbers up to this one are read
 * @param limit at most so many are read
 */
export type ReadFalling<L> = (list: L, through: number, limit: number) => readonly number[];

interface Front<L> {
  readonly list: L;
  /** What was read of it and is not taken, and where it goes on. */
  read: readonly number[];
  at: number;
  limit: number;
  /** The sequence number in front, negative: the heap has the lowest first. */
  rank: number;
}

/**
 * The sequence numbers of very many lists, newest first, each once. It takes a turn after the other, and reads only of those lists that have one of the
 * numbers that are taken. It holds nothing of the store between two turns, so that what it gives may have been removed.
 */
export class NewestFirst<L extends { readonly last: number }> {
  readonly #lists: readonly L[];
  readonly #read: ReadFalling<L>;
  readonly #heap: Front<L>[] = [];
  #opened = 0;
  #isDone = false;

  /** @param lists each with the sequence number past which it has none */
  constructor(lists: readonly L[], read: ReadFalling<L>) {
    this.#lists = lists.toSorted((one, other) => other.last - one.last);
    this.#read = read;
  }

  /** Whether there are no more. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The next one, again until it is taken. Undefined if there is none, or if the turn is over before that is known. */
  next(turn: Turn): number | undefined {
    for (let list = this.#lists[this.#opened]; list; list = this.#lists[this.#opened]) {
      if (list.last < this.#front) break;
      this.#opened += 1;
      this.#open(list, turn);
      if (turn.isOver) return undefined;
    }
    this.#isDone = this.#heap.length === 0;
    return this.#isDone ? undefined : this.#front;
  }

  /** Takes the one that `next` gave, from all lists that have it. */
  take(turn: Turn): void {
    const taken = this.#front;
    for (let [front] = this.#heap; front && -front.rank >= taken; [front] = this.#heap) {
      front.at += 1;
      if (front.at === front.read.length) this.#readOn(front, taken - 1, turn);
      const next = front.read[front.at];
      if (next === undefined) {
        const last = this.#heap.pop();
        if (last && last !== front) this.#heap[0] = last;
      } else front.rank = -next;
      siftDown(this.#heap, 0);
    }
  }

  get #front(): number {
    return -(this.#heap[0]?.rank ?? Infinity);
  }

  #open(list: L, turn: Turn): void {
    const front = { list, read: [], at: 0, limit: FIRST_READ, rank: 0 };
    this.#readOn(front, list.last, turn);
    const [first] = (front as Front<L>).read;
    if (first !== undefined) push(this.#heap, { ...front, rank: -first });
  }

  #readOn(front: Front<L>, through: number, turn: Turn): void {
    turn.steps += READ_STEPS;
    front.read = this.#read(front.list, through, front.limit);
    front.at = 0;
    front.limit = Math.min(2 * front.limit, MAX_READ);
  }
}
