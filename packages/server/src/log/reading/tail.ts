import type { LogEntry } from '../entry.ts';
import { newestFor } from '../epochs.ts';
import type { EventLog, FollowStart, LogFollowing } from '../event-log.ts';
import { formatCursor } from '../position.ts';
import type { Selection, Selector } from '../selection.ts';

/** Who reads a log to its end, as the tail knows it. The methods may not throw. */
export interface TailReader {
  readonly selector: Selector;
  /** An entry of a selected topic was handed over. It may come twice, one time for each topic. */
  offer(entry: LogEntry): void;
  /** Entries after this sequence number are not offered: they have to be read. The reader is no longer among those that are offered entries. */
  skip(after: number): void;
  /** The numbering is about to begin anew. */
  renumber(): void;
  /** Following has begun, or more was handed over than when the reader began to wait. */
  advance(): void;
}

/**
 * The end of a log: it follows the log once for all readers in this process, and offers what is handed over to those that have read everything before it.
 * It follows only while there are readers.
 */
export class Tail {
  readonly #log: EventLog;
  readonly #readers = new Set<TailReader>();
  /** The readers that are offered entries: by topic if topics are all that they have, and the others. */
  readonly #byTopic = new Map<string, Set<TailReader>>();
  readonly #others = new Set<TailReader>();
  #waiting: TailReader[] = [];
  #following: LogFollowing | undefined;
  #epoch: string | undefined;
  #received = 0;
  #publicReceived = 0;

  private constructor(log: EventLog) {
    this.#log = log;
  }

  /** The tail of a log, the same for all who ask. */
  static of(log: EventLog): Tail {
    let tail = tails.get(log);
    if (!tail) tails.set(log, (tail = new Tail(log)));
    return tail;
  }

  /** Whether the log has reported where following begins. */
  get isReady(): boolean {
    return this.#epoch !== undefined;
  }

  /** The sequence number up to which the log has been handed over. */
  get received(): number {
    return this.#received;
  }

  /** The cursor of a sequence number in the present epoch. */
  cursorOf(seq: number): string {
    return formatCursor({ epoch: this.#epoch ?? '', seq });
  }

  /** A sequence number as who reads a selection may know it: of those that mean the same to it, one that shows no private events. */
  knownTo(selection: Selection, seq: number): number {
    if (seq > this.#received) return seq;
    return Math.min(seq, newestFor(selection, this.#received, this.#publicReceived));
  }

  /** A reader has come. A log in this process reports at once where following begins. */
  open(reader: TailReader): void {
    this.#readers.add(reader);
    this.#following ??= this.#log.follow({
      onStart: (start) => this.#start(start),
      onBatch: (batch) => this.#receive(batch),
      // What is committed meanwhile is read when following has begun again.
      onLost: () => {},
    });
  }

  close(reader: TailReader): void {
    this.leave(reader);
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#following?.stop();
    this.#following = undefined;
    this.#epoch = undefined;
    this.#waiting = [];
  }

  /** From now on a reader is offered entries. */
  join(reader: TailReader): void {
    for (const readers of this.#indexOf(reader)) readers.add(reader);
  }

  leave(reader: TailReader): void {
    const { topics } = reader.selector;
    this.#others.delete(reader);
    for (const topic of topics.isExact ? topics.exact : []) {
      const readers = this.#byTopic.get(topic);
      readers?.delete(reader);
      if (readers?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** Calls the reader's `advance` once, when something has been handed over. */
  wait(reader: TailReader): void {
    this.#waiting.push(reader);
  }

  #indexOf({ selector: { topics } }: TailReader): readonly Set<TailReader>[] {
    if (!topics.isExact) return [this.#others];
    return [...topics.exact].map((topic) => {
      let readers = this.#byTopic.get(topic);
      if (!readers) this.#byTopic.set(topic, (readers = new Set()));
      return readers;
    });
  }

  #receive(batch: readonly LogEntry[]): void {
    for (const entry of batch) {
      this.#received = entry.seq;
      if (!entry.private) this.#publicReceived = entry.seq;
      for (const topic of entry.topics) for (const reader of this.#byTopic.get(topic) ?? []) reader.offer(entry);
      for (const reader of this.#others) offerTo(reader, entry);
    }
    this.#advance();
  }

  #start({ epoch, seq, publicSeq }: FollowStart): void {
    const before = this.#epoch;
    const isRenumbered = before !== undefined && before !== epoch;
    // Their places are those of the earlier epoch.
    if (isRenumbered) for (const reader of this.#readers) reader.renumber();
    else if (before !== undefined && seq !== this.#received) {
      // What lies between was not handed over.
      for (const reader of this.#live()) reader.skip(this.#received);
    }
    this.#epoch = epoch;
    this.#received = seq;
    this.#publicReceived = publicSeq;
    for (const reader of isRenumbered || before === undefined ? this.#readers : []) reader.advance();
    this.#advance();
  }

  #live(): ReadonlySet<TailReader> {
    const live = new Set(this.#others);
    for (const readers of this.#byTopic.values()) for (const reader of readers) live.add(reader);
    return live;
  }

  #advance(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const reader of waiting) reader.advance();
  }
}

const tails = new WeakMap<EventLog, Tail>();

/** Testing the patterns of all readers would keep other work waiting, so those that do not know the topic yet read the entry, for which logs take turns. */
function offerTo(reader: TailReader, entry: LogEntry): void {
  const { topics } = reader.selector;
  if (!entry.topics.every((topic) => topics.knows(topic))) reader.skip(entry.seq - 1);
  else if (entry.topics.some((topic) => topics.has(topic))) reader.offer(entry);
}
