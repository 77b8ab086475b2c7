import type { RemovedEntry } from './trimmed.ts';

/**
 * Which other topics the private events of a topic have. When the topic is deleted, they miss these events who listen to one of the two and have a right to private
 * events by the other one only. No deletion of a topic of theirs tells them.
 */
export class PrivateOthers {
  readonly #topic: string;
  /** The newest event of each other topic. */
  readonly #seqs = new Map<string, number>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** Takes an event of the topic into account. */
  add({ seq, topics, private: isPrivate }: RemovedEntry): void {
    if (!isPrivate || topics.length === 1) return;
    for (const other of topics) {
      if (other !== this.#topic && seq > (this.#seqs.get(other) ?? 0)) this.#seqs.set(other, seq);
    }
  }

  /** What the deletion takes from those topics and from its own. It goes into one plan of a ledger with the entry that tells of the deletion. */
  get removed(): readonly RemovedEntry[] {
    const leaves = this.#topic;
    return [...this.#seqs].map(([other, seq]) => ({ seq, topics: [leaves, other], private: true, leaves }));
  }
}
