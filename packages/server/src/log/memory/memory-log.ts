import { checkClock, type Clock } from '../../clock.ts';
import { checkNames, ServerError } from '../../errors.ts';
import { Epochs } from '../epochs.ts';
import type { LogEntry, NewEvent } from '../entry.ts';
import type {
  AppendOptions,
  AppendReceipt,
  AskOptions,
  EventLog,
  LogFollower,
  LogFollowing,
  LogPage,
  LogTotals,
  Place,
  ReadRequest,
  Since,
  TopicDirectory,
} from '../event-log.ts';
import { Followers } from '../keeping/followers.ts';
import { checkBatch, checkBounds, type CheckedBounds } from '../keeping/bounds.ts';
import { deletionOf, placeEvent, prepareBatch } from '../keeping/frame.ts';
import type { PreparedBatch } from '../keeping/prepared.ts';
import { KeptValues } from '../keeping/kept-values.ts';
import { newToken } from '../keeping/topic-options.ts';
import { addAll, type MemoryLogRecord } from './memory-log-record.ts';
import { LogTime } from '../keeping/log-time.ts';
import { newEpoch } from '../position.ts';
import { checkRetention } from '../keeping/retention.ts';
import { Selector, type Selection } from '../selection.ts';
import type { TopicStates } from '../topic-states.ts';
import { TrimLedger } from '../keeping/trim-ledger.ts';
import { type Turn, Turns } from '../keeping/turns.ts';
import { KeptEntries } from './kept-entries.ts';
import { type MemoryDeletion, MemoryTopics } from './memory-topics.ts';
import { KnownKeys, withHoles } from './known-keys.ts';
import { Replacing } from './replacing.ts';
import { Sweep } from './sweep.ts';
import { topicListing } from './topic-listing.ts';
import { type LogEnd, MemorySearch } from './memory-search.ts';
import { MEMORY_LOG_OPTIONS, type MemoryLogOptions, type TrimOptions } from './memory-log-options.ts';

