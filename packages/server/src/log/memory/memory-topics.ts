import type { Clock } from '../../clock.ts';
import { ServerError } from '../../errors.ts';
import type { LogEntry, NewEvent } from '../entry.ts';
import type { CheckedBounds } from '../keeping/bounds.ts';
import { copyOf, checkTopic } from '../keeping/frame.ts';
import type { LogTime } from '../keeping/log-time.ts';
import type { PreparedBatch } from '../keeping/prepared.ts';
import { type KnownTopics, TopicBook, type TopicDraft, type TopicRecord } from '../keeping/topic-book.ts';
import {
  closingEvent,
  concernsStates,
  createTopic,
  endLease,
  finalOf,
  isKnownPublicly,
  leaseTopic,
  noteEmptied,
  noteEvent,
  refusalOf,
  releaseTopic,
} from '../keeping/topic-rules.ts';
import { statusOf } from '../keeping/topic-status.ts';
import { checkLease, checkTopicOptions } from '../keeping/topic-options.ts';
import type { RemovedEntry } from '../keeping/trimmed.ts';
import type { Turn, Turns } from '../keeping/turns.ts';
import type { Selection } from '../selection.ts';
import type {
  CreateOptions,
  HeldLease,
  LeaseOptions,
  StatusOptions,
  TopicLease,
  TopicOptions,
  TopicStates,
  TopicStatus,
} from '../topic-states.ts';
import { costOfState } from './cost.ts';
import type { KeptEntries } from './kept-entries.ts';
import type { TopicEnds } from './kept-topic.ts';

// Topics that are forgotten before others have their turn.
const MAX_FORGOTTEN = 100;

// Entries of a topic that are removed before others have their turn.
const MAX_REMOVED = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface MemoryTopicsParts {
  readonly kept: KeptEntries;
  readonly bounds: CheckedBounds;
  readonly clock: Clock;
  readonly time: LogTime;
  readonly turns: Turns;
}

/** The deletion of a topic. */
export interface MemoryDeletion {
  readonly topic: string;
  readonly isPrivate: boolean;
  /** What it takes from those who got its private events by another topic, too. */
  readonly others: readonly RemovedEntry[];
  /** Takes the topic out, before followers are told. @param seq that of the deletion */
  readonly detach: (seq: number) => void;
}

/** What states of topics need of their log. */
export interface MemoryTopicsHost {
  isClosed(): boolean;
  /** Applies the retention. */
  trim(): void;
  /** The token of a lease that is made. */
  newToken(): string;
  /** Appends an event of the log's own. */
  append(event: NewEvent): void;
  /** Tells that a topic is deleted. */
  tell(deletion: MemoryDeletion): void;
  /** Removes entries, and takes note of it as of trimming. */
  remove(entries: readonly LogEntry[]): void;
  /** A topic was created, or its options were set. Resolves when its entries are kept as these say; undefined if they are. */
  changed(topic: string): Promise<void> | undefined;
}

/** The states of topics of a log in memory. */
export class MemoryTopics implements TopicStates {
  readonly #parts: MemoryTopicsParts;
  readonly #host: MemoryTopicsHost;
  readonly #book = new TopicBook(costOfState);
  readonly #factsOf: KeptEntries['factsOf'];
  #timer: unknown;
  #timerDue = Infinity;
  /** The deletion under way. There is one at a time. */
  #deleting: Promise<void> | undefined;

  constructor(parts: MemoryTopicsParts, host: MemoryTopicsHost) {
    this.#parts = parts;
    this.#host = host;
    this.#factsOf = (topic) => parts.kept.factsOf(topic);
  }

  /** What is remembered of topics. */
  get known(): KnownTopics {
    return this.#book;
  }

  /** The same as data, to be loaded by another log. */
  get records(): Iterable<readonly [topic: string, record: TopicRecord]> {
    return this.#book.records;
  }

