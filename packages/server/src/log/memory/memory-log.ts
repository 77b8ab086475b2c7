import { systemClock, type Clock } from '../../clock.ts';
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
  Place,
  ReadRequest,
  Since,
  TopicDirectory,
} from '../event-log.ts';
import { Followers } from '../keeping/followers.ts';
import { checkBatch, checkBounds, type CheckedBounds } from '../keeping/bounds.ts';
import { deletionOf, placeEvent, prepareBatch } from '../keeping/frame.ts';
import type { PreparedBatch } from '../keeping/prepared.ts';
import { isReplaceable } from '../keeping/latest-name.ts';
import { LogTime } from '../keeping/log-time.ts';
import { newEpoch } from '../position.ts';
import { checkRetention } from '../keeping/retention.ts';
import { Selector, type Selection } from '../selection.ts';
import type { TopicStates } from '../topic-states.ts';
import { takePage } from '../keeping/scan.ts';
import { TrimLedger } from '../keeping/trim-ledger.ts';
import { type Turn, Turns } from '../keeping/turns.ts';
import { KeptEntries } from './kept-entries.ts';
import { MemoryTopics } from './memory-topics.ts';
import { KnownKeys } from './known-keys.ts';
import { LatestKeys } from './latest-keys.ts';
import { topicListing } from './topic-listing.ts';
import { type LogEnd, MemorySearch } from './memory-search.ts';
import { MEMORY_LOG_OPTIONS, type MemoryLogOptions } from './memory-log-options.ts';

