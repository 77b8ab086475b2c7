import {
  type AppendOptions,
  type AppendReceipt,
  type AskOptions,
  checkBatch,
  type CheckedBounds,
  type Clock,
  type EventLog,
  Followers,
  type FollowStart,
  type LogEntry,
  type LogFollower,
  type LogFollowing,
  type LogPage,
  type LogTotals,
  type MemoryLog,
  type NewEvent,
  type Place,
  prepareBatch,
  type ReadRequest,
  type Selection,
  type Since,
  type StoredValues,
  systemClock,
  type TopicDirectory,
  type TopicStates,
} from '@tidings/server/log';
import { readUrl } from './address.ts';
import { Following } from './following/following.ts';
import { natsTopics } from './life/topics.ts';
import { NatsValues } from './life/values.ts';
import { failing, warn } from './store/failing.ts';
import { type Checked, checkOptions, type NatsLogOptions } from './options.ts';
import { plainEvents } from './replica/command.ts';
import { positionOf } from './replica/position.ts';
import { unusable } from './store/problem.ts';
import { Store } from './store/store.ts';
import { Ticks } from './writing/ticks.ts';
import { checkWritable } from './writing/writable.ts';
import { away, closed, Writer } from './writing/writer.ts';

// How long a read waits for the store that can also do without it, in milliseconds.
const KNOWN_MS = 1000;

// Steps in which a question waits for the store.
const STEP_MS = 100;

/**
 * A log in a stream of NATS JetStream, for any number of nodes. Every node carries out what is in the stream, in its order, and so has the same log in its memory, from
 * which it reads. An append is answered when it is stored and this node has carried it out.
 */
