import { EntryList } from './entry-list.ts';
import { ServerError } from '../../errors.ts';
import { placeEvent, prepareEvent } from '../frame.ts';
import { LatestKeys } from './latest-keys.ts';
import type {
  AppendOptions,
  AppendReceipt,
  EventLog,
  LogEntry,
  LogPage,
  LogTail,
  NewEvent,
  ReadRequest,
  Selection,
  TopicSummary,
} from '../event-log.ts';
import { newEpoch, type Position } from '../position.ts';
import { checkRetention, exceeds, type Kept, type LogRetention, type TopicRetention } from '../retention.ts';
import { Tails } from '../followers.ts';
import { TrimLedger } from '../trim-ledger.ts';

/** How long a key makes an append safe to repeat (PROTOCOL §4.6), in milliseconds. */
export const KEY_LIFETIME_MS: number = 24 * 60 * 60 * 1000;

// Guards the memory against a publisher that gives every event a key: the oldest keys go first.
const MAX_KEYS = 100_000;

export interface MemoryLogOptions {
  /** @default nothing is trimmed */
  readonly retention?: LogRetention;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** 1 to 16 of `a`–`z`, `0`–`9`. @default a new one */
  readonly epoch?: string;
  /**
   * Keep only the newest of the events with the same `latestKey`, or type where they have none. The older ones are replaced, which no
   * listener is told of as a gap. @default false
   */
  readonly latestByKey?: boolean;
}

interface Topic {
  readonly entries: EntryList;
  readonly retention: TopicRetention | undefined;
  bytes: number;
}

/** A log in memory: as durable as the process. */
export class MemoryLog implements EventLog {
  readonly #retention: LogRetention;
  readonly #aged: boolean;
  readonly #now: () => number;
  readonly #epoch: string;
  readonly #entries = new EntryList();
  readonly #topics = new Map<string, Topic>();
  // For each publisher's id the sequence numbers that bear it, in order.
  readonly #ids = new Map<string, number[]>();
  readonly #keys = new Map<string, { readonly receipt: AppendReceipt; readonly time: number }>();
  readonly #tails = new Tails();
  readonly #ledger = new TrimLedger();
  readonly #latest: LatestKeys | undefined;
  #bytes = 0;
  #seq = 0;
  #closed = false;