  /** Loads what another log remembered. */
  restore(records: Iterable<readonly [topic: string, record: TopicRecord]>): void {
    this.#change((draft) => {
      for (const [topic, record] of records) draft.set(topic, record);
    });
  }

  /** When a lease ends or a topic is to be forgotten next, by the log's own time; undefined if nothing of that is to come. */
  get due(): number | undefined {
    return this.#book.due;
  }

  /** Whether states have to do with a batch. If they have, throws if the batch is refused. */
  admit(batch: PreparedBatch): boolean {
    if (!concernsStates(this.#book, batch)) return false;
    const refusal = refusalOf(this.#book.draft(), batch, this.#factsOf);
    if (refusal) throw refusal;
    return true;
  }

  /** Takes note of an event of such a batch, which is kept now. */
  note(entry: LogEntry, now: number): void {
    this.#change((draft) => noteEvent(draft, { ...entry, final: entry.final === true }, entry.seq, now, this.#factsOf));
  }

  /** What of a topic is kept, if it was created with that. */
  keepOf(topic: string): TopicOptions['keep'] {
    return this.#book.size === 0 ? undefined : this.#book.get(topic)?.options?.keep;
  }

  /** Takes note that the last kept event of a topic has been removed, which may have been private. */
  emptied(topic: string, wasPrivate: boolean): void {
    if (this.#book.get(topic)) this.#change((draft) => noteEmptied(draft, topic, wasPrivate));
  }

  /** The sequence number of the final event of the only topic of a selection, as part of an answer. */
  finalOf(selection: Selection | undefined): { readonly finalSeq?: number } {
    return finalOf(this.#book, selection);
  }

  /** Closes the topics whose leases have ended, and forgets those whose time is over. */
  settle(now: number): void {
    if ((this.#book.due ?? Infinity) > now || this.#host.isClosed()) return;
    // All of them, because nothing may be appended to such a topic. Their number is bounded.
    for (const topic of this.#book.ended(now, Infinity)) this.#closeLeased(topic);
    for (const topic of this.#book.outlived(now, MAX_FORGOTTEN)) this.#forget(topic);
    this.#wakeLater();
  }

  close(): void {
    this.#parts.clock.clearTimeout(this.#timer);
  }

  async status(topic: string, { publicOnly = false }: StatusOptions = {}): Promise<TopicStatus> {
    const now = this.#open(topic);
    const { kept, clock, turns } = this.#parts;
    const ahead = now - clock.time();
    const look = (turn: Turn): TopicEnds | undefined => {
      const topicKept = kept.topics.get(topic);
      return topicKept ? topicKept.ends(publicOnly, turn) : { events: 0 };
    };
    const found = await turns.run(look, { isShort: true });
    const keep = this.keepOf(topic) ?? kept.rules.of(topic)?.keep;
    const view = { publicOnly, keepsLatest: keep === 'latest', ahead };
    const known = statusOf(topic, this.#book.get(topic), this.#factsOf(topic), view);
    return { ...known, ...found };
  }

  async create(topic: string, options: TopicOptions = {}, how: CreateOptions = {}): Promise<{ created: boolean }> {
    const now = this.#open(topic);
    const checked = checkTopicOptions(options);
    const { bounds } = this.#parts;
    const facts = this.#factsOf(topic);
    const created = this.#change((draft) => createTopic(draft, copyOf(topic), checked, how, { facts, now, bounds }));
    const changing = this.#host.changed(topic);
    if (changing) await changing;
    return created;
  }

  async lease(topic: string, ms: number, options: LeaseOptions = {}): Promise<TopicLease> {
    const now = this.#open(topic);
    const checked = checkLease(ms, options);
    const { bounds, clock } = this.#parts;
    const lease = { ...checked, ms, fresh: this.#host.newToken() };
    return this.#change((draft) => leaseTopic(draft, copyOf(topic), lease, { now, time: clock.time(), bounds }));
  }

  async leases(): Promise<readonly HeldLease[]> {
    this.#checkOpen();
    return this.#book.leased();
  }

  async release(topic: string, token: string): Promise<void> {
    this.#open(topic);
    this.#change((draft) => releaseTopic(draft, topic, token));
  }

  /** Hides the events and forgets the state at once. The events are removed after that, in steps. */
  async delete(topic: string): Promise<{ existed: boolean }> {
    this.#open(topic);
    while (this.#deleting) {
      await this.#deleting;
      this.#open(topic);
    }
    const record = this.#book.get(topic);
    const facts = this.#factsOf(topic);
    if (!record && facts.events === 0) return { existed: false };
    const { kept } = this.#parts;
    if (record) this.#change((draft) => draft.set(topic, undefined));
    const others = kept.topics.get(topic)?.privateOthers.removed ?? [];
    const isPrivate = !isKnownPublicly(record, facts);
    this.#host.tell({ topic, isPrivate, others, detach: (seq) => kept.detach(topic, seq) });
    this.#deleting = this.#removeDetached();
    await this.#deleting;
    this.#deleting = undefined;
    return { existed: true };
  }

  async #removeDetached(): Promise<void> {
    const { kept } = this.#parts;
    for (;;) {
      const entries = kept.detached(MAX_REMOVED);
      this.#host.remove(entries);
      if (entries.length < MAX_REMOVED) break;
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    kept.forgetDetached();
  }

  #closeLeased(topic: string): void {
    // Nobody holds it when the log itself appends.
    this.#change((draft) => endLease(draft, topic));
    this.#host.append(closingEvent(topic, this.#book.get(topic), this.#factsOf(topic)));
  }

  /** Removes some events of a topic, and forgets it when there are none. */
  #forget(topic: string): void {
    const entries = this.#parts.kept.oldestOf(topic, MAX_REMOVED);
    this.#host.remove(entries);
    if (this.#factsOf(topic).events === 0) this.#change((draft) => draft.set(topic, undefined));
  }

  /** Throws unless the log is open and the name is one of a topic. Returns the time. */
  #open(topic: string): number {
    this.#checkOpen();
    checkTopic(topic);
    const now = this.#parts.time.now();
    this.settle(now);
    this.#host.trim();
    return now;
  }

  #change<T>(change: (draft: TopicDraft) => T): T {
    const draft = this.#book.draft();
    const result = change(draft);
    this.#parts.kept.charge(draft.bytes - this.#book.bytes);
    this.#book.apply(draft);
    this.#wakeLater();
    return result;
  }

  #checkOpen(): void {
    if (this.#host.isClosed()) throw new ServerError('ERR_CLOSED', 'Cannot look at topics: the log has been closed');
  }

  /** A lease that ends closes its topic also if nobody asks. */
  #wakeLater(): void {
    const { clock, time } = this.#parts;
    const { due = Infinity } = this.#book;
    // What has become due later is found out when the timer fires.
    if (due >= this.#timerDue || this.#host.isClosed()) return;
    clock.clearTimeout(this.#timer);
    this.#timerDue = due;
    const ms = Math.min(Math.max(0, due - time.now()), MAX_TIMER_MS);
    this.#timer = clock.setTimeout(() => {
      this.#timerDue = Infinity;
      this.settle(time.now());
      this.#wakeLater();
    }, ms);
  }
}
