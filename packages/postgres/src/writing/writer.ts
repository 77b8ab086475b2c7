import { ServerError, type LogEntry } from '@tidings/server/log';
import type { PostgresError } from '../errors.ts';
import { settle } from '../changes/settle.ts';
import type { Ask, Connection } from '../store/connection.ts';
import { isAway, lostBy } from '../store/failure.ts';
import { trimExcess } from '../changes/excess.ts';
import { finish, flush } from '../changes/flush.ts';
import { Transaction, untilSafe, type LogParts } from '../changes/transaction.ts';

// What a transaction holds at most, a large batch aside: it bounds its memory, and for how long it has the head locked.
const MAX_COMMIT_BYTES = 4 * 1024 * 1024;
const MAX_COMMIT_EVENTS = 1000;

// How long it waits before it tries again to reach a database, in milliseconds: at first, and at most.
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;

// For how long appends that do not wait are refused at once when the database could not be reached, in milliseconds.
const RETRY_AFTER_MS = 500;

/** A piece of work that is part of a transaction with others. */
export interface Job {
  /** What it costs in memory while it waits. */
  readonly bytes: number;
  readonly events: number;
  /** What it has to know. */
  readonly topics: readonly string[];
  readonly keys: readonly Buffer[];
  /** Whether it is part of a transaction for itself. */
  readonly isAlone?: boolean;
  /** Whether it moves what is in the outbox, in a transaction for itself. It is resolved with undefined if another node moves at the same time. */
  readonly isMove?: boolean;
  /** Does it. It may come again if the transaction could not be committed. It rejects with a `ServerError` before it has changed anything, or with what fails the transaction. */
  run(tx: Transaction): unknown;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** What the writer tells its log. */
export interface WriterHooks {
  /** A transaction has been committed. Resolves when followers were handed its entries, or will have to read them. */
  onCommitted(before: number, tx: Transaction, entries: readonly LogEntry[]): Promise<void>;
  /** More is to be removed than one transaction removes, among others of these topics. */
  onExcess(topics: ReadonlySet<string>): void;
  /** Whether the database can be reached. */
  onReached(failure: PostgresError | undefined): void;
}

/** Carries out what changes the log, in transactions one after the other. Work that comes while one is under way shares the next. */
export class Writer {
  readonly #parts: LogParts;
  readonly #hooks: WriterHooks;
  readonly #connection: Connection;
  readonly #waitMs: number;
  readonly #maxWaitingBytes: number;
  readonly #waiting: Job[] = [];
  #waitingBytes = 0;
  #working: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Why the database could not be reached last, and until when it is not tried again for those who do not wait. */
  #away: { readonly failure: PostgresError; readonly until: number } | undefined;
  #isClosing = false;

  constructor(
    parts: LogParts,
    connection: Connection,
    limits: { readonly waitMs: number; readonly maxWaitingBytes: number },
    hooks: WriterHooks,
  ) {
    this.#parts = parts;
    this.#hooks = hooks;
    this.#connection = connection;
    this.#waitMs = limits.waitMs;
    this.#maxWaitingBytes = limits.maxWaitingBytes;
  }

