import type { LogEntry } from '../entry.ts';
import { EntryList } from '../keeping/entry-list.ts';
import { copyOf } from '../keeping/frame.ts';
import { NO_TYPE, typeOf } from '../type-of.ts';
import { costOfList, MEMBERSHIP } from './cost.ts';

/** Entries in the order of the log, as they are looked through. */
export type EntrySource = Pick<EntryList, 'rising' | 'falling' | 'countAfter'>;

/**
 * The entries of a topic by their types. There are such lists from its first entry on that has a type of its own; those before it are all of the type
 * `message`. So a topic without types has none.
 */
export class TypeLists {
  /** The sequence number of the first entry that is in the lists. */
  readonly #from: number;
  readonly #lists = new Map<string, EntryList>();
  #bytes = 0;

  constructor(from: number) {
    this.#from = from;
  }

  /** What they cost. */
  get bytes(): number {
    return this.#bytes;
  }

  push(entry: LogEntry, type: string = NO_TYPE): void {
    let list = this.#lists.get(type);
    if (!list) {
      list = new EntryList();
      this.#lists.set(copyOf(type), list);
      this.#bytes += costOfList(type);
    }
    list.push(entry);
    this.#bytes += MEMBERSHIP;
  }

  remove(entry: LogEntry): void {
    if (entry.seq < this.#from) return;
    const type = typeOf(entry);
    const list = this.#lists.get(type);
    if (!list) return;
    list.remove(entry.seq);
    this.#bytes -= MEMBERSHIP;
    if (list.length > 0) return;
    this.#lists.delete(type);
    this.#bytes -= costOfList(type);
  }

  /** What holds all entries of some types. @param all those of the topic */
  of(types: ReadonlySet<string>, all: EntryList): EntrySource[] {
    const found: EntrySource[] = [];
    if (types.has(NO_TYPE) && (all.first?.seq ?? Infinity) < this.#from) found.push(new EntriesBefore(all, this.#from));
    for (const type of types) {
      const list = this.#lists.get(type);
      if (list) found.push(list);
    }
    return found;
  }
}

/** The entries of a list before a sequence number. */
class EntriesBefore implements EntrySource {
  readonly #list: EntryList;
  readonly #end: number;

  constructor(list: EntryList, end: number) {
    this.#list = list;
    this.#end = end;
  }

  countAfter(seq: number): number {
    return Math.max(0, this.#list.countAfter(seq) - this.#list.countAfter(this.#end - 1));
  }

  *rising(after: number): Generator<LogEntry, undefined, undefined> {
    for (const entry of this.#list.rising(after)) {
      if (entry.seq >= this.#end) return;
      yield entry;
    }
  }

  falling(through: number): Generator<LogEntry, undefined, undefined> {
    return this.#list.falling(Math.min(through, this.#end - 1));
  }
}
