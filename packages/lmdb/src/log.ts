import {
  checkBatch,
  checkBounds,
  checkRetention,
  Followers,
  prepareBatch,
  ServerError,
  systemClock,
  TrimLedger,
  type AppendOptions,
  type AppendReceipt,
  type CheckedBounds,
  type Clock,
  type EventLog,
  type LogBounds,
  type LogFollower,
  type LogFollowing,
  type LogPage,
  type LogRetention,
  type NewEvent,
  type Place,
  type PreparedEvent,
  type ReadRequest,
  type Selection,
  type TopicDirectory,
  type Trimmed,
} from '@tidings/server/log';
import { LmdbError } from './errors.ts';
import { LmdbKeys } from './keys.ts';
import { LmdbReader } from './reader.ts';
import { MAX_TOPICS } from './record.ts';
import { openTime, recover } from './recovery.ts';
import { LmdbStore } from './store.ts';
import { LmdbTopics } from './topics.ts';
import { LmdbTrimmer, type Incoming } from './trim.ts';
import { LmdbWriter } from './writer.ts';

export interface LmdbLogOptions extends LogBounds {
  /** The data folder. It is created if it does not exist. */
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
   * What the events that wait to be stored may cost in memory, in bytes: an append that would be more is refused with `ERR_TOO_MUCH_WAITS`. It
   * guards the memory against publishers that are faster than the disk. From 1.
   * @default 134217728
   */
  readonly maxWaitingBytes?: number;
  /** @default the system's */
  readonly clock?: Clock;
}

/** PROTOCOL §11. */
const DEFAULT_RETENTION: LogRetention = { maxAgeMs: 7 * 24 * 60 * 60 * 1000, maxBytes: 1024 ** 3 };

const DEFAULT_TRIM_EVERY_MS = 10_000;
const DEFAULT_MAX_WAITING_BYTES = 128 * 1024 * 1024;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A log on disk. Appends that arrive while the disk is busy are committed together (group commit). Each is answered when the commit that
 * holds it has been synced. What retention no longer keeps is removed in small transactions between the commits.
 */
