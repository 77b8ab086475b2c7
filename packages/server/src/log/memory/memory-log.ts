import { systemClock, type Clock } from '../../clock.ts';
import { checkNames, ServerError } from '../../errors.ts';
import { Epochs, type EarlierEpoch } from '../epochs.ts';
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
  TopicDirectory,
  TopicPage,
  TopicPageRequest,
} from '../event-log.ts';
import { Followers } from '../keeping/followers.ts';
import { placeEvent, prepareBatch } from '../keeping/frame.ts';
import { newEpoch } from '../position.ts';
import { checkRetention, type LogRetention } from '../keeping/retention.ts';
import { Selector, type Selection } from '../selection.ts';
import { isSelected } from '../keeping/scan.ts';
import { TrimLedger } from '../keeping/trim-ledger.ts';
import { type Turn, Turns } from '../keeping/turns.ts';
import { KeptEntries, type KeptTopic } from './kept-entries.ts';
import { LatestKeys } from './latest-keys.ts';

/** How long a key makes an append safe to repeat (PROTOCOL §4.6), in milliseconds. */
export const KEY_LIFETIME_MS: number = 24 * 60 * 60 * 1000;

// Guards the memory against a publisher that gives every event a key: the oldest keys go first.
const MAX_KEYS = 100_000;

// What has become too old is removed this often at most, in milliseconds. Nobody is given it before that either.
const MIN_SWEEP_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface MemoryLogOptions {
  /** @default nothing is trimmed */
  readonly retention?: LogRetention;
  /** @default the system's */
  readonly clock?: Clock;
  /** 1 to 16 of `a`–`z`, `0`–`9`. @default a new one */
  readonly epoch?: string;
  /**
   * The epochs of logs that this one goes on behind, oldest first. It has none of their events, so that a listener is told of a gap
   * unless it had all of them. @default none
   */
  readonly earlierEpochs?: readonly EarlierEpoch[];
  /**
   * Keep only the newest of the events with the same `latestKey`, or type where they have none. The older ones are replaced, which no
   * listener is told of as a gap. @default false
   */
  readonly latestByKey?: boolean;
  /** Which sequence number follows another, to test code that must not count on numbers without holes. @default the next integer */
  readonly nextSeq?: (seq: number) => number;
  /**
   * How long looking for events may take in one turn of the event loop, in milliseconds, 1 to 1000: for all who ask together, and for all logs
   * of this process with the same figure and the system's clock. Others go first then.
   * @default 2
   */
  readonly scanMs?: number;
}

const NAMES: Readonly<Record<keyof MemoryLogOptions, true>> = {
  retention: true,
  clock: true,
  epoch: true,
  earlierEpochs: true,
  latestByKey: true,
  nextSeq: true,
  scanMs: true,
};

