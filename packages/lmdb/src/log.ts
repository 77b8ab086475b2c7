import { statfs } from 'node:fs/promises';
import {
  checkRetention,
  prepareEvent,
  ServerError,
  Tails,
  TrimLedger,
  type AppendOptions,
  type AppendReceipt,
  type EventLog,
  type LogEntry,
  type LogPage,
  type LogRetention,
  type LogTail,
  type NewEvent,
  type Position,
  type PreparedEvent,
  type ReadRequest,
  type Selection,
  type TopicSummary,
} from '@tidings/server/log';
import { LmdbError } from './errors.ts';
import { earliestWithId, readEntries, seqBeforeLast } from './reader.ts';
import { openStore, type HeadRecord, type LmdbStore } from './store.ts';
import { expireKeys, trimOnce } from './trim.ts';
import { LmdbWriter, type Group } from './writer.ts';
import { MAX_TOPICS } from './record.ts';

export interface LmdbLogOptions {
  /** The folder of the data; made where it is missing. */
  readonly path: string;
  /** @default 7 days and 1 GiB */
  readonly retention?: LogRetention;
  /** How often retention by age is applied, in milliseconds. @default 10000 */
  readonly trimEveryMs?: number;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/** PROTOCOL §11. */
const DEFAULT_RETENTION: LogRetention = { maxAgeMs: 7 * 24 * 60 * 60 * 1000, maxBytes: 1024 ** 3 };

interface Waiting extends Group {
  readonly bytes: number;
  readonly resolve: (receipt: AppendReceipt) => void;
  readonly reject: (error: Error) => void;
}

// A commit holds about this much at most: bounds its memory and how long the first in it waits for the last.
const MAX_COMMIT_BYTES = 4 * 1024 * 1024;

// Bytes of events that may wait for the disk: guards against publishers that are faster than it.
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/**
 * A log on disk. Appends that arrive while the disk is busy are committed together (group commit): each is answered when the commit that
 * holds it has been synced. What retention no longer keeps is removed in small transactions between the commits.
 */
export class LmdbLog implements EventLog {
  readonly #store: LmdbStore;
  readonly #writer: LmdbWriter;
  readonly #retention: LogRetention;
  readonly #now: () => number;
  readonly #tails = new Tails();
  readonly #ledger = new TrimLedger();
  readonly #trimmer: NodeJS.Timeout;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #head: HeadRecord;
  /** What is being written: one thing at a time, in order. */
  #writing: Promise<void> = Promise.resolve();
  #committing = false;
  /** Reads wait while events are being removed, so that what is missing and what is told to be missing are the same. */
  #trimming: Promise<void> | undefined;
  #closed = false;