export class LmdbLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly directory: TopicDirectory;
  readonly #store: LmdbStore;
  readonly #reader: LmdbReader;
  readonly #writer: LmdbWriter;
  readonly #trimmer: LmdbTrimmer;
  readonly #bounds: CheckedBounds;
  readonly #clock: Clock;
  readonly #trimEveryMs: number;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  #timer: unknown;
  /** Reads wait while events are being removed, so that the reported gaps are exactly the events that are missing. */
  #trimming: Promise<void> | undefined;
  #closed = false;

  private constructor(store: LmdbStore, options: LmdbLogOptions, { retention, bounds, maxWaitingBytes }: Checked) {
    const clock = options.clock ?? systemClock;
    const time = openTime(store, clock);
    const topics = new LmdbTopics(store, retention);
    const reader = new LmdbReader(store, topics);
    const keys = new LmdbKeys(store, bounds);
    this.directory = topics;
    this.#store = store;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#trimEveryMs = options.trimEveryMs ?? DEFAULT_TRIM_EVERY_MS;
    this.#reader = reader;
    this.#trimmer = new LmdbTrimmer({ store, reader, topics, ledger: this.#ledger, time }, retention);
    this.#writer = new LmdbWriter(
      { store, topics, keys, clock, time, maxWaitingBytes },
      {
        makeRoom: (incoming) => this.#trimOverdue(incoming),
        onCommitted: (batch) => this.#followers.emit(batch),
        afterCommit: () => this.#trimOverdue(),
      },
    );
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
    const checked = checkOptions(options);
    const now = (options.clock ?? systemClock).time();
    const store = new LmdbStore(options.path, now, options.beginEpoch === true);
    try {
      await recover(store);
      return new LmdbLog(store, options, checked);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    checkBatch(events, this.#bounds);
    const batch = prepareBatch(events, options);
    batch.forEach(checkTopics);
    return await this.#writer.append(batch, options);
  }

  async read(request: ReadRequest): Promise<LogPage> {
    while (this.#trimming) await this.#trimming;
    const page = this.#reader.page(request, this.#writer.head.events);
    const { through: trimmedThrough, trims } = this.#ledger.trimmed(request.selection);
    return { ...page, trimmedThrough, trims };
  }

  async locate(id: string, selection?: Selection): Promise<Place> {
    const head = this.#writer.head.seq;
    const log = { head, trims: this.#ledger.changes };
    return await this.#store.epochs.locate(id, log, (named) => this.#reader.earliestWithId(named, head, selection));
  }

  async locateLast(selection: Selection, count: number): Promise<Place> {
    const { seq, events } = this.#writer.head;
    const { changes: trims } = this.#ledger;
    return { after: await this.#reader.beforeLast(selection, count, seq, events), head: seq, trims };
  }

  follow(follower: LogFollower): LogFollowing {
    return this.#followers.add(follower, { epoch: this.#store.epochs.current, seq: this.#writer.head.seq });
  }

  async trim(): Promise<void> {
    // Each step takes a turn of its own, so that a publisher never waits for more than one.
    while (!this.#closed && (await this.#writer.inTurn(() => this.#trimSome())));
    while (!this.#closed && (await this.#writer.expireKeys()));
    if (!this.#closed) await this.#writer.saveTime();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
    await this.#writer.finish();
    await this.#writer.saveTime().catch(() => {});
    this.#followers.clear();
    await this.#store.close();
  }

  #trimLater(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.setTimeout(() => {
      // Publishers learn of a failing disk when they append. Trimming is tried again later.
      void this.trim()
        .catch(() => {})
        .then(() => this.#trimLater());
    }, this.#trimEveryMs);
  }

  /** Removes events until there is room for those that are about to be added. */
  async #trimOverdue(incoming?: Incoming): Promise<void> {
    try {
      while (this.#trimmer.isOverdue(this.#writer.head, incoming) && (await this.#trimSome(incoming)));
    } catch {
      // Publishers learn of a failing disk when they append. Trimming is tried again later.
    }
  }

  /** Removes a small number of events that retention no longer keeps. Returns whether there may be more. */
  async #trimSome(incoming?: Incoming): Promise<boolean> {
    const step = this.#trimmer.next(this.#writer.head, incoming);
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

const NAMES: Readonly<Record<keyof LmdbLogOptions, true>> = {
  path: true,
  retention: true,
  trimEveryMs: true,
  beginEpoch: true,
  maxBatchEvents: true,
  maxKeys: true,
  maxWaitingBytes: true,
  clock: true,
};

interface Checked {
  readonly retention: LogRetention;
  readonly bounds: CheckedBounds;
  readonly maxWaitingBytes: number;
}

/** Checks the options, and returns those that have a default. */
function checkOptions(options: LmdbLogOptions): Checked {
  if (typeof options !== 'object' || options === null) {
    throw refused(`The options are ${String(options)}, but must be an object with the path of the data folder`);
  }
  const { path, trimEveryMs = DEFAULT_TRIM_EVERY_MS, retention = DEFAULT_RETENTION } = options;
  const { maxWaitingBytes = DEFAULT_MAX_WAITING_BYTES } = options;
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(NAMES, name));
  if (unknown !== undefined) {
    throw refused(`There is no option ${JSON.stringify(unknown)}; allowed are ${Object.keys(NAMES).join(', ')}`);
  }
  if (typeof path !== 'string' || path === '') throw refused('The option path must name the data folder');
  if (!Number.isInteger(trimEveryMs) || trimEveryMs < 1 || trimEveryMs > MAX_TIMER_MS) {
    throw refused(`The option trimEveryMs is ${trimEveryMs}, but must be an integer from 1 to ${MAX_TIMER_MS}`);
  }
  if (!Number.isSafeInteger(maxWaitingBytes) || maxWaitingBytes < 1) {
    throw refused(`The option maxWaitingBytes is ${maxWaitingBytes}, but must be an integer from 1`);
  }
  try {
    checkRetention(retention);
    return { retention, bounds: checkBounds(options, retention), maxWaitingBytes };
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function refused(message: string, cause?: unknown): LmdbError {
  return new LmdbError('ERR_INVALID_OPTION', message, { cause });
}

function checkTopics({ topics }: PreparedEvent): void {
  if (topics.length <= MAX_TOPICS) return;
  throw new ServerError('ERR_INVALID_EVENT', `An event has ${topics.length} topics; at most ${MAX_TOPICS} are allowed`);
}
