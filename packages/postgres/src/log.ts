import {
  checkBatch,
  LogTime,
  newToken,
  prepareBatch,
  ServerError,
  systemClock,
  TopicBounds,
  Turns,
  type AppendOptions,
  type AppendReceipt,
  type AskOptions,
  type EventLog,
  type LogFollower,
  type LogFollowing,
  type LogPage,
  type LogTotals,
  type NewEvent,
  type Place,
  type PreparedBatch,
  type ReadRequest,
  type Selection,
  type Since,
  type StoredValues,
  type TopicDirectory,
  type TopicStates,
} from '@tidings/server/log';
import { Follower } from './following/follower.ts';
import { TopicLife } from './life/topic-life.ts';
import { SharedValues } from './life/values.ts';
import { Outbox } from './outbox/outbox.ts';
import { checkOptions, optionsOf, type CheckedOptions, type PostgresLogOptions } from './options.ts';
import { directory } from './reading/directory.ts';
import { Reader } from './reading/reader.ts';
import { Readers } from './reading/readers.ts';
import { Search } from './reading/search.ts';
import { Standby } from './reading/standby.ts';
import type { PostgresError } from './errors.ts';
import { Reports } from './reports.ts';
import { Connection, unusable } from './store/connection.ts';
import { EpochsCopy } from './store/epochs-copy.ts';
import { isOfStore } from './store/failure.ts';
import { readHead } from './store/head.ts';
import { prepare, type Opened } from './store/opening.ts';
import { TrimRounds } from './writing/rounds.ts';
import { appendTo, digestOfKey, topicsNeeded } from './changes/appending.ts';
import type { LogParts, Transaction } from './changes/transaction.ts';
import { Writer } from './writing/writer.ts';

/**
 * A log in PostgreSQL, which any number of nodes share. Every append locks one row, so that the order of the numbers is that of the commits. Appends that
 * come while a transaction is under way share the next one.
 */
export class PostgresLog implements EventLog {
  readonly trimmedIsExact = true;
  readonly directory: TopicDirectory;
  readonly topics: TopicStates;
  readonly values: StoredValues;
  readonly #parts: LogParts;
  readonly #readers: Readers;
  readonly #standby: Standby | undefined;
  readonly #reader: Reader;
  readonly #search: Search;
  readonly #writer: Writer;
  readonly #follower: Follower;
  readonly #life: TopicLife;
  readonly #rounds: TrimRounds;
  readonly #outbox: Outbox;
  /** What is kept, as of the last head that this node has seen. */
  #kept: LogTotals;
  #closed = false;

