import { systemClock, type Clock } from '../../clock.ts';
import { checkNames, ServerError } from '../../errors.ts';
import { Epochs, type EarlierEpoch } from '../epochs.ts';
import type { LogEntry, NewEvent } from '../entry.ts';
import type {
  AppendOptions,
  AppendReceipt,
  EventLog,
  LogFollower,
  LogFollowing,
  LogPage,
  Place,
  ReadRequest,
  TopicDirectory,
  TopicPage,
  TopicPageRequest,
} from '../event-log.ts';
import { Followers } from '../keeping/followers.ts';
import { checkBatch, checkBounds, type CheckedBounds, type LogBounds } from '../keeping/bounds.ts';
import { placeEvent, prepareBatch } from '../keeping/frame.ts';
import { repeatOf } from '../keeping/keyed-append.ts';
import { LogTime } from '../keeping/log-time.ts';
import { newEpoch } from '../position.ts';
import { checkRetention, type LogRetention } from '../keeping/retention.ts';
import { Selector, type Selection } from '../selection.ts';
import { TrimLedger } from '../keeping/trim-ledger.ts';
import { KeptEntries, type KeptTopic } from './kept-entries.ts';
import { KnownKeys } from './known-keys.ts';
import { LatestKeys } from './latest-keys.ts';
import { firstNames } from './topic-names.ts';

// How many events are examined at once if no index finds the selected ones. It bounds how long others wait.
const MAX_SCANNED = 4096;

// How often events that have become too old are removed at most, in milliseconds. Reads leave them out before that.
const MIN_SWEEP_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface MemoryLogOptions extends LogBounds {
  /** @default nothing is trimmed */
  readonly retention?: LogRetention;
  /** @default the system's */
  readonly clock?: Clock;
  /** 1 to 16 of `a`–`z`, `0`–`9`. @default a new one */
  readonly epoch?: string;
  /**
   * The epochs of earlier logs that this one continues, oldest first. It has none of their events, so a listener is told of a gap
   * unless it has got all of them. @default none
   */
  readonly earlierEpochs?: readonly EarlierEpoch[];
  /**
   * Whether to keep only the newest of the events with the same `latestKey`, or type if they have none. Replacing the older ones
   * is not reported as a gap. @default false
   */
  readonly latestByKey?: boolean;
  /** Whether `retention.maxBytes` counts only the encoded events, and not what they cost in memory. @default false */
  readonly framesOnly?: boolean;
  /** Which sequence number follows another, to test code that must not count on numbers without holes. @default the next integer */
  readonly nextSeq?: (seq: number) => number;
}

const NAMES: Readonly<Record<keyof MemoryLogOptions, true>> = {
  retention: true,
  clock: true,
  epoch: true,
  earlierEpochs: true,
  latestByKey: true,
  framesOnly: true,
  nextSeq: true,
  maxBatchEvents: true,
  maxKeys: true,
};

