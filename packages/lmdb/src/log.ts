import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import {
  checkBatch,
  Followers,
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
  type LogEntry,
  type LogFollower,
  type LogFollowing,
  type LogPage,
  type LogTotals,
  type NewEvent,
  type PagePlan,
  type Place,
  type ReadRequest,
  type ScanOptions,
  type Selection,
  type Since,
  type StoredValues,
  Selector,
  type TopicDirectory,
  type TopicStates,
  type Turn,
} from '@tidings/server/log';
import type { LmdbError } from './errors.ts';
import { unusable } from './folder/refusal.ts';
import type { TopicLifeHooks } from './life/deletion.ts';
import { LmdbTopicLife } from './life/topic-life.ts';
import { LmdbKeys } from './writing/keys.ts';
import { checkOptions, DEFAULT_TRIM_EVERY_MS, type Checked, type LmdbLogOptions } from './options.ts';
import { LmdbLatest } from './tables/latest-keys.ts';
import { planOf } from './reading/page-plan.ts';
import { LmdbReader } from './reading/reader.ts';
import { LmdbSearch, type LogEnd } from './reading/search.ts';
import { checkTopics } from './records/record.ts';
import { openTime, recover, restoreLedger } from './tables/recovery.ts';
import { Soon } from './trimming/soon.ts';
import { TrimRounds } from './trimming/rounds.ts';
import { LmdbStore } from './tables/store.ts';
import type { LmdbStates } from './tables/states.ts';
import { LmdbTopics } from './tables/topics.ts';
import { openValues } from './life/values.ts';
import { LmdbWriter } from './writing/writer.ts';

// How long events that newer ones have replaced stay on disk, so that many of them are removed together.
const COMPACT_AFTER_MS = 1000;

/**
 * A log on disk. Appends that arrive while the disk is busy are committed together (group commit). Each is answered when the commit that
 * holds it has been synced. What retention no longer keeps is removed in small transactions between the commits.
 */