  constructor(options: MemoryLogOptions = {}) {
    this.#retention = checkRetention(options.retention ?? {});
    this.#aged = [this.#retention, ...(this.#retention.perTopic ?? [])].some(({ maxAgeMs }) => maxAgeMs !== undefined);
    this.#now = options.now ?? Date.now;
    this.#epoch = options.epoch ?? newEpoch(this.#now());
    this.#latest = options.latestByKey === true ? new LatestKeys() : undefined;
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    if (events.length === 0) throw new ServerError('ERR_INVALID_EVENT', 'Cannot append a batch without an event');
    const prepared = events.map((event) => prepareEvent(event, this.#epoch));
    const time = this.#now();
    const repeated = options.key === undefined ? undefined : this.#receiptOf(options.key, time);
    if (repeated) return repeated;

    // Before one of them can be replaced: what has become too old is missing, whatever comes after it.
    this.#trimByAge();
    const batch = prepared.map((event, index) => placeEvent(event, this.#epoch, this.#seq + 1 + index, time));
    this.#seq += batch.length;
    let last = { seq: 0, id: '' };
    batch.forEach((entry, index) => {
      const replaced = this.#latest?.replace(events[index], entry);
      if (replaced) this.#remove(replaced);
      this.#keep(entry, prepared[index]?.id !== undefined);
      last = { seq: entry.seq, id: entry.id };
    });
    if (options.key !== undefined) this.#remember(options.key, last, time);
    this.#tails.emit(batch);
    this.#trim();
    return last;
  }

  read(request: ReadRequest): Promise<LogPage> {
    const { selection, after, through, maxBytes } = request;
    this.#trimByAge();
    const entries: LogEntry[] = [];
    let bytes = 0;
    let reached = through;
    for (const entry of this.#select(selection, after, through)) {
      entries.push(entry);
      bytes += entry.frame.length;
      if (bytes >= maxBytes) {
        reached = entry.seq;
        break;
      }
    }
    return Promise.resolve({ entries, through: reached, trimmedThrough: this.#ledger.through(selection) });
  }

  tail(listener: (batch: readonly LogEntry[]) => void): LogTail {
    return { after: this.#seq, stop: this.#tails.add(listener) };
  }

  head(): Position {
    return { epoch: this.#epoch, seq: this.#seq };
  }

  find(id: string): Promise<number | undefined> {
    this.#trimByAge();
    return Promise.resolve(this.#ids.get(id)?.[0]);
  }

  beforeLast(selection: Selection, count: number): Promise<number> {
    this.#trimByAge();
    const seqs: number[] = [];
    for (const entry of this.#select(selection, 0, this.#seq)) seqs.push(entry.seq);
    const first = count === 0 ? undefined : (seqs.at(-count) ?? seqs[0]);
    return Promise.resolve(first === undefined ? this.#seq : first - 1);
  }

  *topics(): Iterable<TopicSummary> {
    this.#trimByAge();
    for (const [topic, { entries, bytes }] of this.#topics) {
      yield { topic, events: entries.length, bytes, last: entries.at(entries.length - 1)?.time ?? 0 };
    }
  }

  trim(): Promise<void> {
    this.#trim();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#tails.clear();
    return Promise.resolve();
  }

  /** The selected entries in order: one topic's own list, or a walk over everything. */
  *#select(selection: Selection, after: number, through: number): Iterable<LogEntry> {
    const wanted = new Set(selection.topics);
    const only =
      selection.topics.length === 1 && !selection.test ? this.#topics.get(selection.topics[0] ?? '') : undefined;
    const entries = only?.entries ?? this.#entries;
    for (let index = entries.indexAfter(after); ; index += 1) {
      const entry = entries.at(index);
      if (!entry || entry.seq > through) return;
      if (entry.private && !selection.private) continue;
      if (entry.topics.some((topic) => wanted.has(topic) || selection.test?.(topic) === true)) yield entry;
    }
  }

  #keep(entry: LogEntry, named: boolean): void {
    this.#entries.push(entry);
    this.#bytes += entry.frame.length;
    for (const name of entry.topics) {
      let topic = this.#topics.get(name);
      if (!topic) {
        const retention = this.#retention.perTopic?.find((rule) => rule.matches(name));
        topic = { entries: new EntryList(), retention, bytes: 0 };
        this.#topics.set(name, topic);
      }
      topic.entries.push(entry);
      topic.bytes += entry.frame.length;
    }
    if (named) {
      const seqs = this.#ids.get(entry.id);
      if (seqs) seqs.push(entry.seq);
      else this.#ids.set(entry.id, [entry.seq]);
    }
  }

  /** Time passes without an append: what has become too old is not given any more. */
  #trimByAge(): void {
    if (this.#aged) this.#trim();
  }

  #trim(): void {
    const now = this.#now();
    for (const topic of this.#retention.perTopic ? [...this.#topics.values()] : []) {
      const { entries, retention } = topic;
      while (retention && exceeds(kept(entries, topic.bytes), retention, now)) this.#trimOldest(entries);
    }
    while (exceeds(kept(this.#entries, this.#bytes), this.#retention, now)) this.#trimOldest(this.#entries);
  }

  #trimOldest(entries: EntryList): void {
    const entry = entries.at(0);
    if (!entry) return;
    this.#remove(entry);
    this.#latest?.forget(entry);
    this.#ledger.apply(this.#ledger.plan([entry]));
  }

  #remove(entry: LogEntry): void {
    this.#entries.remove(entry.seq);
    this.#bytes -= entry.frame.length;
    for (const name of entry.topics) {
      const topic = this.#topics.get(name);
      if (!topic) continue;
      topic.entries.remove(entry.seq);
      topic.bytes -= entry.frame.length;
      if (topic.entries.length === 0) this.#topics.delete(name);
    }
    const seqs = this.#ids.get(entry.id)?.filter((seq) => seq !== entry.seq);
    if (seqs?.length) this.#ids.set(entry.id, seqs);
    else this.#ids.delete(entry.id);
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

function kept(entries: EntryList, bytes: number): Kept {
  return { events: entries.length, bytes, oldest: entries.at(0)?.time ?? 0 };
}