  private constructor(store: LmdbStore, options: LmdbLogOptions) {
    this.#store = store;
    this.#retention = checkRetention(options.retention ?? DEFAULT_RETENTION);
    this.#now = options.now ?? Date.now;
    this.#head = (store.meta.get('head') as HeadRecord | undefined) ?? { seq: 0, events: 0, bytes: 0 };
    this.#writer = new LmdbWriter(store);
    const floor = store.meta.get('floor');
    if (floor) this.#ledger.restoreFloor(floor as { all: number; public: number });
    const trimmed = [...store.trimmed.getRange()].toSorted((a, b) => a.value.all - b.value.all);
    for (const { key, value } of trimmed) this.#ledger.restore(key, value);
    this.#trimmer = setInterval(() => {
      // A disk that fails is told to publishers; what could not be trimmed is tried again.
      this.trim().catch(() => {});
    }, options.trimEveryMs ?? 10_000);
    this.#trimmer.unref();
  }

  /**
   * Opens the log of a data folder.
   * @throws {LmdbError} `ERR_DATA_FOLDER`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT` @throws {ServerError} `ERR_INVALID_OPTION`
   */
  static async open(options: LmdbLogOptions): Promise<LmdbLog> {
    if (typeof options.path !== 'string' || options.path === '') {
      throw new LmdbError('ERR_INVALID_OPTION', 'The option path must name the data folder');
    }
    const store = openStore(options.path, (options.now ?? Date.now)());
    return new LmdbLog(store, options);
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    if (events.length === 0) throw new ServerError('ERR_INVALID_EVENT', 'Cannot append a batch without an event');
    const prepared = events.map((event) => prepareEvent(event, this.#store.epoch));
    const bytes = prepared.reduce((sum, event) => sum + checkTopics(event).body.length, 0);
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      throw new ServerError('ERR_NOT_STORED', 'Cannot append: more events wait for the disk than it can take');
    }
    return new Promise<AppendReceipt>((resolve, reject) => {
      this.#waiting.push({ events: prepared, key: options.key, bytes, resolve, reject });
      this.#waitingBytes += bytes;
      this.#commitSoon();
    });
  }

  async read(request: ReadRequest): Promise<LogPage> {
    while (this.#trimming) await this.#trimming;
    const page = readEntries(this.#store, request);
    return { ...page, trimmedThrough: this.#ledger.through(request.selection) };
  }

  tail(listener: (batch: readonly LogEntry[]) => void): LogTail {
    return { after: this.#head.seq, stop: this.#tails.add(listener) };
  }

  head(): Position {
    return { epoch: this.#store.epoch, seq: this.#head.seq };
  }

  find(id: string): Promise<number | undefined> {
    return Promise.resolve(earliestWithId(this.#store, id));
  }

  beforeLast(selection: Selection, count: number): Promise<number> {
    return seqBeforeLast(this.#store, selection, count, this.#head.seq);
  }

  *topics(): Iterable<TopicSummary> {
    for (const { key, value } of this.#store.topics.getRange()) yield { topic: key, ...value };
  }

  async trim(): Promise<void> {
    if (this.#closed) return;
    // Each step takes a turn of its own, so that a publisher never waits for more than one.
    while (!this.#closed && (await this.#inTurn(() => this.#trimSome())));
    while (!this.#closed && (await this.#inTurn(() => expireKeys(this.#store, this.#now()))));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#trimmer);
    while (this.#committing) await this.#writing;
    await this.#writing;
    this.#tails.clear();
    await this.#store.close();
  }

  #commitSoon(): void {
    if (this.#committing) return;
    this.#committing = true;
    void this.#inTurn(async () => {
      await this.#commit(this.#takeGroup());
      if (this.#overfull()) await this.#trimSome().catch(() => false);
    }).finally(() => {
      this.#committing = false;
      if (this.#waiting.length > 0) this.#commitSoon();
    });
  }

  /** Runs a write after those before it, whatever became of them. */
  async #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(write);
    this.#writing = turn.then(
      () => {},
      () => {},
    );
    return await turn;
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && bytes + waiting.bytes > MAX_COMMIT_BYTES) break;
      bytes += waiting.bytes;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const { head, entries, receipts } = await this.#writer.append(group, this.#head, this.#now());
      this.#head = head;
      if (entries.length > 0) this.#tails.emit(entries);
      group.forEach((waiting, index) => {
        const receipt = receipts[index];
        if (receipt) waiting.resolve(receipt);
      });
    } catch (error) {
      const failure = await this.#notStored(error);
      for (const waiting of group) waiting.reject(failure);
    }
  }

  #overfull(): boolean {
    const { maxEvents = Infinity, maxBytes = Infinity } = this.#retention;
    return this.#head.events > maxEvents || this.#head.bytes > maxBytes;
  }

  /** Removes a small number of events that retention no longer keeps. Says whether there were any. */
  async #trimSome(): Promise<boolean> {
    const step = trimOnce(this.#store, this.#ledger, this.#retention, this.#head, this.#now());
    if (!step) return false;
    this.#trimming = (async () => {
      try {
        await step.commit();
        this.#head = step.head;
        step.note();
      } finally {
        this.#trimming = undefined;
      }
    })();
    await this.#trimming;
    return true;
  }

  async #notStored(cause: unknown): Promise<ServerError> {
    const found = cause instanceof Error ? cause.message : String(cause);
    const free = await statfs(this.#store.path).then(
      (disk) => `, ${disk.bavail * disk.bsize} bytes are free on its disk`,
      () => '',
    );
    return new ServerError('ERR_NOT_STORED', `Cannot store events in ${this.#store.path}: ${found}${free}`, { cause });
  }
}

function checkTopics(event: PreparedEvent): PreparedEvent {
  if (event.topics.length <= MAX_TOPICS) return event;
  throw new ServerError(
    'ERR_INVALID_EVENT',
    `An event has ${event.topics.length} topics; at most ${MAX_TOPICS} are allowed`,
  );
}
