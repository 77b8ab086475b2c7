import type { KeptEntry } from '../records/record.ts';

/** How many events of a topic there are. */
interface Count {
  all: number;
  public: number;
}

/** An event that a newer one of its key has replaced. */
interface Replaced {
  by: number;
  readonly topics: readonly string[];
  readonly isPrivate: boolean;
}

/** Events that newer ones of their keys have replaced. They are removed soon. Until then reads pass over them, and no count that is told has them. */
export class ReplacedEvents {
  readonly #events = new Map<number, Replaced>();
  readonly #counts = new Map<string, Count>();

  get size(): number {
    return this.#events.size;
  }

  has(seq: number): boolean {
    return this.#events.has(seq);
  }

  /** How many events of a topic are among them. */
  of(topic: string, publicOnly: boolean): number {
    return this.#counts.get(topic)?.[publicOnly ? 'public' : 'all'] ?? 0;
  }

  /** @param by the number of the event that replaced it */
  add({ seq, topics, private: isPrivate }: Pick<KeptEntry, 'seq' | 'topics' | 'private'>, by: number): void {
    const known = this.#events.get(seq);
    if (known) {
      known.by = by;
      return;
    }
    const event = { by, topics, isPrivate };
    this.#events.set(seq, event);
    this.#count(event, 1);
  }

  delete(seq: number): void {
    const event = this.#events.get(seq);
    if (!event) return;
    this.#events.delete(seq);
    this.#count(event, -1);
  }

  /** The numbers of those that were replaced by events up to a number. */
  *through(last: number): Iterable<number> {
    for (const [seq, { by }] of this.#events) if (by <= last) yield seq;
  }

  #count({ topics, isPrivate }: Replaced, change: 1 | -1): void {
    for (const topic of topics) {
      const count = this.#counts.get(topic) ?? { all: 0, public: 0 };
      count.all += change;
      if (!isPrivate) count.public += change;
      if (count.all === 0) this.#counts.delete(topic);
      else this.#counts.set(topic, count);
    }
  }
}
