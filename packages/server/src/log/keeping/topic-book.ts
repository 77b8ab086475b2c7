import type { HeldLease, TopicOptions } from '../topic-states.ts';
import { RankedNames } from './ranked-names.ts';

/** The lease of a topic. */
export interface LeaseRecord {
  readonly token: string;
  /** How long it lasts from each renewal on, in milliseconds. */
  readonly ms: number;
  /** When it ends, by the log's own time. */
  readonly until: number;
  /** The key of the request that made it, if it had one. */
  readonly key?: string;
  /** Who leases it, if that was told. */
  readonly holder?: string;
}

/** What a log remembers of a topic beside its events. */
export interface TopicRecord {
  /** When it was created or its last event was appended, by the log's own time. */
  readonly since: number;
  /** Present if it was created. */
  readonly options?: TopicOptions;
  /** Present if it is closed. */
  readonly final?: {
    readonly seq: number;
    /** The sequence number of its newest public event then; 0 if it had none. */
    readonly publicSeq: number;
  };
  readonly lease?: LeaseRecord;
  /** Present if it has no kept event any more, and the last one was private. */
  readonly hidden?: true;
}

/** What is remembered of topics. */
export interface KnownTopics {
  /** At least the number of topics of which something is remembered. */
  readonly size: number;
  get(topic: string): TopicRecord | undefined;
}

/** How much is remembered. */
export interface BookCounts {
  readonly created: number;
  readonly leases: number;
  /** What it costs, in bytes. */
  readonly bytes: number;
}

/** The topics of which a log remembers more than their events. */
export class TopicBook implements BookCounts, KnownTopics {
  readonly #records = new Map<string, TopicRecord>();
  /** When leases end, and when topics are to be forgotten. A leased topic is not forgotten. */
  readonly #ends = new RankedNames();
  readonly #forgets = new RankedNames();
  readonly #costOf: (topic: string) => number;
  #counts: BookCounts = { created: 0, leases: 0, bytes: 0 };

  /** @param costOf what it costs to remember a topic, in bytes */
  constructor(costOf: (topic: string) => number) {
    this.#costOf = costOf;
  }

  get size(): number {
    return this.#records.size;
  }

  get created(): number {
    return this.#counts.created;
  }

  get leases(): number {
    return this.#counts.leases;
  }

  get bytes(): number {
    return this.#counts.bytes;
  }

  get(topic: string): TopicRecord | undefined {
    return this.#records.get(topic);
  }

  /** All records, to be loaded by another book. */
  get records(): Iterable<readonly [topic: string, record: TopicRecord]> {
    return this.#records;
  }

  /** Begins a change. */
  draft(): TopicDraft {
    return new TopicDraft(this, this.#costOf);
  }

  /** Changes the book as drafted. Another draft may have been applied since this one was begun, if it was for other topics. */
  apply({ changes, created, leases, bytes }: TopicDraft): void {
    this.#counts = { created, leases, bytes };
    for (const [topic, record] of changes) {
      if (record) this.#records.set(topic, record);
      else this.#records.delete(topic);
      const { since = 0, options, lease } = record ?? {};
      put(this.#ends, topic, lease?.until);
      put(this.#forgets, topic, lease || options?.ttlMs === undefined ? undefined : since + options.ttlMs);
    }
  }

  /** When a lease ends or a topic is to be forgotten next, by the log's own time; undefined if nothing of that is to come. */
  get due(): number | undefined {
    const due = Math.min(this.#ends.first?.rank ?? Infinity, this.#forgets.first?.rank ?? Infinity);
    return due === Infinity ? undefined : due;
  }

  /** All leases. */
  leased(): readonly HeldLease[] {
    return this.#ends.upTo(Infinity, this.#counts.leases).flatMap((topic) => {
      const lease = this.#records.get(topic)?.lease;
      return lease ? [{ topic, token: lease.token, holder: lease.holder }] : [];
    });
  }

  /** Topics whose lease has ended, at most so many. */
  ended(now: number, limit: number): readonly string[] {
    return this.#ends.upTo(now, limit);
  }

  /** Topics which are to be forgotten, at most so many. */
  outlived(now: number, limit: number): readonly string[] {
    return this.#forgets.upTo(now, limit);
  }
}

/** A change of a book that has not been stored yet. Several appends may be part of it. */
export class TopicDraft implements BookCounts, KnownTopics {
  readonly changes: Map<string, TopicRecord | undefined> = new Map();
  readonly #book: BookCounts & KnownTopics;
  readonly #costOf: (topic: string) => number;
  readonly #added = { created: 0, leases: 0, bytes: 0 };

  constructor(book: BookCounts & KnownTopics, costOf: (topic: string) => number) {
    this.#book = book;
    this.#costOf = costOf;
  }

  get size(): number {
    return this.#book.size + this.changes.size;
  }

  get created(): number {
    return this.#book.created + this.#added.created;
  }

  get leases(): number {
    return this.#book.leases + this.#added.leases;
  }

  get bytes(): number {
    return this.#book.bytes + this.#added.bytes;
  }

  /** What the change costs more, or less, in bytes. */
  get addedBytes(): number {
    return this.#added.bytes;
  }

  /** Begins a change that may become a part of this one. */
  draft(): TopicDraft {
    return new TopicDraft(this, this.#costOf);
  }

  /** Takes over a change that was begun from this one. */
  add({ changes }: TopicDraft): void {
    for (const [topic, record] of changes) this.set(topic, record);
  }

  get(topic: string): TopicRecord | undefined {
    return this.changes.has(topic) ? this.changes.get(topic) : this.#book.get(topic);
  }

  set(topic: string, record: TopicRecord | undefined): void {
    const before = this.get(topic);
    const added = this.#added;
    added.created += Number(record?.options !== undefined) - Number(before?.options !== undefined);
    added.leases += Number(record?.lease !== undefined) - Number(before?.lease !== undefined);
    added.bytes += (Number(record !== undefined) - Number(before !== undefined)) * this.#costOf(topic);
    this.changes.set(topic, record);
  }
}

function put(queue: RankedNames, topic: string, due: number | undefined): void {
  if (due === undefined) queue.delete(topic);
  else queue.set(topic, due);
}
