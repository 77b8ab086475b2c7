import type { TopicOptions } from '../topic-states.ts';
import { DueQueue } from './due-queue.ts';

/** The lease of a topic. */
export interface LeaseRecord {
  readonly token: string;
  /** How long it lasts from each renewal on, in milliseconds. */
  readonly ms: number;
  /** When it ends, by the log's own time. */
  readonly until: number;
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
}

/** The new records of topics; undefined for one that is no longer remembered. */
export type TopicChangesByName = ReadonlyMap<string, TopicRecord | undefined>;

/** How much is remembered. */
export interface BookCounts {
  readonly created: number;
  readonly leases: number;
  /** What it costs, in bytes. */
  readonly bytes: number;
}

/** The topics of which a log remembers more than their events. */
export class TopicBook implements BookCounts {
  readonly #records = new Map<string, TopicRecord>();
  readonly #due = new DueQueue();
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

  /** Begins a change. */
  draft(): TopicDraft {
    return new TopicDraft(this, this.#costOf);
  }

  apply({ changes, created, leases, bytes }: TopicDraft): void {
    this.#counts = { created, leases, bytes };
    for (const [topic, record] of changes) {
      if (record) this.#records.set(topic, record);
      else this.#records.delete(topic);
      const due = record && dueOf(record);
      if (due === undefined) this.#due.delete(topic);
      else this.#due.set(topic, due);
    }
  }

  /** When a lease ends or a topic is to be forgotten next, by the log's own time; undefined if nothing of that is to come. */
  get due(): number | undefined {
    return this.#due.first?.due;
  }

  /** The topic whose lease has ended or which is to be forgotten, the first of them. */
  next(now: number): { readonly topic: string; readonly record: TopicRecord } | undefined {
    const { first } = this.#due;
    const record = first && first.due <= now ? this.#records.get(first.name) : undefined;
    return first && record && { topic: first.name, record };
  }
}

/** A change of a book that has not been stored yet. Several appends may be part of it. */
export class TopicDraft implements BookCounts {
  readonly changes: Map<string, TopicRecord | undefined> = new Map();
  readonly #book: TopicBook;
  readonly #costOf: (topic: string) => number;
  created: number;
  leases: number;
  bytes: number;

  constructor(book: TopicBook, costOf: (topic: string) => number) {
    this.#book = book;
    this.#costOf = costOf;
    this.created = book.created;
    this.leases = book.leases;
    this.bytes = book.bytes;
  }

  get(topic: string): TopicRecord | undefined {
    return this.changes.has(topic) ? this.changes.get(topic) : this.#book.get(topic);
  }

  set(topic: string, record: TopicRecord | undefined): void {
    const before = this.get(topic);
    this.created += Number(record?.options !== undefined) - Number(before?.options !== undefined);
    this.leases += Number(record?.lease !== undefined) - Number(before?.lease !== undefined);
    this.bytes += (Number(record !== undefined) - Number(before !== undefined)) * this.#costOf(topic);
    this.changes.set(topic, record);
  }
}

/** When a topic's lease ends, or else when it is forgotten, by the log's own time. */
export function dueOf({ since, options, lease }: TopicRecord): number | undefined {
  if (lease) return lease.until;
  return options?.ttlMs === undefined ? undefined : since + options.ttlMs;
}
