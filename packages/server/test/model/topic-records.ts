import type { Selection, TopicOptions } from '@tidings/server/log';

/** A topic that was closed: behind which event, and from which step of the script to which. */
export interface Closing {
  readonly topic: string;
  /** The sequence number of the final event. */
  readonly seq: number;
  /** The newest public event that was kept then; 0 if there was none. */
  readonly publicSeq: number;
  readonly closedAt: number;
  reopenedAt: number;
}

export interface Lease {
  readonly token: string;
  readonly ms: number;
  until: number;
}

/** What is known of a topic beside its events. */
export interface TopicRecord {
  /** When it was created or its last event was published. */
  since: number;
  options?: TopicOptions | undefined;
  closing?: Closing | undefined;
  lease?: Lease | undefined;
  /** Whether it has no kept event any more, and the last one was private. */
  hidden?: boolean | undefined;
}

/** The states of topics, written down again, apart from the code under test. */
export class TopicRecords {
  readonly closings: Closing[] = [];
  readonly #records = new Map<string, TopicRecord>();

  get(topic: string): TopicRecord | undefined {
    return this.#records.get(topic);
  }

  set(topic: string, record: TopicRecord): void {
    this.#records.set(topic, record);
  }

  /** Forgets a topic, which can begin anew. */
  forget(topic: string, step: number): void {
    const { closing } = this.get(topic) ?? {};
    if (closing) closing.reopenedAt = step;
    this.#records.delete(topic);
  }

  close(topic: string, { seq, publicSeq }: Pick<Closing, 'seq' | 'publicSeq'>, step: number, now: number): void {
    const closing = { topic, seq, publicSeq, closedAt: step, reopenedAt: Infinity };
    this.closings.push(closing);
    this.set(topic, { options: this.get(topic)?.options, since: now, closing });
  }

  /** Topics whose time was over by a time, and when it was, in the order of that. A leased topic has time. */
  outlived(now: number): (readonly [topic: string, due: number])[] {
    const dueOf = ({ since, options, lease }: TopicRecord): number =>
      lease ? Infinity : since + (options?.ttlMs ?? Infinity);
    return [...this.#records]
      .map(([topic, record]) => [topic, dueOf(record)] as const)
      .filter(([, due]) => due <= now)
      .toSorted(([, one], [, other]) => one - other);
  }

  /** The topics whose leases ended by a time, and which are not closed. */
  overdue(now: number): string[] {
    return [...this.#records].filter(([, { lease }]) => lease && lease.until <= now).map(([topic]) => topic);
  }

  /** The final event of the only topic of a selection, as those with it may know; undefined if its streams do not end. */
  finalFor(selection: Selection): number | undefined {
    const { closing } = this.get(onlyOf(selection) ?? '') ?? {};
    return closing && finalSeqOf(closing, selection);
  }
}

/** The topic of a selection, if it is one and no pattern. */
export function onlyOf({ topics }: Selection): string | undefined {
  const [first] = topics;
  return topics !== 'all' && topics.length === 1 && typeof first === 'string' ? first : undefined;
}

/** Behind which event nothing follows for a selection of a closed topic; undefined if it is not closed for that. */
export function finalSeqOf({ topic, seq, publicSeq }: Closing, { private: seen = [] }: Selection): number | undefined {
  if (seen === 'all' || seen.includes(topic)) return seq;
  if (publicSeq === 0) return undefined;
  return seen.length === 0 ? publicSeq : seq;
}