// How often events that have become too old are removed at most, in milliseconds. Reads leave them out before that.
const MIN_SWEEP_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A log in memory. Its events are lost when the process ends. */
export class MemoryLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly topics: TopicStates;
  readonly directory: TopicDirectory = {
    list: (request) => {
      const look = topicListing(this.#kept, request, () => void this.#trim());
      return this.#turns.run(look, { isShort: true });
    },
  };
  readonly #clock: Clock;
  readonly #time: LogTime;
  readonly #bounds: CheckedBounds;
  readonly #epochs: Epochs;
  readonly #nextSeq: (seq: number) => number;
  readonly #kept: KeptEntries;
  readonly #keys: KnownKeys;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  readonly #turns: Turns;
  readonly #topics: MemoryTopics;
  readonly #search: MemorySearch;
  #latest: LatestKeys | undefined;
  /** Whether the newest of a key is that of all topics. */
  readonly #isLatestOfLog: boolean;
  #seq: number;
  /** The sequence number of the newest public event; where the epoch began if there has been none. */
  #publicSeq: number;
  #sweep: unknown;
  #closed = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: MemoryLogOptions = {}) {
    checkNames(options, MEMORY_LOG_OPTIONS);
    this.#clock = options.clock ?? systemClock;
    this.#turns = Turns.of(options);
    this.#epochs = new Epochs(options.epoch ?? newEpoch(this.#clock.time()), options.earlierEpochs);
    this.#nextSeq = options.nextSeq ?? ((seq) => seq + 1);
    const retention = checkRetention(options.retention ?? {});
    this.#bounds = checkBounds(options, retention);
    this.#time = new LogTime(this.#clock);
    const framesOnly = options.framesOnly === true;
    this.#kept = new KeptEntries(retention, this.#time, framesOnly, {
      emptied: (topic) => this.#topics.emptied(topic),
      keepOf: (topic) => this.#topics.keepOf(topic),
    });
    const parts = { kept: this.#kept, bounds: this.#bounds, clock: this.#clock, time: this.#time, turns: this.#turns };
    this.topics = this.#topics = new MemoryTopics(parts, {
      isClosed: () => this.#closed,
      trim: () => void this.#trim(),
      append: (event) => void this.#store(prepareBatch([event], {}, this.#bounds), this.#trim()),
      tell: (topic, isPrivate, detach) => this.#tellDeletion(topic, isPrivate, detach),
      remove: (entries) => this.#remove(entries),
      changed: (topic) => this.#keepAnew(topic),
    });
    this.#search = new MemorySearch({ kept: this.#kept, time: this.#time, turns: this.#turns, epochs: this.#epochs });
    this.#keys = new KnownKeys(this.#bounds);
    this.#isLatestOfLog = options.latestByKey === true;
    const keepsLatest = retention.perTopic?.some(({ keep }) => keep === 'latest') === true;
    this.#latest = this.#isLatestOfLog || keepsLatest ? new LatestKeys(this.#isLatestOfLog) : undefined;
    this.#seq = this.#epochs.start;
    this.#publicSeq = this.#seq;
    this.#ledger.restoreFloor({ all: this.#seq, public: this.#seq });
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    checkBatch(events, this.#bounds);
    const prepared = prepareBatch(events, options, this.#bounds);
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
    return this.#followers.add(follower, {
      epoch: this.#epochs.current,
      seq: this.#seq,
      publicSeq: this.#publicSeq,
    });
  }

  /** Applies the retention now, and removes every event up to `through`, if it is given, whatever the retention. */
  trim({ through = 0 }: { readonly through?: number } = {}): Promise<void> {
    this.#trim([], through);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#clock.clearTimeout(this.#sweep);
    this.#topics.close();
    this.#followers.clear();
    return Promise.resolve();
  }

  async #placed(selection: Selection | undefined, found: Promise<Place>): Promise<Place> {
    return { ...(await found), ...this.#topics.finalOf(selection) };
  }

  get #end(): LogEnd {
    return { head: this.#seq, publicHead: this.#publicSeq, trims: this.#ledger.changes };
  }

  /** As much of a page as the turn allows; undefined if that is nothing. */
  #page(request: ReadRequest, turn: Turn): LogPage | undefined {
    this.#trim();
    const { selection, after } = request;
    const trimmed = this.#ledger.trimmed(selection, after, turn);
    if (!trimmed) return undefined;
    const page = takePage(this.#kept.rising(Selector.of(selection), after), request, turn);
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
      this.#kept.add(entry, event.id !== undefined);
      if (this.#latest) this.#replace(this.#latest, entry);
      if (isNoted) this.#topics.note(entry, now);
    }
    const ids = batch.map(({ id }) => id);
    const receipt = { seq: this.#seq, id: ids.at(-1) ?? '', ids, repeated: false };
    if (key !== undefined) {
      const append = { seq: receipt.seq, seqs: withHoles(batch), id: receipt.id, digest };
      this.#chargeFor(this.#keys, () => this.#keys.add(key, append, now));
    }
    this.#followers.emit(batch);
    this.#trim(new Set(batch.flatMap(({ topics }) => topics)));
    return receipt;
  }

  /** Gives the deletion of a topic its place in the log, and tells the followers. */
  #tellDeletion(topic: string, isPrivate: boolean, detach: (seq: number) => void): void {
    this.#seq = this.#nextSeq(this.#seq);
    const entry = deletionOf(topic, isPrivate, { epoch: this.#epochs.current, seq: this.#seq }, this.#clock.time());
    if (!isPrivate) this.#publicSeq = entry.seq;
    detach(entry.seq);
    this.#ledger.apply(this.#ledger.plan([entry]));
    this.#followers.emit([entry]);
  }

  /** Removes the entries that another one replaces. */
  #replace(latest: LatestKeys, entry: LogEntry): void {
    const topics = this.#isLatestOfLog ? entry.topics : this.#kept.latestTopicsOf(entry);
    if (topics.length === 0) return;
    this.#chargeFor(latest, () => {
      for (const replaced of latest.replace(entry, topics)) {
        // One of a topic that keeps all stays.
        const isGone = isReplaceable(replaced) && this.#kept.latestTopicsOf(replaced).length === replaced.topics.length;
        if (this.#isLatestOfLog || isGone) this.#kept.remove(replaced);
      }
    });
  }

  /** A topic that was created may keep the latest from now on, or all. */
  #keepAnew(topic: string): void {
    const isLatest = this.#kept.keepsLatest(topic);
    if (this.#isLatestOfLog || (!isLatest && !this.#latest)) return;
    const latest = (this.#latest ??= new LatestKeys(false));
    const entries = [...(this.#kept.topics.get(topic)?.entries.rising(0) ?? [])];
    if (isLatest) for (const entry of entries) this.#replace(latest, entry);
    else this.#chargeFor(latest, () => latest.forgetTopic(topic, entries));
  }

  /** Counts the difference that a change makes to the cost of an index. */
  #chargeFor(index: { readonly bytes: number }, change: () => void): void {
    const before = index.bytes;
    change();
    this.#kept.charge(index.bytes - before);
  }

  /** Removes entries that are too old, and the excess of those topics and of the whole log. No other topic has grown. Returns the time. */
  #trim(topics: Iterable<string> = [], through = 0): number {
    const now = this.#time.now();
    this.#remove(this.#kept.upTo(through));
    this.#remove(this.#kept.excess(now, topics));
    this.#sweepLater(now);
    return now;
  }

  /** Removes entries, one before the next is asked for. Those of a topic that was deleted are not told as trimmed. */
  #remove(entries: Iterable<LogEntry>): void {
    const removed: LogEntry[] = [];
    for (const entry of entries) {
      const seen = this.#kept.visible(entry);
      this.#kept.remove(entry);
      if (this.#latest) this.#chargeFor(this.#latest, () => this.#latest?.forget(entry));
      if (seen) removed.push(seen);
    }
    if (removed.length > 0) this.#ledger.apply(this.#ledger.plan(removed));
  }

  /** Events that become too old do not stay in memory, even without appends and reads. */
  #sweepLater(now: number): void {
    if (this.#sweep !== undefined || this.#closed) return;
    const { due } = this.#kept;
    if (due === undefined) return;
    this.#sweep = this.#clock.setTimeout(
      () => {
        this.#sweep = undefined;
        this.#chargeFor(this.#keys, () => this.#keys.expire(this.#time.now()));
        this.#trim();
      },
      Math.min(Math.max(due - now, MIN_SWEEP_MS), MAX_TIMER_MS),
    );
  }
}

/** The sequence numbers of a batch, if there are holes between them. */
function withHoles(batch: readonly LogEntry[]): readonly number[] | undefined {
  const [first, last] = [batch[0]?.seq ?? 0, batch.at(-1)?.seq ?? 0];
  return last - first === batch.length - 1 ? undefined : batch.map(({ seq }) => seq);
}
