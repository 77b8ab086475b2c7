import type {
  AppendReceipt,
  EventLog,
  FollowStart,
  LogEntry,
  LogFollower,
  LogFollowing,
  LogPage,
  MemoryLog,
  NewEvent,
  Place,
  ReadRequest,
  Selection,
  Since,
  TopicStates,
} from '@tidings/server/log';
import type { Published } from './published.ts';

/** When a read looks at the log: at the call and answered at once, at the call and answered later, or when it is answered. */
export type ReadMode = 'at once' | 'early' | 'late';

export interface ScriptedLogOptions {
  readonly log: MemoryLog;
  readonly published: Published;
  /** Milliseconds since 1970. */
  readonly time: () => number;
  readonly reads: ReadMode;
  /** Whether batches are handed over when the script says so, as those of another process would be. */
  readonly isLagging: boolean;
  /** The most bytes of frames in a page, however many are asked for. */
  readonly pageBytes: number;
}

/** One read: what was asked, and how things stood when the log was looked at. */
export interface ReadRecord {
  readonly request: ReadRequest;
  lookedAt: number;
  trimmedThrough: number;
}

/** A MemoryLog whose slowness, and whose connection to its followers, is under the script's control. */
export class ScriptedLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly reads: ReadRecord[] = [];
  /** The page that is being dealt with right now. */
  current: ReadRecord | undefined;
  /** The sequence number up to which the followers have been handed batches, or told to read. */
  handed = 0;
  readonly #options: ScriptedLogOptions;
  #publicHanded = 0;
  readonly #answers: (() => void)[] = [];
  readonly #batches: (readonly LogEntry[])[] = [];
  #followers: LogFollower[] = [];
  #epoch = '';
  #isLost = false;

  constructor(options: ScriptedLogOptions) {
    this.#options = options;
    options.log.follow({
      onStart: ({ epoch }) => {
        this.#epoch = epoch;
      },
      onBatch: (batch) => {
        this.#batches.push(batch);
        if (!options.isLagging) this.handOver();
      },
      onLost: () => {},
    });
  }

  get topics(): TopicStates {
    return this.#options.log.topics;
  }

  get pending(): number {
    return this.#answers.length + this.#batches.length + Number(this.#isLost);
  }

  /** Hands the oldest batch to the followers, or finds the lost connection again: behind some of the batches, which then have to be read. */
  handOver(): void {
    if (this.#isLost) {
      this.#isLost = false;
      for (const batch of this.#batches.splice(0)) this.#note(batch);
      for (const follower of this.#followers) follower.onStart(this.#start);
      return;
    }
    const batch = this.#batches.shift();
    if (!batch) return;
    this.#note(batch);
    for (const follower of this.#followers) follower.onBatch(batch);
  }

  #note(batch: readonly LogEntry[]): void {
    this.handed = batch.at(-1)!.seq;
    this.#publicHanded = batch.findLast((entry) => !entry.private)?.seq ?? this.#publicHanded;
  }

  get #start(): FollowStart {
    return { epoch: this.#epoch, seq: this.handed, publicSeq: this.#publicHanded };
  }

  /** The connection to the followers is lost. */
  lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    for (const follower of this.#followers) follower.onLost(new Error('lost by the script'));
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

  follow(follower: LogFollower): LogFollowing {
    this.#followers.push(follower);
    follower.onStart(this.#start);
    return {
      stop: () => {
        this.#followers = this.#followers.filter((other) => other !== follower);
      },
    };
  }

  append(events: readonly NewEvent[]): Promise<AppendReceipt> {
    return this.#options.log.append(events);
  }

  locate(...args: Parameters<EventLog['locate']>): Promise<Place> {
    return this.#options.log.locate(...args);
  }

  locateLast(selection: Selection, count: number): Promise<Place> {
    return this.#options.log.locateLast(selection, count);
  }

  locateSince(selection: Selection, since: Since): Promise<Place> {
    return this.#options.log.locateSince(selection, since);
  }

  close(): Promise<void> {
    return this.#options.log.close();
  }

  async #look(record: ReadRecord): Promise<LogPage> {
    const { log, published, time, pageBytes } = this.#options;
    const { request } = record;
    // Whoever reads is not given what has become too old.
    published.trim(time());
    record.lookedAt = published.step;
    record.trimmedThrough = published.trimmedThrough(request.selection);
    const page = await log.read({ ...request, maxBytes: Math.min(pageBytes, request.maxBytes) });
    const current = (): void => {
      this.current = record;
    };
    // Whoever writes a gap looks at the entries of its page first: that is how the model knows which page a gap comes from.
    const entries = new Proxy(page.entries, {
      get(target, key): unknown {
        current();
        return Reflect.get(target, key);
      },
    });
    return { ...page, entries };
  }
}
