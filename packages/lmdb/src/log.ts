import {
  checkRetention,
  Followers,
  prepareBatch,
  ServerError,
  systemClock,
  TrimLedger,
  type AppendOptions,
  type AppendReceipt,
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
  type Selection,
  type TopicDirectory,
  type Trimmed,
} from '@tidings/server/log';
import { DamageControl } from './damage.ts';
import { LmdbError } from './errors.ts';
import { unusable } from './folder/refusal.ts';
import { LmdbReader } from './reader.ts';
import { MAX_TOPICS } from './record.ts';
import { LmdbStore } from './store.ts';
import { LmdbTopics } from './topics.ts';
import { LmdbTrimmer, type TrimStep } from './trim.ts';
import { LmdbWriter } from './writer.ts';

export interface LmdbLogOptions {
  /** The folder of the data; made where it is missing. */
  readonly path: string;
  /** @default 7 days and 1 GiB */
  readonly retention?: LogRetention;
  /** How often retention by age is applied, in milliseconds. @default 10000 */
  readonly trimEveryMs?: number;
  /**
   * Is told of each event that was found to be changed on disk, once; its code is `ERR_DATA_DAMAGED`. The event is left out, and its listeners are
   * told of a gap.
   * @default a warning of the process
   */
  readonly onDamage?: (error: LmdbError) => void;
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
  readonly #damage: DamageControl;
  readonly #clock: Clock;
  readonly #trimEveryMs: number;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  #timer: unknown;
  /** Reads wait while events are being removed, so that what is missing and what is told to be missing are the same. */
  #trimming: Promise<void> | undefined;
  #closed = false;

  private constructor(store: LmdbStore, options: LmdbLogOptions, retention: LogRetention, clock: Clock) {
    const topics = new LmdbTopics(store, retention);
    this.directory = topics;
    this.#store = store;
    this.#clock = clock;
    this.#trimEveryMs = options.trimEveryMs ?? DEFAULT_TRIM_EVERY_MS;
    this.#reader = new LmdbReader(store, topics);
    this.#trimmer = new LmdbTrimmer(store, this.#reader, topics, this.#ledger, retention);
    this.#damage = new DamageControl(store, this.#trimmer, this.#ledger, options.onDamage ?? warn);
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
   * @throws {LmdbError} `ERR_INVALID_OPTION`, `ERR_DATA_FOLDER`, `ERR_DATA_DAMAGED`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT`
   */
  static async open(options: LmdbLogOptions): Promise<LmdbLog> {
    const retention = checkOptions(options);
    const clock = options.clock ?? systemClock;
    const store = await LmdbStore.open(options.path, clock.time());
    try {
      return new LmdbLog(store, options, retention, clock);
    } catch (error) {
      await store.close();
      throw unusable(options.path, error);
    }
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    const batch = prepareBatch(events, options, this.#store.epochs);
    batch.forEach(checkTopics);
    return await this.#writer.append(batch, options.key);
  }

  async read(request: ReadRequest): Promise<LogPage> {
    while (this.#trimming) await this.#trimming;
    const page = this.#reader.page(request, this.#writer.head.events);
    if (this.#store.damaged.size > 0) {
      await this.#writer.inTurn(() => this.#takeOutDamaged());
      return await this.read(request);
    }
    const { through: trimmedThrough, trims } = this.#ledger.trimmed(request.selection);
    return { ...page, trimmedThrough, trims };
  }

  async locate(id: string): Promise<Place> {
    const log = { head: this.#writer.head.seq, trims: this.#ledger.changes };
    return this.#store.epochs.locate(id, log, (named) => this.#reader.earliestWithId(named));
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

  #trimLater(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.setTimeout(() => {
      // A disk that fails is told to publishers; what could not be trimmed is tried again.
      void this.trim()
        .catch(() => {})
        .then(() => this.#trimLater());
    }, this.#trimEveryMs);
  }

  #takeOutDamaged(): Promise<void> {
    return this.#damage.takeOut(this.#writer.head, (step) => this.#carryOut(step));
  }

  /** Removes a small number of events that retention no longer keeps. Says whether there may be more. */
  async #trimSome(): Promise<boolean> {
    const step = this.#trimmer.next(this.#writer.head, this.#clock.time());
    // A damaged event is none of those that are kept.
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

/** Checks the options at the door, and gives the retention. */
const NAMES: Readonly<Record<keyof LmdbLogOptions, true>> = {
  path: true,
  retention: true,
  trimEveryMs: true,
  onDamage: true,
  clock: true,
};

function checkOptions(options: LmdbLogOptions): LogRetention {
  const { path, trimEveryMs = DEFAULT_TRIM_EVERY_MS, retention = DEFAULT_RETENTION } = options;
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
  try {
    return checkRetention(retention);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
}

function warn(error: LmdbError): void {
  process.emitWarning(error);
}

function refused(message: string, cause?: unknown): LmdbError {
  return new LmdbError('ERR_INVALID_OPTION', message, { cause });
}

function checkTopics({ topics }: PreparedEvent): void {
  if (topics.length <= MAX_TOPICS) return;
  throw new ServerError('ERR_INVALID_EVENT', `An event has ${topics.length} topics; at most ${MAX_TOPICS} are allowed`);
}
