import type { LogEntry } from '../entry.ts';
import type { Selector } from '../selection.ts';
import type { NewestFirst } from './newest-first.ts';
import { isSelected } from './scan.ts';
import type { Turn } from './turns.ts';

/** A search for the last events of a selection. It takes a turn after the other. */
export class LastSearch {
  readonly #selector: Selector;
  readonly #count: number;
  readonly #found: number[] = [];
  #after: number;
  #through: number;

  /**
   * @param count how many are wanted, from 1
   * @param through only events up to this sequence number are wanted
   */
  constructor(selector: Selector, count: number, through: number) {
    this.#selector = selector;
    this.#count = count;
    this.#after = through;
    this.#through = through;
  }

  /** The sequence numbers of the events that were found, the highest first. */
  get found(): readonly number[] {
    return this.#found;
  }

  /** The sequence number after which they follow. */
  get after(): number {
    return this.#after;
  }

  /** The search goes on with the events up to this sequence number. */
  get through(): number {
    return this.#through;
  }

  /** Goes on for as long as the turn allows. Returns whether it is done. @param entries those up to `through`, newest first */
  goOn(entries: Iterable<LogEntry>, turn: Turn): boolean {
    for (const entry of entries) {
      if (!this.#look(entry, turn)) return false;
      if (this.#isDone) return true;
      if (turn.isOver) return false;
    }
    return true;
  }

  /** The same with lists that have all that are selected. @param entryAt the entry with a sequence number, if it is kept */
  goOnIn<L extends { readonly last: number }>(
    lists: NewestFirst<L>,
    entryAt: (seq: number) => Iterable<LogEntry>,
    turn: Turn,
  ): boolean {
    for (let seq = lists.next(turn); seq !== undefined; seq = lists.next(turn)) {
      for (const entry of entryAt(seq)) if (!this.#look(entry, turn)) return false;
      if (this.#isDone) return true;
      lists.take(turn);
      if (turn.isOver) return false;
    }
    return lists.isDone;
  }

  get #isDone(): boolean {
    return this.#found.length === this.#count;
  }

  /** Whether the turn was long enough to see whether an entry is selected. */
  #look(entry: LogEntry, turn: Turn): boolean {
    const selected = isSelected(this.#selector, entry, turn);
    if (selected === undefined) return false;
    this.#through = entry.seq - 1;
    if (selected) {
      this.#found.push(entry.seq);
      this.#after = this.#through;
    }
    return true;
  }
}