/** A log in memory. Its events are lost when the process ends. */
export class MemoryLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly topics: TopicStates;
  readonly values: KeptValues;
  readonly directory: TopicDirectory = {
    list: (request) => {
      const look = topicListing(this.#kept, this.#topics.known, request, () => void this.#trim());
      return this.#turns.run(look, { isShort: true });
    },
  };
  readonly totals = (): LogTotals => this.#kept.totals;
  readonly #clock: Clock;
  readonly #time: LogTime;
  readonly #bounds: CheckedBounds;
  readonly #epochs: Epochs;
  readonly #nextSeq: (seq: number) => number;
  readonly #kept: KeptEntries;
  readonly #keys: KnownKeys;
  readonly #followers = new Followers();
  readonly #ledger: TrimLedger;
  readonly #turns: Turns;
  readonly #topics: MemoryTopics;
  readonly #search: MemorySearch;
  readonly #replacing: Replacing;
  readonly #sweep: Sweep;
  #seq: number;
  /** The sequence number of the newest public event; where the epoch began if there has been none. */
  #publicSeq: number;
  #closed = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: MemoryLogOptions = {}) {
    checkNames(options, MEMORY_LOG_OPTIONS);
    this.#clock = checkClock(options.clock);
    this.#turns = Turns.of(options);
    const { record } = options;
    this.#epochs = record
      ? new Epochs(record.epoch, record.earlierEpochs)
      : new Epochs(options.epoch ?? newEpoch(this.#clock.time()), options.earlierEpochs);
    this.#nextSeq = options.nextSeq ?? ((seq) => seq + 1);
    const retention = checkRetention(options.retention ?? {});
    this.#bounds = checkBounds(options, retention);
    this.#time = new LogTime(this.#clock, record?.time);
    this.#ledger = options.ledger ?? new TrimLedger();
    const isClosed = (): boolean => this.#closed;
    this.values = KeptValues.inMemory({ clock: this.#clock, time: this.#time, isClosed }, record?.values);
    this.#kept = new KeptEntries(retention, this.#time, options.framesOnly === true, {
      emptied: (topic, wasPrivate) => this.#topics.emptied(topic, wasPrivate),
      keepOf: (topic) => this.#topics.keepOf(topic),
    });
    const host = { isClosed, trim: () => void this.#trim() };
    this.#replacing = new Replacing(this.#kept, host, retention, options.latestByKey === true);
    this.#sweep = new Sweep(this.#clock, this.#kept, () => void this.trim());
    const parts = { kept: this.#kept, bounds: this.#bounds, clock: this.#clock, time: this.#time, turns: this.#turns };
    this.topics = this.#topics = new MemoryTopics(parts, {
      ...host,
      newToken: options.newToken ?? newToken,
      append: (event) => void this.#store(prepareBatch([event], {}, this.#bounds), this.#trim()),
      tell: (deletion) => this.#tellDeletion(deletion),
      remove: (entries) => this.#remove(entries),
      changed: (topic) => this.#replacing.changed(topic),
    });
    this.#search = new MemorySearch({ kept: this.#kept, time: this.#time, turns: this.#turns, epochs: this.#epochs });
    this.#keys = new KnownKeys(this.#bounds);
    this.#seq = this.#epochs.start;
    this.#publicSeq = this.#seq;
    if (record) this.#restore(record);
    else this.#ledger.restoreFloor({ all: this.#seq, public: this.#seq });
  }

  /** Everything that is kept, as data that shares the entries with this log. Nothing may be appended, created or deleted meanwhile. */
  record(): MemoryLogRecord {
    return {
      epoch: this.#epochs.current,
      earlierEpochs: this.#epochs.earlier,
      seq: this.#seq,
      publicSeq: this.#publicSeq,
      time: { ...this.#time.record(), shifts: [...this.#time.record().shifts] },
      trimmed: this.#ledger.record(),
      topics: [...this.#topics.records],
      values: [...this.values.records],
      keys: [...this.#keys.records],
      entries: [...this.#kept.falling(Infinity)].toReversed(),
    };
  }

  /** The numbering of the log, and where the earlier ones ended. */
  get epochs(): Epochs {
    return this.#epochs;
  }

  /** What has been trimmed, to be counted on by another log. */
  get ledger(): TrimLedger {
    return this.#ledger;
  }

  /** In how many milliseconds time alone changes something, such as that an event becomes too old or a lease ends; undefined if nothing will. */
  get dueMs(): number | undefined {
    const due = Math.min(this.#kept.due ?? Infinity, this.#topics.due ?? Infinity, this.values.due ?? Infinity);
    return due === Infinity ? undefined : Math.max(0, due - this.#time.now());
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    checkBatch(events, this.#bounds);
    const prepared = prepareBatch(events, options, { ...this.#bounds, apart: true });
    const repeated = this.#keys.repeated(prepared, this.#time, this.#epochs);
    if (repeated) return repeated;
    // Before one of them can be replaced: events that have become too old are missing, whatever comes after them.
    const now = this.#trim();
    this.#topics.settle(now);
    return this.#store(prepared, now);
  }

  read(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const { isExact: isShort } = Selector.of(request.selection).topics;
    return this.#turns.run((turn) => this.#page(request, turn), { signal, isShort });
  }

  locate(id: string, selection?: Selection, options: AskOptions = {}): Promise<Place> {
    this.#trim();
    return this.#placed(selection, this.#search.locate(id, selection, this.#end, options));
  }

  locateLast(selection: Selection, count: number, options: AskOptions = {}): Promise<Place> {
    this.#trim();
    return this.#placed(selection, this.#search.locateLast(selection, count, this.#end, options));
  }

  locateSince(selection: Selection, since: Since, options: AskOptions = {}): Promise<Place> {
    this.#trim();
    return this.#placed(selection, this.#search.locateSince(selection, this.#time.since(since), this.#end, options));
  }

  follow(follower: LogFollower): LogFollowing {
    const { current: epoch } = this.#epochs;
    return this.#followers.add(follower, { epoch, seq: this.#seq, publicSeq: this.#publicSeq });
  }

  /** Applies the retention now. */
  async trim({ through = 0, isOther = false }: TrimOptions = {}): Promise<void> {
    this.#kept.chargeFor(this.#keys, () => this.#keys.expire(this.#time.now()));
    this.values.expire();
    this.#trim(isOther ? this.#kept.topics.newest(Infinity).map(({ topic }) => topic) : [], through);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#sweep.stop();
    this.#topics.close();
    this.#followers.clear();
    return Promise.resolve();
  }

  #restore({ seq, publicSeq, trimmed, topics, keys, entries }: MemoryLogRecord): void {
    this.#seq = seq;
    this.#publicSeq = publicSeq;
    this.#ledger.advance(trimmed);
    // Before the entries: they are kept as it says.
    this.#topics.restore(topics);
    if (topics.some(([, { options }]) => options?.keep === 'latest')) this.#replacing.begin();
    addAll(this.#kept, entries, this.#replacing);
    this.#kept.chargeFor(this.#keys, () => {
      for (const [key, known] of keys) this.#keys.add(key, known, known.time);
    });
  }

  async #placed(selection: Selection | undefined, found: Promise<Place>): Promise<Place> {
    return { ...(await found), epoch: this.#epochs.current, ...this.#topics.finalOf(selection) };
  }

  get #end(): LogEnd {
    return { head: this.#seq, publicHead: this.#publicSeq, trims: this.#ledger.changes };
  }

  /** As much of a page as the turn allows; undefined if that is nothing. */
  #page(request: ReadRequest, turn: Turn): LogPage | undefined {
    this.#trim();
    const { selection, after } = request;
    const trimmed = this.#ledger.trimmed(selection, after, turn);
    const page = trimmed && this.#search.page(request, turn);
    if (!page) return undefined;
    const { through: trimmedThrough, trims, deleted: deletedThrough } = trimmed;
    return { ...page, trimmedThrough, trims, deletedThrough, ...this.#topics.finalOf(selection) };
  }

  /** Appends a batch, unless the states of its topics refuse it. */
  #store(prepared: PreparedBatch, now: number): AppendReceipt {
    const isNoted = this.#topics.admit(prepared);
    const { key, digest } = prepared;
    const time = this.#clock.time();
    this.#time.append(this.#nextSeq(this.#seq));
    const batch: LogEntry[] = [];
    for (const event of prepared.events) {
      this.#seq = this.#nextSeq(this.#seq);
      const topics = this.#kept.topicsOf(event.topics);
      const entry = placeEvent(event, this.#epochs.current, this.#seq, time, topics);
      batch.push(entry);
      if (!entry.private) this.#publicSeq = entry.seq;
      this.#kept.add(entry, event.id !== undefined, event.type);
      this.#replacing.added(entry);
      if (isNoted) this.#topics.note(entry, now);
    }
    const ids = batch.map(({ id }) => id);
    const receipt = { seq: this.#seq, id: ids.at(-1) ?? '', ids, repeated: false };
    if (key !== undefined) {
      const append = { seq: receipt.seq, seqs: withHoles(batch), id: receipt.id, digest };
      this.#kept.chargeFor(this.#keys, () => this.#keys.add(key, append, now));
    }
    this.#followers.emit(batch);
    this.#trim(new Set(batch.flatMap(({ topics }) => topics)));
    return receipt;
  }

  /** Gives the deletion of a topic its place in the log, and tells the followers. */
  #tellDeletion({ topic, isPrivate, others, detach }: MemoryDeletion): void {
    this.#seq = this.#nextSeq(this.#seq);
    const entry = deletionOf(topic, isPrivate, { epoch: this.#epochs.current, seq: this.#seq }, this.#clock.time());
    if (!isPrivate) this.#publicSeq = entry.seq;
    this.#ledger.apply(this.#ledger.plan([entry, ...others]));
    detach(entry.seq);
    this.#followers.emit([entry]);
  }

  /** Removes entries that are too old, and the excess of those topics and of the whole log. No other topic has grown. Returns the time. */
  #trim(topics: Iterable<string> = [], through = 0): number {
    const now = this.#time.now();
    this.#remove(this.#kept.upTo(through));
    this.#remove(this.#kept.excess(now, topics));
    this.#sweep.plan(now);
    return now;
  }

  /** Removes entries, one before the next is asked for. Those of a topic that was deleted are not told as trimmed. */
  #remove(entries: Iterable<LogEntry>): void {
    const removed: LogEntry[] = [];
    for (const entry of entries) {
      const seen = this.#kept.visible(entry);
      this.#kept.remove(entry);
      this.#replacing.removed(entry);
      if (seen) removed.push(seen);
    }
    if (removed.length > 0) this.#ledger.apply(this.#ledger.plan(removed));
  }
}
