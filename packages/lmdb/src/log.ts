import {
  checkRetention,
  DEFAULT_SCAN_MS,
  Followers,
  MAX_SCAN_MS,
  prepareBatch,
  ServerError,
  systemClock,
  TrimLedger,
  Turns,
  type AppendOptions,
  type AppendReceipt,
  type AskOptions,
  type Clock,
  type EventLog,
  type LogFollower,
  type LogFollowing,
  type LogPage,
  type LogRetention,
  type NewEvent,
  type Place,
  type PreparedEvent,
  type ReadRequest,
  type ScanOptions,
  type Selection,
  Selector,
  type TopicDirectory,
  type Trimmed,
  type Turn,
} from '@tidings/server/log';
import { LmdbError } from './errors.ts';
import { LmdbReader } from './reader.ts';
import { MAX_TOPICS } from './record.ts';
import { LmdbStore } from './store.ts';
import { LmdbTopics } from './topics.ts';
import { LmdbTrimmer } from './trim.ts';
import { LmdbWriter } from './writer.ts';

export interface LmdbLogOptions {
  /** The folder of the data; made where it is missing. */
  readonly path: string;
  /** @default 7 days and 1 GiB */
  readonly retention?: LogRetention;
  /** How often retention by age is applied, in milliseconds. @default 10000 */
  readonly trimEveryMs?: number;
  /**
   * Begins a new epoch. A folder that was copied or restored needs that once, because the original may have gone on with other events
   * under the same numbers. Cursors of the earlier epochs hold up to where each ended.
   * @default false
   */
  readonly beginEpoch?: boolean;
  /**
   * How long looking for events may take in one turn of the event loop, in milliseconds, 1 to 1000: for all who ask together, and for all logs
   * of this process with the same figure and the system's clock. Others go first then.
   * @default 2
   */
  readonly scanMs?: number;
  /** @default the system's */
  readonly clock?: Clock;
}

/** PROTOCOL §11. */
const DEFAULT_RETENTION: LogRetention = { maxAgeMs: 7 * 24 * 60 * 60 * 1000, maxBytes: 1024 ** 3 };

const DEFAULT_TRIM_EVERY_MS = 10_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A log on disk. Appends that arrive while the disk is busy are committed together (group commit): each is answered when the commit that
 * holds it has been synced. What retention no longer keeps is removed in small transactions between the commits.
 */