export class LmdbLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly directory: TopicDirectory;
  readonly topics: TopicStates;
  readonly values: StoredValues;
  readonly #store: LmdbStore;
  readonly #reader: LmdbReader;
  readonly #writer: LmdbWriter;
  readonly #latest: LmdbLatest;
  readonly #compaction: Soon;
  readonly #rounds: TrimRounds;
  readonly #bounds: CheckedBounds;
  readonly #clock: Clock;
  readonly #trimEveryMs: number;
  readonly #followers = new Followers();
  readonly #ledger = new TrimLedger();
  readonly #life: LmdbTopicLife;
  readonly #states: LmdbStates;
  readonly #turns: Turns;
  readonly #search: LmdbSearch;
  #timer: unknown;
  #closed = false;

  private constructor(store: LmdbStore, options: LmdbLogOptions, { retention, bounds, maxWaitingBytes }: Checked) {
    const clock = options.clock ?? systemClock;
    const time = openTime(store, clock);
    const topics = new LmdbTopics(store, retention);
    const reader = new LmdbReader(store, topics);
    const keys = new LmdbKeys(store, bounds);
    this.directory = { list: (request) => this.#look(topics.listing(request), { isShort: true }) };
    this.#store = store;
    this.#states = topics.states;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#turns = Turns.of(options);
    this.#trimEveryMs = options.trimEveryMs ?? DEFAULT_TRIM_EVERY_MS;
    this.#reader = reader;
    this.#search = new LmdbSearch({ store, reader, topics, time, look: (work, asked) => this.#look(work, asked) });
    const latest = new LmdbLatest(store, topics);
    const parts = { store, reader, topics, latest, ledger: this.#ledger, time };
    this.#latest = latest;
    this.#compaction = new Soon(clock, COMPACT_AFTER_MS, () => this.#compact());
    const { onDamage = warn, onError = warn } = options;
    this.#rounds = new TrimRounds({ ...parts, retention, writer: () => this.#writer }, { onDamage, onError });
    const report = (cause: unknown): void => this.#rounds.report(cause);
    this.#writer = new LmdbWriter(
      { store, topics, keys, clock, time, maxWaitingBytes },
      {
        settle: () => this.#life.settle(),
        makeRoom: (incoming) => this.#rounds.makeRoom(incoming),
        onCommitted: (batch) => this.#onCommitted(batch),
        afterCommit: () => this.#rounds.makeRoom(),
      },
    );
    const hooks: TopicLifeHooks = {
      isClosed: () => this.#closed,
      look: (work) => this.#look(work, { isShort: true }),
      carryOut: (step) => this.#rounds.carryOut(step),
      onChanged: (topic) => {
        latest.changed(topic);
        if (latest.isBehind) this.#compaction.ask();
      },
      onDeleted: (topic) => {
        latest.deleted(topic);
        if (latest.isBehind) this.#compaction.ask();
      },
      emit: (batch) => this.#followers.emit(batch),
      report,
    };
    this.topics = this.#life = new LmdbTopicLife({ ...parts, writer: this.#writer, bounds, clock }, hooks);
    this.values = openValues(store, this.#writer, { clock, time, isClosed: () => this.#closed });
    restoreLedger(store, this.#ledger);
    this.#trimLater();
    if (latest.isBehind) this.#compaction.ask();
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
      const log = new LmdbLog(store, options, checked);
      await log.#life.open();
      return log;
    } catch (error) {
      await store.close();
      throw unusable(options.path, error);
    }
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    checkBatch(events, this.#bounds);
    const batch = prepareBatch(events, options, this.#bounds);
    batch.events.forEach(checkTopics);
    return await this.#writer.append(batch);
  }

  async read(request: ReadRequest, { signal }: AskOptions = {}): Promise<LogPage> {
    const isShort = Selector.of(request.selection).topics.isExact;
    for (;;) {
      while (this.#rounds.current) await this.#rounds.current;
      const page = await this.#look((turn) => this.#page(request, turn), { signal, isShort });
      if (page === 'damaged') await this.#writer.inTurn(() => this.#rounds.takeOutDamaged());
      else if (page !== 'trimming') return page;
    }
  }

  async plan(request: ReadRequest): Promise<PagePlan | undefined> {
    while (this.#rounds.current) await this.#rounds.current;
    return (await this.#look((turn) => ({ plan: this.#planOf(request, turn) }), { isShort: true })).plan;
  }

  locate(id: string, selection?: Selection, options: AskOptions = {}): Promise<Place> {
    return this.#placed(selection, this.#search.locate(id, selection, this.#end, options));
  }

  locateLast(selection: Selection, count: number, options: AskOptions = {}): Promise<Place> {
    return this.#placed(selection, this.#search.locateLast(selection, count, this.#end, options));
  }

  locateSince(selection: Selection, since: Since, options: AskOptions = {}): Promise<Place> {
    return this.#placed(selection, this.#search.locateSince(selection, since, this.#end, options));
  }

  totals(): LogTotals {
    const { events, bytes } = this.#writer.head;
    return { events, bytes };
  }

  follow(follower: LogFollower): LogFollowing {
    const { seq, publicSeq } = this.#writer.head;
    return this.#followers.add(follower, { epoch: this.#store.epochs.current, seq, publicSeq });
  }

  async trim(): Promise<void> {
    // Each step takes a turn of its own, so that a publisher never waits for more than one.
    // Reads that waited for it go on before the next one.
    while (!this.#closed && (await this.#writer.inTurn(() => this.#rounds.trimSome()))) await turnOfTheLoop();
    while (!this.#closed && (await this.#writer.expireKeys()));
    if (!this.#closed) await this.#life.removeDeleted();
    if (!this.#closed) await this.#writer.saveTime();
    if (!this.#closed) this.#store.checkReaders();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
    this.#compaction.stop();
    this.#life.close();
    await this.#writer.finish();
    await this.#writer.saveTime().catch((error: unknown) => this.#rounds.report(error));
    this.#followers.clear();
    await this.#store.close();
  }

  /** As much of a page as the turn allows; undefined if that is nothing. */
  #page(request: ReadRequest, turn: Turn): LogPage | 'trimming' | 'damaged' | undefined {
    if (this.#rounds.current) return 'trimming';
    const trimmed = this.#ledger.trimmed(request.selection, request.after, turn);
    const page = trimmed && this.#reader.page(request, this.#writer.head.events, turn);
    if (this.#store.damaged.size > 0) return 'damaged';
    if (!page) return undefined;
    const { through: trimmedThrough, trims, deleted: deletedThrough } = trimmed;
    return { ...page, trimmedThrough, trims, deletedThrough, ...this.#states.finalOf(request.selection) };
  }

  #planOf(request: ReadRequest, turn: Turn): PagePlan | undefined {
    if (this.#rounds.current) return undefined;
    const parts = { store: this.#store, ledger: this.#ledger, rows: this.#reader.rows, states: this.#states };
    return planOf(request, turn, { ...parts, events: this.#writer.head.events });
  }

  async #placed(selection: Selection | undefined, found: Promise<Place>): Promise<Place> {
    return { ...(await found), epoch: this.#store.epochs.current, ...this.#states.finalOf(selection) };
  }

  get #end(): LogEnd {
    return { head: this.#writer.head, trims: this.#ledger.changes };
  }

  /** Runs a search, in turns with all other searches. */
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
      void this.trim()
        .catch((error: unknown) => this.#rounds.report(error))
        .then(() => this.#trimLater());
    }, this.#trimEveryMs);
  }

  #onCommitted(batch: readonly LogEntry[]): void {
    this.#latest.note(batch);
    this.#followers.emit(batch);
    if (this.#latest.isBehind) this.#compaction.ask();
  }

  /** Removes what has been replaced by now, in steps between which publishers have their turn. What is replaced meanwhile has to wait. */
  async #compact(): Promise<void> {
    const through = this.#writer.head.seq;
    const some = async (): Promise<boolean> => this.#latest.isBehindOf(through) && (await this.#rounds.trimSome());
    try {
      while (!this.#closed && (await this.#writer.inTurn(some))) await turnOfTheLoop();
    } catch (error) {
      this.#rounds.report(error);
    }
    if (this.#latest.isBehind) this.#compaction.ask();
  }
}

function warn(error: LmdbError): void {
  process.emitWarning(error);
}