/** A log in memory: as durable as the process. */
export class MemoryLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly directory: TopicDirectory = {
    list: (request) => this.#turns.run(() => this.#list(request), { isShort: true }),
  };
  readonly #clock: Clock;
  readonly #epochs: Epochs;
  readonly #nextSeq: (seq: number) => number;
  readonly #kept: KeptEntries;
  readonly #keys = new Map<string, { readonly receipt: AppendReceipt; readonly time: number }>();
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  readonly #turns: Turns;
  readonly #latest: LatestKeys | undefined;
  #seq: number;
  #sweep: unknown;
  #closed = false;

  /** @throws {ServerError} `ERR_INVALID_OPTION` */
  constructor(options: MemoryLogOptions = {}) {
    checkNames(options, NAMES);
    this.#clock = options.clock ?? systemClock;
    this.#turns = Turns.of(options);
    this.#epochs = new Epochs(options.epoch ?? newEpoch(this.#clock.time()), options.earlierEpochs);
    this.#nextSeq = options.nextSeq ?? ((seq) => seq + 1);
    this.#kept = new KeptEntries(checkRetention(options.retention ?? {}));
    this.#latest = options.latestByKey === true ? new LatestKeys() : undefined;
    this.#seq = this.#epochs.start;
    this.#ledger.restoreFloor({ all: this.#seq, public: this.#seq });
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    const prepared = prepareBatch(events, options, this.#epochs);
    const time = this.#clock.time();
    const repeated = options.key === undefined ? undefined : this.#receiptOf(options.key, time);
    if (repeated) return { ...repeated, repeated: true };

    // Before one of them can be replaced: what has become too old is missing, whatever comes after it.
    this.#trim();
    const batch: LogEntry[] = [];
    prepared.forEach((event, index) => {
      this.#seq = this.#nextSeq(this.#seq);
      const entry = placeEvent(event, this.#epochs.current, this.#seq, time);
      batch.push(entry);
      const replaced = this.#latest?.replace(events[index], entry);
      if (replaced) this.#kept.remove(replaced);
      this.#kept.add(entry, event.id !== undefined);
    });
    const receipt = { seq: this.#seq, id: batch.at(-1)?.id ?? '', repeated: false };
    if (options.key !== undefined) this.#remember(options.key, receipt, time);
    this.#followers.emit(batch);
    this.#trim(new Set(batch.flatMap(({ topics }) => topics)));
    return receipt;
  }

  read(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const isShort = Selector.of(request.selection).topics.isExact;
    return this.#turns.run((turn) => this.#page(request, turn), { signal, isShort });
  }

  locate(id: string): Promise<Place> {
    this.#trim();
    const log = { head: this.#seq, trims: this.#ledger.changes };
    return Promise.resolve(this.#epochs.locate(id, log, (named) => this.#kept.earliestWithId(named)));
  }

  locateLast(selection: Selection, count: number, { signal }: AskOptions = {}): Promise<Place> {
    this.#trim();
    const selector = Selector.of(selection);
    const head = this.#seq;
    const trims = this.#ledger.changes;
    let after = head;
    let found = 0;
    let through = head;
    const look = (turn: Turn): Place | undefined => {
      for (const entry of found < count ? this.#kept.falling(selector, through) : []) {
        const selected = isSelected(selector, entry, turn);
        if (selected === undefined) return undefined;
        through = entry.seq - 1;
        if (selected) {
          found += 1;
          after = through;
        }
        if (found === count) break;
        if (turn.isOver) return undefined;
      }
      return { after, head, trims };
    };
    return this.#turns.run(look, { signal, isShort: selector.topics.isExact });
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

  #list({ order, after, limit }: TopicPageRequest): TopicPage {
    this.#trim();
    const { topics, names } = this.#kept;
    const page =
      order === 'time' ? topics.newest(limit) : names.page(after, limit).flatMap((topic) => topics.get(topic) ?? []);
    return { topics: page.map(summary), total: topics.size };
  }

  /** As much of a page as the turn allows; undefined where that is nothing. */
  #page({ selection, after, through, maxBytes }: ReadRequest, turn: Turn): LogPage | undefined {
    this.#trim();
    const trimmed = this.#ledger.trimmed(selection, turn);
    if (!trimmed) return undefined;
    const selector = Selector.of(selection);
    const entries: LogEntry[] = [];
    let bytes = 0;
    let reached = through;
    for (const entry of this.#kept.rising(selector, after)) {
      if (entry.seq > through) break;
      const selected = isSelected(selector, entry, turn);
      if (selected) {
        entries.push(entry);
        bytes += entry.frame.length;
      }
      if (selected === undefined || bytes >= maxBytes || turn.isOver) {
        reached = selected === undefined ? entry.seq - 1 : entry.seq;
        break;
      }
    }
    if (reached <= after && reached < through) return undefined;
    return { entries, through: reached, trimmedThrough: trimmed.through, trims: trimmed.trims };
  }

  /** Removes what is too old, and what is too much for those topics and for the whole: elsewhere nothing has been added. */
  #trim(topics: Iterable<string> = [], through = 0): void {
    const now = this.#clock.time();
    const removed: LogEntry[] = [];
    const remove = (entry: LogEntry): void => {
      this.#kept.remove(entry);
      this.#latest?.forget(entry);
      removed.push(entry);
    };
    for (let { oldest } = this.#kept; oldest && oldest.seq <= through; { oldest } = this.#kept) remove(oldest);
    for (const entry of this.#kept.excess(now, topics)) remove(entry);
    if (removed.length > 0) this.#ledger.apply(this.#ledger.plan(removed));
    this.#sweepLater(now);
  }

  /** Time passes without appends and reads: what has become too old does not stay in memory. */
  #sweepLater(now: number): void {
    if (this.#sweep !== undefined || this.#closed) return;
    const { due } = this.#kept;
    if (due === undefined) return;
    this.#sweep = this.#clock.setTimeout(
      () => {
        this.#sweep = undefined;
        this.#trim();
      },
      Math.min(Math.max(due - now, MIN_SWEEP_MS), MAX_TIMER_MS),
    );
  }

  #receiptOf(key: string, now: number): AppendReceipt | undefined {
    const known = this.#keys.get(key);
    return known && now - known.time <= KEY_LIFETIME_MS ? known.receipt : undefined;
  }

  #remember(key: string, receipt: AppendReceipt, time: number): void {
    this.#keys.delete(key);
    this.#keys.set(key, { receipt, time });
    for (const [oldest, known] of this.#keys) {
      if (this.#keys.size <= MAX_KEYS && time - known.time <= KEY_LIFETIME_MS) break;
      this.#keys.delete(oldest);
    }
  }
}

function summary({ topic, entries, bytes, last }: KeptTopic): TopicPage['topics'][number] {
  return { topic, events: entries.length, bytes, last };
}