export class LmdbLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly directory: TopicDirectory;
  readonly #store: LmdbStore;
  readonly #reader: LmdbReader;
  readonly #writer: LmdbWriter;
  readonly #trimmer: LmdbTrimmer;
  readonly #clock: Clock;
  readonly #trimEveryMs: number;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  readonly #turns: Turns;
  #timer: unknown;
  /** Reads wait while events are being removed, so that what is missing and what is told to be missing are the same. */
  #trimming: Promise<void> | undefined;
  #closed = false;

  private constructor(store: LmdbStore, options: LmdbLogOptions, retention: LogRetention, clock: Clock) {
    const topics = new LmdbTopics(store, retention);
    this.directory = { list: (request) => this.#look(() => topics.list(request), { isShort: true }) };
    this.#store = store;
    this.#clock = clock;
    this.#turns = Turns.of(options);
    this.#trimEveryMs = options.trimEveryMs ?? DEFAULT_TRIM_EVERY_MS;
    this.#reader = new LmdbReader(store, topics);
    this.#trimmer = new LmdbTrimmer(store, this.#reader, topics, this.#ledger, retention);
    this.#writer = new LmdbWriter(store, topics, {
      now: () => clock.time(),
      onCommitted: (batch) => this.#followers.emit(batch),
      afterCommit: async () => {
        if (this.#trimmer.isOverfull(this.#writer.head)) await this.#trimSome().catch(() => false);
      },
    });
    const floor = store.meta.get('floor');
    if (floor) this.#ledger.restoreFloor(floor as Trimmed);
    const trimmed = [...store.trimmed.getRange()].toSorted((a, b) => a.value.all - b.value.all);
    for (const { key, value } of trimmed) this.#ledger.restore(key, value);
    this.#trimLater();
  }

  /**
   * Opens the log of a data folder.
   * @throws {LmdbError} `ERR_INVALID_OPTION`, `ERR_DATA_FOLDER`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT`
   */
  static async open(options: LmdbLogOptions): Promise<LmdbLog> {
    const retention = checkOptions(options);
    const clock = options.clock ?? systemClock;
    const store = new LmdbStore(options.path, clock.time(), options.beginEpoch === true);
    try {
      return new LmdbLog(store, options, retention, clock);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    const batch = prepareBatch(events, options, this.#store.epochs);
    batch.forEach(checkTopics);
    return await this.#writer.append(batch, options.key);
  }

  async read(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const isShort = Selector.of(request.selection).topics.isExact;
    for (;;) {
      while (this.#trimming) await this.#trimming;
      const page = await this.#look((turn) => this.#page(request, turn), { signal, isShort });
      if (page !== 'trimming') return page;
    }
  }

  async locate(id: string): Promise<Place> {
    const log = { head: this.#writer.head.seq, trims: this.#ledger.changes };
    return this.#store.epochs.locate(id, log, (named) => this.#reader.earliestWithId(named));
  }

  async locateLast(selection: Selection, count: number, { signal }: AskOptions = {}): Promise<Place> {
    const { seq: head } = this.#writer.head;
    const { changes: trims } = this.#ledger;
    const search = { selection, count, found: 0, before: head, through: head };
    const isShort = Selector.of(selection).topics.isExact;
    await this.#look((turn) => this.#reader.searchLast(search, turn) || undefined, { signal, isShort });
    return { after: search.before, head, trims };
  }

  follow(follower: LogFollower): LogFollowing {
    return this.#followers.add(follower, { epoch: this.#store.epochs.current, seq: this.#writer.head.seq });
  }

  async trim(): Promise<void> {
    // Each step takes a turn of its own, so that a publisher never waits for more than one.
    // Those who waited for it read before the next one.
    while (!this.#closed && (await this.#writer.inTurn(() => this.#trimSome()))) await turnOfTheLoop();
    while (!this.#closed && (await this.#writer.inTurn(() => this.#trimmer.expireKeys(this.#clock.time()))));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
    await this.#writer.finish();
    this.#followers.clear();
    await this.#store.close();
  }

  /** As much of a page as the turn allows; undefined where that is nothing. */
  #page(request: ReadRequest, turn: Turn): LogPage | 'trimming' | undefined {
    if (this.#trimming) return 'trimming';
    const trimmed = this.#ledger.trimmed(request.selection, turn);
    const page = trimmed && this.#reader.page(request, this.#writer.head.events, turn);
    return page && { ...page, trimmedThrough: trimmed.through, trims: trimmed.trims };
  }

  /** Looks for something in turns with all others who do. */
  #look<T>(work: (turn: Turn) => T | undefined, options: ScanOptions): Promise<T> {
    const open = (turn: Turn): T | undefined => {
      if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot read: the log has been closed');
      return work(turn);
    };
    return this.#turns.run(open, options);
  }

  #trimLater(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.setTimeout(() => {
      // A disk that fails is told to publishers; what could not be trimmed is tried again.
      void this.trim()
        .catch(() => {})
        .then(() => this.#trimLater());
    }, this.#trimEveryMs);
  }

  /** Removes a small number of events that retention no longer keeps. Says whether there may be more. */
  async #trimSome(): Promise<boolean> {
    const step = this.#trimmer.next(this.#writer.head, this.#clock.time());
    if (!step) return false;
    this.#trimming = (async () => {
      try {
        await step.commit();
        this.#writer.head = step.head;
        step.note();
      } finally {
        this.#trimming = undefined;
      }
    })();
    await this.#trimming;
    return true;
  }
}

/** Checks the options at the door, and gives the retention. */
const NAMES: Readonly<Record<keyof LmdbLogOptions, true>> = {
  path: true,
  retention: true,
  trimEveryMs: true,
  beginEpoch: true,
  scanMs: true,
  clock: true,
};

function checkOptions(options: LmdbLogOptions): LogRetention {
  const {
    path,
    trimEveryMs = DEFAULT_TRIM_EVERY_MS,
    scanMs = DEFAULT_SCAN_MS,
    retention = DEFAULT_RETENTION,
  } = options;
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(NAMES, name));
  if (unknown !== undefined) {
    throw refused(`There is no option ${JSON.stringify(unknown)}; allowed are ${Object.keys(NAMES).join(', ')}`);
  }
  if (typeof path !== 'string' || path === '') throw refused('The option path must name the data folder');
  if (!Number.isInteger(trimEveryMs) || trimEveryMs < 1 || trimEveryMs > MAX_TIMER_MS) {
    throw refused(`The option trimEveryMs is ${trimEveryMs}, but must be an integer from 1 to ${MAX_TIMER_MS}`);
  }
  if (!Number.isInteger(scanMs) || scanMs < 1 || scanMs > MAX_SCAN_MS) {
    throw refused(`The option scanMs is ${scanMs}, but must be an integer from 1 to ${MAX_SCAN_MS}`);
  }
  try {
    return checkRetention(retention);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function refused(message: string, cause?: unknown): LmdbError {
  return new LmdbError('ERR_INVALID_OPTION', message, { cause });
}

function checkTopics({ topics }: PreparedEvent): void {
  if (topics.length <= MAX_TOPICS) return;
  throw new ServerError('ERR_INVALID_EVENT', `An event has ${topics.length} topics; at most ${MAX_TOPICS} are allowed`);
}