  private constructor(options: PostgresLogOptions, checked: CheckedOptions, { head, ledger, connection }: Opened) {
    const clock = options.clock ?? systemClock;
    const { time: at, clock: told } = head.state;
    this.#kept = head.state;
    const time = new LogTime(clock, { time: at, clock: told, shifts: [] });
    const { schema, bounds, retention, statementMs } = checked;
    const epochs = new EpochsCopy();
    const seen = { epoch: head.epoch, seq: head.seq, started: head.here.started };
    const reports = new Reports(options.onError);
    const topicBounds = new TopicBounds(retention);
    const node = newToken();
    this.#parts = { schema, node, clock, time, bounds, retention, topicBounds, ledger, epochs, statementMs, seen };
    const { replicaUrl, maxReaders: max, waitMs } = checked;
    this.#readers = new Readers(checked, { clock, max, waitMs });
    if (replicaUrl !== undefined) {
      const place = { ...checked, url: replicaUrl, isReplica: true };
      this.#standby = new Standby(new Readers(place, { clock, max, waitMs: 0 }), clock, reports);
    }
    const reached = (who: string, failure: PostgresError | undefined): void => {
      if (!failure) this.#readers.reached();
      reports.reached(who, failure);
    };
    const readerParts = {
      readers: this.#readers,
      standby: this.#standby,
      ledger,
      epochs,
      seen,
      turns: Turns.of(options),
      onMoved: () => this.#writer.change([], () => undefined),
    };
    this.#reader = new Reader(readerParts);
    this.#search = new Search(readerParts, time);
    this.directory = directory(this.#readers);
    this.#writer = new Writer(this.#parts, connection, checked, {
      onCommitted: async (before, tx, entries) => {
        this.#life.wakeAt(tx.state.due);
        this.#kept = tx.state;
        const { seq, epoch, trims } = tx;
        await this.#follower.handOver(before, entries, { seq, epoch, trims, publicSeq: tx.state.publicSeq });
      },
      onExcess: (topics) => this.#rounds.soon(topics),
      onReached: (failure) => reached('write', failure),
    });
    const isClosed = (): boolean => this.#closed;
    const shared = new SharedValues(this.#writer, this.#readers, { clock, time, isClosed });
    this.values = shared.values;
    const parts = { ...this.#parts, readers: this.#readers, writer: this.#writer, isClosed };
    this.topics = this.#life = new TopicLife(parts);
    const look = (): void => this.#follower.wake();
    const outbox = new Outbox({ writer: this.#writer, bounds, reports, clock, look });
    this.#outbox = outbox;
    this.#rounds = new TrimRounds(this.#writer, clock, checked.trimEveryMs, reports);
    this.#follower = new Follower(checked, { clock, ledger, epochs, pollMs: checked.pollMs, node }, seen, {
      onHead: async (found, ask) => {
        this.#life.wakeAt(found.state.due);
        this.#kept = found.state;
        await shared.sync(ask, found);
      },
      onOutbox: () => outbox.told(),
      onOutboxFound: (isSo) => outbox.found(isSo),
      onMoved: readerParts.onMoved,
      onReached: (failure) => reached('follow', failure),
    });
  }

  /**
   * Opens the log in a database. The tables are made if they are not there.
   * @throws {PostgresError} `ERR_INVALID_OPTION`, `ERR_STORE_AWAY`, `ERR_STORE_UNFIT`, `ERR_STORE_NEWER`
   */
  static async open(options: PostgresLogOptions): Promise<PostgresLog> {
    const checked = checkOptions(options);
    const connection = new Connection(checked);
    let log: PostgresLog | undefined;
    try {
      log = new PostgresLog(options, checked, await prepare(connection, checked.schema, options.clock ?? systemClock));
      const { maxEventBytes } = checked.bounds;
      await log.#writer.change([], (tx) => setLimits(tx, maxEventBytes));
      await log.#follower.start();
      log.#rounds.start();
      // Whether it can be used is told before it is needed.
      log.#standby?.ask((ask) => readHead(ask)).catch(() => {});
      return log;
    } catch (error) {
      if (log) await log.close();
      else await connection.close();
      const cause = error instanceof ServerError && error.cause ? error.cause : error;
      throw isOfStore(cause) ? unusable(cause) : cause;
    }
  }

  /**
   * Opens the log of a URL, as `tidings serve --log` does: `postgres://user:password@host:5432/database?schema=tidings`. The parameter `schema` is the option.
   * @throws {PostgresError} as {@link PostgresLog.open}
   */
  static async openUrl(url: string, options: Omit<PostgresLogOptions, 'url' | 'schema'> = {}): Promise<PostgresLog> {
    return await PostgresLog.open(optionsOf(url, options));
  }

  /**
   * Checks what {@link PostgresLog.openUrl} is given, as far as that needs no connection.
   * @throws {PostgresError} `ERR_INVALID_OPTION`
   */
  static checkUrl(url: string, options: Omit<PostgresLogOptions, 'url' | 'schema'> = {}): void {
    checkOptions(optionsOf(url, options));
  }

  async append(events: readonly NewEvent[], options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.#closed) throw new ServerError('ERR_CLOSED', 'Cannot append: the log has been closed');
    const { bounds } = this.#parts;
    checkBatch(events, bounds);
    const batch = prepareBatch(events, options, bounds);
    return await this.#writer.do({
      bytes: costOf(batch),
      events: batch.events.length,
      topics: topicsNeeded(batch),
      keys: batch.key === undefined ? [] : [digestOfKey(batch.key)],
      run: (tx) => appendTo(tx, batch),
    });
  }

  async read(request: ReadRequest, options: AskOptions = {}): Promise<LogPage> {
    return await this.#reader.page(request, options);
  }

  async locate(id: string, selection?: Selection, options: AskOptions = {}): Promise<Place> {
    return await this.#search.locate(id, selection, options);
  }

  async locateLast(selection: Selection, count: number, options: AskOptions = {}): Promise<Place> {
    return await this.#search.locateLast(selection, count, options);
  }

  async locateSince(selection: Selection, since: Since, options: AskOptions = {}): Promise<Place> {
    return await this.#search.locateSince(selection, since, options);
  }

  totals(): LogTotals {
    const { events, bytes } = this.#kept;
    return { events, bytes };
  }

  follow(follower: LogFollower): LogFollowing {
    return this.#follower.add(follower);
  }

  async trim(): Promise<void> {
    await this.#rounds.trim();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#life.close();
    this.#rounds.stop();
    this.#outbox.close();
    // The time at which it was closed is kept: what passes until then is known when it is opened again.
    const saved = this.#writer.change([], (tx) => {
      tx.isChanged = true;
    });
    const written = this.#writer.close();
    await saved.catch(() => {});
    await written;
    await this.#follower.close();
    await this.#readers.close();
    await this.#standby?.close();
  }
}

/** What is published in the transactions of others is checked there, by the limits of the node that was opened last. */
async function setLimits(tx: Transaction, maxEventBytes: number): Promise<void> {
  const changed = await tx.ask('update @limits set max_event_bytes = $1 where max_event_bytes <> $1 returning 1', [
    maxEventBytes,
  ]);
  if (changed.length > 0) tx.isChanged = true;
}

/** What a batch costs in memory while it waits. */
function costOf({ events, key = '' }: PreparedBatch): number {
  return events.reduce((sum, { body, topics }) => sum + body.length + 500 + 100 * topics.length, 2 * key.length);
}
