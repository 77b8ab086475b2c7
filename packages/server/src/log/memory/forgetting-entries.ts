import type { LogEntry } from '../entry.ts';
import { EntryList } from '../keeping/entry-list.ts';
import { FORGOTTEN_MS } from '../keeping/latest-name.ts';
import type { Retention } from '../keeping/retention.ts';

/** How long an entry that forgets a key is kept. */
export const FORGETTING: Retention = { maxAgeMs: FORGOTTEN_MS };

/** The entries that forget a key, of topics that keep the latest. */
export class ForgettingEntries {
  /** Whether all topics of an entry keep the latest. */
  readonly #isOfLatest: (entry: LogEntry) => boolean;
  #list = new EntryList();

  constructor(isOfLatest: (entry: LogEntry) => boolean) {
    this.#isOfLatest = isOfLatest;
  }

  get list(): EntryList {
    return this.#list;
  }

  /** Adds an entry, which is the newest of all, if it is one of these. */
  add(entry: LogEntry): void {
    if (this.#isNew(entry)) this.#list.push(entry);
  }

  /** Adds those of some older entries that are some of these by now. */
  addOlder(entries: readonly LogEntry[]): void {
    const fresh = entries.filter((entry) => this.#isNew(entry));
    if (fresh.length === 0) return;
    const all = new Map([...this.#list.rising(0), ...fresh].map((entry) => [entry.seq, entry]));
    this.#list = new EntryList();
    for (const entry of [...all.values()].toSorted((one, other) => one.seq - other.seq)) this.#list.push(entry);
  }

  remove({ seq, forgets }: LogEntry): void {
    if (forgets === true) this.#list.remove(seq);
  }

  /** The entries that are due, as long as the first one is. Each has to be removed before the next is requested. One of a topic that keeps all by now is left out. */
  *due(isDue: (list: EntryList) => boolean): Iterable<LogEntry> {
    for (let { first } = this.#list; first && isDue(this.#list); { first } = this.#list) {
      if (this.#isOfLatest(first)) yield first;
      else this.#list.remove(first.seq);
    }
  }

  #isNew(entry: LogEntry): boolean {
    return entry.forgets === true && this.#isOfLatest(entry);
  }
}
