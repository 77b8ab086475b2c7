import type {
  MemoryLog,
  AppendReceipt,
  EventLog,
  LogEntry,
  LogPage,
  LogTail,
  NewEvent,
  Position,
  ReadRequest,
  Selection,
  TopicSummary,
} from '@tidings/server/log';
import type { Published } from './published.ts';

/** When a read looks at the log: at the call and answered at once, at the call and answered later, or when it is answered. */
export type ReadMode = 'at once' | 'early' | 'late';

export interface ScriptedLogOptions {
  readonly log: MemoryLog;
  readonly published: Published;
  readonly now: () => number;
  readonly reads: ReadMode;
  /** Whether batches are handed over when the script says so, as those of another process would be. */
  readonly laggingTail: boolean;
  /** The most bytes of frames in a page, however many are asked for. */
  readonly pageBytes: number;
}

/** One read: what was asked, and how things stood when the log was looked at. */
export interface ReadRecord {
  readonly request: ReadRequest;
  lookedAt: number;
  trimmedThrough: number;
}

/** A MemoryLog whose slowness is under the script's control. */
export class ScriptedLog implements EventLog {
  readonly reads: ReadRecord[] = [];
  /** The page that is being dealt with right now. */
  current: ReadRecord | undefined;
  /** The sequence number up to which the tail has been told. */
  handed = 0;
  readonly #options: ScriptedLogOptions;
  readonly #answers: (() => void)[] = [];
  readonly #batches: (readonly LogEntry[])[] = [];
  #listeners: ((batch: readonly LogEntry[]) => void)[] = [];

  constructor(options: ScriptedLogOptions) {
    this.#options = options;
    options.log.tail((batch) => {
      this.#batches.push(batch);
      if (!options.laggingTail) this.handOver();
    });
  }

  get pending(): number {
    return this.#answers.length + this.#batches.length;
  }

  /** Hands the oldest batch to the tails. */
  handOver(): void {
    const batch = this.#batches.shift();
    if (!batch) return;
    this.handed = batch.at(-1)!.seq;
    for (const listener of this.#listeners) listener(batch);
  }

  /** Answers one of the reads under way. */
  answer(index: number): void {
    this.#answers.splice(index % Math.max(1, this.#answers.length), 1)[0]?.();
  }

  read(request: ReadRequest): Promise<LogPage> {
    const record: ReadRecord = { request, lookedAt: Infinity, trimmedThrough: 0 };
    this.reads.push(record);
    const { reads } = this.#options;
    if (reads === 'at once') return this.#look(record);
    const early = reads === 'early' ? this.#look(record) : undefined;
    return new Promise((resolve) => {
      this.#answers.push(() => resolve(early ?? this.#look(record)));
    });
  }

  tail(listener: (batch: readonly LogEntry[]) => void): LogTail {
    this.#listeners.push(listener);
    const stop = (): void => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
    return { after: this.handed, stop };
  }

  append(events: readonly NewEvent[]): Promise<AppendReceipt> {
    return this.#options.log.append(events);
  }

  head(): Position {
    return this.#options.log.head();
  }

  find(id: string): Promise<number | undefined> {
    return this.#options.log.find(id);
  }

  beforeLast(selection: Selection, count: number): Promise<number> {
    return this.#options.log.beforeLast(selection, count);
  }

  topics(): Iterable<TopicSummary> {
    return this.#options.log.topics();
  }

  trim(): Promise<void> {
    return this.#options.log.trim();
  }

  close(): Promise<void> {
    return this.#options.log.close();
  }

  async #look(record: ReadRecord): Promise<LogPage> {
    const { log, published, now, pageBytes } = this.#options;
    const { request } = record;
    // Whoever reads is not given what has become too old.
    published.trim(now());
    record.lookedAt = published.step;
    record.trimmedThrough = published.trimmedThrough(request.selection);
    const page = await log.read({ ...request, maxBytes: Math.min(pageBytes, request.maxBytes) });
    const current = (): void => {
      this.current = record;
    };
    return {
      entries: page.entries,
      through: page.through,
      // Whoever deals with a page asks for this first: that is how the model knows which page a gap comes from.
      get trimmedThrough() {
        current();
        return page.trimmedThrough;
      },
    };
  }
}