/** A log in memory. Its events are lost when the process ends. */
export class MemoryLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly directory: TopicDirectory = { list: (request) => Promise.resolve(this.#list(request)) };
  readonly #clock: Clock;
  readonly #time: LogTime;
  readonly #bounds: CheckedBounds;
  readonly #epochs: Epochs;
  readonly #nextSeq: (seq: number) => number;
  readonly #kept: KeptEntries;
  readonly #keys: KnownKeys;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  readonly #latest: LatestKeys | undefined;
  #seq: number;
  #sweep: unknown;
  #closed = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: MemoryLogOptions = {}) {
    checkNames(options, NAMES);
    this.#clock = options.clock ?? systemClock;
    this.#epochs = new Epochs(options.epoch ?? newEpoch(this.#clock.time()), options.earlierEpochs);
    this.#nextSeq = options.nextSeq ?? ((seq) => seq + 1);
    const retention = checkRetention(options.retention ?? {});
    this.#bounds = checkBounds(options, retention);
    this.#time = new LogTime(this.#clock);
    this.#kept = new KeptEntries(retention, this.#time, options.framesOnly === true);
    this.#keys = new KnownKeys(this.#bounds);
    this.#latest = options.latestByKey === true ? new LatestKeys() : undefined;
    this.#seq = this.#epochs.start;
    this.#ledger.restoreFloor({ all: this.#seq, public: this.#seq });
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    checkBatch(events, this.#bounds);
    const prepared = prepareBatch(events, options);
    const { key } = options;
    const known = key === undefined ? undefined : this.#keys.get(key, this.#time.now());
    if (known) {
      const repeated = repeatOf(known, options);
      if (repeated instanceof ServerError) throw repeated;
      return repeated;
    }

    // Before one of them can be replaced: events that have become too old are missing, whatever comes after them.
    const now = this.#trim();
    const time = this.#clock.time();
    this.#time.append(this.#nextSeq(this.#seq));
    const batch: LogEntry[] = [];
    prepared.forEach((event, index) => {
      this.#seq = this.#nextSeq(this.#seq);
      const topics = this.#kept.topicsOf(event.topics);
      const entry = placeEvent(event, this.#epochs.current, this.#seq, time, topics);
      batch.push(entry);
      if (this.#latest) this.#replace(this.#latest, events[index], entry);
      this.#kept.add(entry, event.id !== undefined);
    });
    const receipt = { seq: this.#seq, id: batch.at(-1)?.id ?? '', repeated: false };
    if (key !== undefined) this.#chargeFor(this.#keys, () => this.#keys.add(key, { ...receipt, ...options }, now));
    this.#followers.emit(batch);
    this.#trim(new Set(batch.flatMap(({ topics }) => topics)));
    return receipt;
  }

  read({ selection, after, through, maxBytes }: ReadRequest): Promise<LogPage> {
    this.#trim();
    const selector = Selector.of(selection);
    const entries: LogEntry[] = [];
    let bytes = 0;
    let scanned = 0;
    let reached = through;
    for (const entry of this.#kept.rising(selector, after)) {
      if (entry.seq > through) break;
      scanned += 1;
      if (selector.selects(entry)) {
        entries.push(entry);
        bytes += entry.frame.length;
      }
      if (bytes >= maxBytes || scanned === MAX_SCANNED) {
        reached = entry.seq;
        break;
      }
    }
    return Promise.resolve({ entries, through: reached, ...this.#trimmedOf(selection) });
  }

  async locate(id: string, selection?: Selection): Promise<Place> {
    this.#trim();
    const log = { head: this.#seq, trims: this.#ledger.changes };
    return await this.#epochs.locate(id, log, (named) => this.#earliestWithId(named, selection));
  }

  /** Many events may have one id, also those of topics that are not selected. */
  async #earliestWithId(id: string, selection: Selection | undefined): Promise<number | undefined> {
    const selector = selection && Selector.of(selection);
    for (let after = 0; ;) {
      let scanned = 0;
      for (const entry of this.#kept.withId(id, after)) {
        if (!selector || selector.selects(entry)) return entry.seq;
        scanned += 1;
        after = entry.seq;
        if (scanned === MAX_SCANNED) break;
      }
      if (scanned < MAX_SCANNED) return undefined;
      // What waits goes first, before the next events are looked at.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  async locateLast(selection: Selection, count: number): Promise<Place> {
    this.#trim();
    const selector = Selector.of(selection);
    const head = this.#seq;
    const trims = this.#ledger.changes;
    let after = head;
    let found = 0;
    for (let through = head; found < count;) {
      let scanned = 0;
      for (const entry of this.#kept.falling(selector, through)) {
        scanned += 1;
        through = entry.seq - 1;
        if (selector.selects(entry)) {
          found += 1;
          after = through;
        }
        if (found === count || scanned === MAX_SCANNED) break;
      }
      if (found === count || scanned < MAX_SCANNED) break;
      // Other waiting work goes first, before the next events are examined.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return { after, head, trims };
  }

  #trimmedOf(selection: Selection): Pick<LogPage, 'trimmedThrough' | 'trims'> {
    const { through: trimmedThrough, trims } = this.#ledger.trimmed(selection);
    return { trimmedThrough, trims };
  }

  follow(follower: LogFollower): LogFollowing {
    return this.#followers.add(follower, { epoch: this.#epochs.current, seq: this.#seq });
  }

  /** Applies the retention now, and removes every event up to `through`, where it is given, whatever the retention. */
  trim({ through = 0 }: { readonly through?: number } = {}): Promise<void> {
    this.#trim([], through);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#clock.clearTimeout(this.#sweep);
    this.#followers.clear();
    return Promise.resolve();
  }

  #list({ order, after, limit, publicOnly = false }: TopicPageRequest): TopicPage {
    this.#trim();
    const { topics, publicTopics } = this.#kept;
    if (publicOnly && publicTopics.differ) {
      const names = [...topics.names()].filter((topic) => publicTopics.get(topic));
      const page =
        order === 'time'
          ? publicTopics.newest(limit)
          : firstNames(names, after, limit).flatMap((topic) => publicTopics.get(topic) ?? []);
      return { topics: page, total: publicTopics.total };
    }
    const page =
      order === 'time'
        ? topics.newest(limit)
        : firstNames(topics.names(), after, limit).flatMap((topic) => topics.get(topic) ?? []);
    return { topics: page.map(summary), total: topics.size };
  }

  #replace(latest: LatestKeys, event: NewEvent | undefined, entry: LogEntry): void {
    this.#chargeFor(latest, () => {
      const replaced = latest.replace(event, entry);
      if (replaced) this.#kept.remove(replaced);
    });
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
    const removed: LogEntry[] = [];
    const remove = (entry: LogEntry): void => {
      this.#kept.remove(entry);
      if (this.#latest) this.#chargeFor(this.#latest, () => this.#latest?.forget(entry));
      removed.push(entry);
    };
    for (let { oldest } = this.#kept; oldest && oldest.seq <= through; { oldest } = this.#kept) remove(oldest);
    for (const entry of this.#kept.excess(now, topics)) remove(entry);
    if (removed.length > 0) this.#ledger.apply(this.#ledger.plan(removed));
    this.#sweepLater(now);
    return now;
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

function summary({ topic, entries, bytes, last }: KeptTopic): TopicPage['topics'][number] {
  return { topic, events: entries.length, bytes, last };
}