export class NatsLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly topics: TopicStates;
  readonly values: StoredValues;
  readonly directory: TopicDirectory = {
    list: (request) => this.#ask((log) => log.directory.list(request)),
  };
  readonly #store: Store;
  readonly #following: Following;
  readonly #writer: Writer;
  readonly #ticks: Ticks;
  readonly #values: NatsValues;
  readonly #followers = new Followers();
  readonly #bounds: CheckedBounds;
  readonly #waitMs: number;
  /** How far followers have been handed over; undefined while they are not handed anything. */
  #reached: FollowStart | undefined;
  /** The epoch that followers were told of. */
  #epoch = '';
  #reported = '';
  #isClosed = false;

  private constructor(store: Store, options: NatsLogOptions, checked: Checked) {
    const clock: Clock = options.clock ?? systemClock;
    const { onError: tell = warn } = options;
    const onError = (error: unknown): void => tell(failing(error, checked.name));
    const { settings, bounds, waitMs, maxWaitingBytes, compactBytes } = checked;
    this.#store = store;
    this.#bounds = bounds;
    this.#waitMs = waitMs;
    this.#following = new Following(
      { store, clock, scanMs: options.scanMs, compactBytes, settings },
      {
        onBatch: (batch) => this.#emit(batch),
        onLog: (log) => this.#values.changed(log),
        onLive: () => this.#onLive(),
        onLost: (reason) => this.#onLost(reason),
        onDone: (done) => {
          this.#writer.done(done);
          this.#ticks.plan();
        },
        onError: (error) => this.#report(error, onError),
        begin: (...start) => this.#writer.begin(...start),
      },
    );
    this.#writer = new Writer({ store, following: this.#following, waitMs, maxWaitingBytes });
    const ask = this.#writer.ask.bind(this.#writer);
    this.#ticks = new Ticks(clock, this.#following, ask);
    const log = (): MemoryLog => this.#log;
    this.#values = new NatsValues({
      get log() {
        return log();
      },
      ask,
      checkOpen: () => this.#checkOpen(),
      settle: () => this.#untilWhole(),
      current: () => this.#ask(() => Promise.resolve()),
    });
    this.values = this.#values;
    this.topics = natsTopics({
      get states() {
        return log().topics;
      },
      ask,
      current: () => this.#ask(() => Promise.resolve()),
    });
  }

  /**
   * Opens a log. Makes its stream on the server, unless it is there.
   * @throws {NatsError} `ERR_INVALID_OPTION`, `ERR_STORE_AWAY`, `ERR_STORE_LIMITS`, `ERR_STORE_FORMAT`
   */
  static async open(options: NatsLogOptions): Promise<NatsLog> {
    const checked = checkOptions(options);
    const store = await Store.connect(checked);
    const log = new NatsLog(store, options, checked);
    try {
      await log.#following.open();
      const tell = (error: unknown): void => log.#report(error, options.onError ?? warn);
      await checkWritable(store, () => log.#begin(checked), tell);
      return log;
    } catch (error) {
      await log.close();
      throw unusable(error);
    }
  }

  /**
   * Opens the log of a URL, as `tidings serve --log` does: `nats://user:password@host:4222,other:4222/name?replicas=3`. Everything but the first host may be left out;
   * the parameters are `replicas`, `waitMs` and `compactBytes`.
   * @throws {NatsError} as {@link NatsLog.open}
   */
  static async openUrl(url: string, options: Omit<NatsLogOptions, 'servers' | 'name'> = {}): Promise<NatsLog> {
    return await NatsLog.open({ ...options, ...readUrl(url) });
  }

  /**
   * Checks what {@link NatsLog.openUrl} is given, as far as that needs no connection.
   * @throws {NatsError} `ERR_INVALID_OPTION`
   */
  static checkUrl(url: string, options: Omit<NatsLogOptions, 'servers' | 'name'> = {}): void {
    checkOptions({ ...options, ...readUrl(url) });
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    this.#checkOpen();
    checkBatch(events, this.#bounds);
    const { key, digest, leases, conditions } = prepareBatch(events, options, this.#bounds);
    const checked = { key, digest, leases, conditions };
    return (await this.#writer.ask({ op: 'append', events: plainEvents(events), options: checked })) as AppendReceipt;
  }

  async read(request: ReadRequest, options: AskOptions = {}): Promise<LogPage> {
    for (;;) {
      // What this node has is right, also while the store is away.
      const isKnown = this.#isWhole && request.through <= (this.#reached?.seq ?? positionOf(this.#log).seq);
      if (!isKnown || this.#following.isLive) {
        const waitMs = isKnown ? Math.min(KNOWN_MS, this.#waitMs) : this.#waitMs;
        await this.#current(options, waitMs).catch((error: unknown) => {
          options.signal?.throwIfAborted();
          if (!isKnown || this.#isClosed) throw error;
        });
      }
      if (this.#isWhole) return await this.#log.read(request, options);
    }
  }

  async locate(id: string, selection?: Selection, options: AskOptions = {}): Promise<Place> {
    const place = await this.#ask((log) => log.locate(id, selection, options), options);
    if (place.misplaced !== 'ahead') return place;
    // A server that has just taken over may have told too little, and no cursor that was given may be called ahead.
    await this.#ticks.confirm();
    return await this.#ask((log) => log.locate(id, selection, options), options);
  }

  async locateLast(selection: Selection, count: number, options: AskOptions = {}): Promise<Place> {
    return await this.#ask((log) => log.locateLast(selection, count, options), options);
  }

  async locateSince(selection: Selection, since: Since, options: AskOptions = {}): Promise<Place> {
    return await this.#ask((log) => {
      // The replica has the time of its last message.
      const passed = this.#following.passedMs;
      return log.locateSince(selection, 'ago' in since ? { ago: since.ago - passed } : since, options);
    }, options);
  }

  totals(): LogTotals {
    return this.#log.totals();
  }

  follow(follower: LogFollower): LogFollowing {
    return this.#followers.add(follower, this.#reached);
  }

  async trim(): Promise<void> {
    this.#checkOpen();
    await this.#writer.ask({ op: 'tick' });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ticks.close();
    this.#values.close();
    await this.#writer.close();
    this.#followers.clear();
    await this.#following.close();
    await this.#store.close();
  }

  /** Carries out what has become due while no node ran, and gives the log its settings if they are others. */
  async #begin({ settings }: Checked): Promise<void> {
    const isOther = JSON.stringify(this.#following.replica.settings) !== JSON.stringify(settings);
    await this.#writer.ask(isOther ? { op: 'settings', settings } : { op: 'tick' });
  }

  get #log(): MemoryLog {
    return this.#following.replica.log;
  }

  /** Whether the replica has what followers were told of. One that is made anew is empty first, and its numbers are others after a new epoch has begun. */
  get #isWhole(): boolean {
    return this.#following.isWhole && this.#log.epochs.current === this.#epoch;
  }

  /** Asks the replica when it has everything that was stored before the call, and time has done its part. */
  async #ask<T>(question: (log: MemoryLog) => Promise<T>, options?: AskOptions): Promise<T> {
    do await this.#current(options);
    while (!this.#isWhole);
    return await question(this.#log);
  }

  /** Resolves when the replica has what this node has told of, and time has done its part, which has to wait while the store is away. */
  async #untilWhole(): Promise<void> {
    await this.#ticks.settle();
    while (!this.#isWhole) await this.#current();
  }

  /** Resolves when the replica has everything that was stored before the call, and time has done its part. */
  async #current({ signal }: AskOptions = {}, waitMs: number = this.#waitMs): Promise<void> {
    const until = performance.now() + Math.max(waitMs, STEP_MS);
    for (;;) {
      signal?.throwIfAborted();
      this.#checkOpen();
      const isLive = this.#following.isLive;
      if (isLive && (await this.#isCurrent())) break;
      if (performance.now() >= until || (!isLive && waitMs === 0)) throw away('it cannot be asked');
      await this.#following.waiting.until(() => isLive !== this.#following.isLive, STEP_MS);
    }
    await this.#ticks.settle();
  }

  async #isCurrent(): Promise<boolean> {
    try {
      const newest = await this.#following.newest.ask();
      return await this.#following.waiting.until(
        () => this.#following.isLive && this.#following.replica.at >= newest,
        STEP_MS,
      );
    } catch {
      return false;
    }
  }

  #emit(batch: readonly LogEntry[]): void {
    if (!this.#reached) return;
    this.#reached = positionOf(this.#log);
    this.#followers.emit(batch);
  }

  #onLive(): void {
    this.#reported = '';
    this.#reached = positionOf(this.#log);
    this.#epoch = this.#reached.epoch;
    this.#followers.start(this.#reached);
    this.#ticks.plan();
  }

  #onLost(reason: unknown): void {
    this.#reached = undefined;
    this.#followers.lose(reason);
  }

  #report(error: unknown, onError: (error: unknown) => void): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message === this.#reported) return;
    this.#reported = message;
    onError(error);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}