  /** @throws {ServerError} `ERR_TOO_MUCH_WAITS` */
  do<T>(job: Omit<Job, 'resolve' | 'reject' | 'run'> & { run(tx: Transaction): T | Promise<T> }): Promise<T> {
    const bytes = this.#waitingBytes + job.bytes;
    if (this.#waitingBytes > 0 && job.bytes > 0 && bytes > this.#maxWaitingBytes) {
      const message = `Cannot append: events of ${this.#waitingBytes} bytes wait for the database; at most ${this.#maxWaitingBytes} may wait`;
      return Promise.reject(new ServerError('ERR_TOO_MUCH_WAITS', message));
    }
    this.#waitingBytes = bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        ...job,
        resolve: (result) => resolve(result as T),
        reject,
        run: (tx: Transaction): unknown => job.run(tx),
      });
      this.#working ??= this.#work();
    });
  }

  /** Does what is part of a transaction with others, and needs little memory. */
  change<T>(topics: readonly string[], run: (tx: Transaction) => T | Promise<T>, isAlone: boolean = false): Promise<T> {
    return this.do({ bytes: 0, events: 1, topics, keys: [], isAlone, run });
  }

  /** Moves what is in the outbox. Resolves to undefined if another node does that at the same time. */
  move<T>(run: (tx: Transaction) => Promise<T>): Promise<T | undefined> {
    return this.do<T | undefined>({ bytes: 0, events: 1, topics: [], keys: [], isAlone: true, isMove: true, run });
  }

  /** Waits for the work under way, and ends the connection. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#wake?.();
    while (this.#working) await this.#working;
    await this.#connection.close();
  }

  async #work(): Promise<void> {
    // Calls of one turn of the event loop share a transaction.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#carryOut(this.#take());
    this.#working = undefined;
  }

  #take(): Job[] {
    const group: Job[] = [];
    let [bytes, events] = [0, 0];
    for (const job of this.#waiting) {
      const isFull = bytes + job.bytes > MAX_COMMIT_BYTES || events + job.events > MAX_COMMIT_EVENTS;
      if (group.length > 0 && (isFull || job.isAlone === true || group[0]?.isAlone === true)) break;
      group.push(job);
      bytes += job.bytes;
      events += job.events;
    }
    this.#waiting.splice(0, group.length);
    return group;
  }

  /** Carries out a group, which is answered whatever comes of it. While the database is away it waits for as long as it may. */
  async #carryOut(group: readonly Job[]): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.now() + this.#waitMs;
    try {
      if (this.#away && this.#waitMs === 0 && clock.now() < this.#away.until) return refuse(group, this.#away.failure);
      for (let failures = 0; ; failures += 1) {
        const failure = await this.#try(group);
        if (!failure) return;
        // A connection may have been lost long ago: it is made anew once, at once.
        if (failures === 0) continue;
        if (failure.code === 'ERR_STORE_AWAY') this.#hooks.onReached(failure);
        this.#away = { failure, until: clock.now() + RETRY_AFTER_MS };
        const isOver = clock.now() >= until || this.#isClosing || failure.code !== 'ERR_STORE_AWAY';
        if (isOver) return refuse(group, failure);
        await this.#pause(Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS, until - clock.now()));
      }
    } finally {
      for (const { bytes } of group) this.#waitingBytes -= bytes;
    }
  }

  /** Carries out a group. Returns why the database could not be reached, if nothing of it was stored. */
  async #try(group: readonly Job[]): Promise<PostgresError | undefined> {
    let tx: Transaction | undefined;
    let isCommitting = false;
    const done: (() => void)[] = [];
    try {
      const ask = await this.#connection.open();
      const isMove = group[0]?.isMove === true;
      tx = await Transaction.begin(ask, this.#parts, isMove);
      if (!tx) {
        await ask('rollback');
        for (const job of group) job.resolve(undefined);
        return undefined;
      }
      await settle(tx);
      await tx.load(group.flatMap(({ topics }) => topics));
      await tx.loadKeys(group.flatMap(({ keys }) => keys));
      const refused = await this.#runAll(tx, group, done);
      await flush(tx);
      await trimExcess(tx);
      const isChanged = await finish(tx);
      isCommitting = isChanged;
      await ask(isChanged ? 'commit' : 'rollback');
      for (const each of refused) each();
    } catch (error) {
      const fate = isCommitting && tx && isAway(error) ? await this.#fateOf(tx) : 'aborted';
      if (fate !== 'committed' || !tx) return await this.#failed(error, group, fate === 'unknown');
    }
    this.#away = undefined;
    this.#hooks.onReached(undefined);
    await this.#committed(tx);
    for (const each of done) each();
    return undefined;
  }

  /** Runs each job. Returns what refuses those that are refused. */
  async #runAll(tx: Transaction, group: readonly Job[], done: (() => void)[]): Promise<(() => void)[]> {
    const refused: (() => void)[] = [];
    for (const job of group) {
      try {
        const result = await job.run(tx);
        done.push(() => job.resolve(result));
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        refused.push(() => job.reject(error));
      }
    }
    return refused;
  }

  async #committed(tx: Transaction): Promise<void> {
    const { ledger, seen } = this.#parts;
    if (!tx.isChanged) return;
    if (tx.plan) ledger.apply(tx.plan.at, tx.plan.plan);
    seen.epoch = tx.epoch;
    seen.seq = tx.seq;
    seen.started = tx.state.identity.started ?? '';
    if (tx.hasMore) this.#hooks.onExcess(tx.full);
    await this.#hooks.onCommitted(tx.before, tx, tx.entries);
  }

  /** What became of a transaction of whose commit no answer came. */
  async #fateOf(tx: Transaction): Promise<'committed' | 'aborted' | 'unknown'> {
    this.#connection.drop();
    let isCommitted = false;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        const ask = await this.#connection.open();
        const [row] = await ask<{ status: string | null }>('select pg_xact_status($1::xid8) as status', [tx.xact]);
        const { system, timeline } = tx.state.identity;
        const now = this.#connection.cluster;
        // Another server may have given the same number to another transaction.
        if (now?.system !== system || now.timeline !== timeline) return 'unknown';
        if (row?.status === 'aborted') return 'aborted';
        if (row?.status === 'committed') {
          isCommitted = true;
          await untilSafe(ask);
          return 'committed';
        }
      } catch {
        this.#connection.drop();
        if (isCommitted) return 'unknown';
      }
      await this.#pause(FIRST_RETRY_MS * 2 ** attempt);
    }
    return 'unknown';
  }

  /** Returns the failure if it was the connection's and the group may be tried again. Else the group is refused. */
  async #failed(error: unknown, group: readonly Job[], isUnknown: boolean): Promise<PostgresError | undefined> {
    if (!isAway(error)) {
      await this.#rollBack();
      refuse(group, error);
      return undefined;
    }
    this.#connection.drop();
    const failure = lostBy(error);
    if (!isUnknown) return failure;
    refuse(group, failure, 'It is not known whether it was stored, because the database was lost while it answered');
    return undefined;
  }

  async #rollBack(): Promise<void> {
    try {
      const ask: Ask = await this.#connection.open();
      await ask('rollback');
    } catch {
      this.#connection.drop();
    }
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve(), ms);
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
      if (this.#isClosing) this.#wake();
    });
  }
}

function refuse(group: readonly Job[], cause: unknown, what: string = 'Cannot store it'): void {
  const why = cause instanceof Error ? cause.message : String(cause);
  const code = isAway(cause) ? 'ERR_STORE_AWAY' : 'ERR_NOT_STORED';
  for (const job of group) job.reject(new ServerError(code, `${what}: ${why}`, { cause }));
}
