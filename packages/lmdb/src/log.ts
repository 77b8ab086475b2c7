import {
  checkBatch,
  checkBounds,
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
  type ScanOptions,
  type Selection,
  Selector,
  type TopicDirectory,
  type Trimmed,
  type Turn,
} from '@tidings/server/log';
import { DamageControl } from './damage.ts';
import { LmdbError } from './errors.ts';
import { unusable } from './folder/refusal.ts';
import { LmdbKeys } from './keys.ts';
import { LmdbReader } from './reader.ts';
import { MAX_TOPICS } from './record.ts';
import { openTime, recover } from './recovery.ts';
import type { TrimStep } from './removal.ts';
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
   * Called once for each event that was changed on disk, when that is found. The code of the error is `ERR_DATA_DAMAGED`. The event is removed, and
   * its listeners are told of a gap.
   * @default a warning of the process
   */
  readonly onDamage?: (error: LmdbError) => void;
  /**
   * What the events that wait to be stored may cost in memory, in bytes: an append that would be more is refused with `ERR_TOO_MUCH_WAITS`. It
   * guards the memory against publishers that are faster than the disk. From 1.
   * @default 134217728
   */
  readonly maxWaitingBytes?: number;
  /**
   * How long looking for events may take in one turn of the event loop, in milliseconds, 1 to 1000, for all requests together. All logs of this
   * process that have the same value and the clock of the system share that time. Other work goes first then.
   * @default 2
   */
  readonly scanMs?: number;
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
  readonly #damage: DamageControl;
  readonly #bounds: CheckedBounds;
  readonly #clock: Clock;
  readonly #trimEveryMs: number;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  readonly #turns: Turns;
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
    this.directory = { list: (request) => this.#look(() => topics.list(request), { isShort: true }) };
    this.#store = store;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#turns = Turns.of(options);
    this.#trimEveryMs = options.trimEveryMs ?? DEFAULT_TRIM_EVERY_MS;
    this.#reader = reader;
    this.#trimmer = new LmdbTrimmer({ store, reader, topics, ledger: this.#ledger, time }, retention);
    this.#damage = new DamageControl(store, topics, this.#ledger, options.onDamage ?? warn);
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
   * @throws {LmdbError} `ERR_INVALID_OPTION`, `ERR_DATA_FOLDER`, `ERR_DATA_DAMAGED`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT`
   */
  static async open(options: LmdbLogOptions): Promise<LmdbLog> {
    const checked = checkOptions(options);
    const now = (options.clock ?? systemClock).time();
    const store = await LmdbStore.open(options.path, now);
    try {
      await recover(store);
      return new LmdbLog(store, options, checked);
    } catch (error) {
      await store.close();
      throw unusable(options.path, error);
    }
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    checkBatch(events, this.#bounds);
    const batch = prepareBatch(events, options);
    batch.forEach(checkTopics);
    return await this.#writer.append(batch, options);
  }

  async read(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const isShort = Selector.of(request.selection).topics.isExact;
    for (;;) {
      while (this.#trimming) await this.#trimming;
      const page = await this.#look((turn) => this.#page(request, turn), { signal, isShort });
      if (page === 'damaged') await this.#writer.inTurn(() => this.#takeOutDamaged());
      else if (page !== 'trimming') return page;
    }
  }

  async locate(id: string, selection?: Selection, { signal }: AskOptions = {}): Promise<Place> {
    const head = this.#writer.head.seq;
    const log = { head, trims: this.#ledger.changes };
    return await this.#store.epochs.locate(id, log, async (named) => {
      const search = { id: named, selection, after: 0, through: head };
      const { seq } = await this.#look((turn) => this.#reader.searchId(search, turn), { signal, isShort: true });
      return seq;
    });
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
    // Reads that waited for it go on before the next one.
    while (!this.#closed && (await this.#writer.inTurn(() => this.#trimSome()))) await turnOfTheLoop();
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

  /** As much of a page as the turn allows; undefined if that is nothing. */
  #page(request: ReadRequest, turn: Turn): LogPage | 'trimming' | 'damaged' | undefined {
    if (this.#trimming) return 'trimming';
    const trimmed = this.#ledger.trimmed(request.selection, request.after, turn);
    const page = trimmed && this.#reader.page(request, this.#writer.head.events, turn);
    if (this.#store.damaged.size > 0) return 'damaged';
    return page && { ...page, trimmedThrough: trimmed.through, trims: trimmed.trims };
  }

  /** Looks for something, in turns with all others that do. */
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

  #takeOutDamaged(): Promise<void> {
    return this.#damage.takeOut(this.#writer.head, (step) => this.#carryOut(step));
  }

  /** Removes a small number of events that retention no longer keeps. Returns whether there may be more. */
  async #trimSome(incoming?: Incoming): Promise<boolean> {
    const step = this.#trimmer.next(this.#writer.head, incoming);
    // Damaged events do not count among those that are kept.
    if (this.#store.damaged.size > 0) await this.#takeOutDamaged();
    else if (step) await this.#carryOut(step);
    return step !== undefined;
  }

  async #carryOut(step: TrimStep): Promise<void> {
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
  }
}

const NAMES: Readonly<Record<keyof LmdbLogOptions, true>> = {
  path: true,
  retention: true,
  trimEveryMs: true,
  onDamage: true,
  maxBatchEvents: true,
  maxKeys: true,
  maxWaitingBytes: true,
  scanMs: true,
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
  const { maxWaitingBytes = DEFAULT_MAX_WAITING_BYTES, scanMs = DEFAULT_SCAN_MS } = options;
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(NAMES, name));
  if (unknown !== undefined) {
    throw refused(`There is no option ${JSON.stringify(unknown)}; allowed are ${Object.keys(NAMES).join(', ')}`);
  }
  if (typeof path !== 'string' || path === '') throw refused('The option path must name the data folder');
  if (!Number.isInteger(trimEveryMs) || trimEveryMs < 1 || trimEveryMs > MAX_TIMER_MS) {
    throw refused(`The option trimEveryMs is ${trimEveryMs}, but must be an integer from 1 to ${MAX_TIMER_MS}`);
  }
  if (options.onDamage !== undefined && typeof options.onDamage !== 'function') {
    throw refused(`The option onDamage is ${typeof options.onDamage}, but must be a function`);
  }
  if (!Number.isSafeInteger(maxWaitingBytes) || maxWaitingBytes < 1) {
    throw refused(`The option maxWaitingBytes is ${maxWaitingBytes}, but must be an integer from 1`);
  }
  if (!Number.isInteger(scanMs) || scanMs < 1 || scanMs > MAX_SCAN_MS) {
    throw refused(`The option scanMs is ${scanMs}, but must be an integer from 1 to ${MAX_SCAN_MS}`);
  }
  try {
    checkRetention(retention);
    return { retention, bounds: checkBounds(options, retention), maxWaitingBytes };
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function warn(error: LmdbError): void {
  process.emitWarning(error);
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
