import { statfs } from 'node:fs/promises';
import {
  concernsStates,
  idsOf,
  refusalOf,
  repeatOf,
  ServerError,
  type AppendReceipt,
  type FactsOf,
  type KeyedAppend,
  type LogEntry,
  type LogTime,
  type PreparedBatch,
  type PreparedEvent,
  type TopicDraft,
} from '@tidings/server/log';
import { LmdbAppender, MAX_COMMIT_BYTES, MAX_COMMIT_EVENTS, type AppenderParts } from './appender.ts';
import { costsOfBatch } from '../records/cost.ts';
import type { LmdbKeys } from './keys.ts';
import { receiptOf, type Part } from './part.ts';
import { GroupFacts, noteBatch } from '../tables/states.ts';
import type { HeadRecord, Incoming, Track } from '../tables/store.ts';

/** A batch that is waiting to be stored. */
interface Waiting {
  readonly batch: PreparedBatch;
  /** What it will cost on disk, and what it costs in memory until then. */
  readonly disk: number;
  readonly memory: number;
  readonly resolve: (receipt: AppendReceipt) => void;
  readonly reject: (error: Error) => void;
}

export interface WriterParts extends AppenderParts {
  readonly keys: LmdbKeys;
  readonly time: LogTime;
  /** What the events that wait may cost in memory, in bytes. */
  readonly maxWaitingBytes: number;
}

export interface WriterHooks {
  /** Runs before each commit: closes topics whose leases have ended. May not reject. */
  readonly settle: () => Promise<void>;
  /** Makes room for the events that are about to be added. May not reject. */
  readonly makeRoom: (incoming: Incoming) => Promise<void>;
  /** Called with every batch that has been committed. */
  readonly onCommitted: (batch: readonly LogEntry[]) => void;
  /** Runs after each commit, before the next one. May not reject. */
  readonly afterCommit: () => Promise<void>;
}

/** The batches that are stored together, with the result of each. */
interface Group {
  readonly events: readonly PreparedEvent[];
  /** What is stored of each batch, the receipt of one that was stored before, or an error for one whose key was used for another. */
  readonly outcomes: readonly (Part | AppendReceipt | ServerError)[];
  readonly keys: ReadonlyMap<string, KeyedAppend>;
  readonly now: number;
  readonly bytes: number;
  /** What changes of the states of topics; undefined if nothing does. */
  readonly states: TopicDraft | undefined;
}

/**
 * Stores batches in the order in which they arrive. Batches that arrive while the disk is busy are committed together (group commit), and each is
 * answered when the commit that holds it has been synced. One thing is written at a time.
 */
export class LmdbWriter {
  /** The state after the last commit. */
  head: HeadRecord;
  readonly #parts: WriterParts;
  readonly #hooks: WriterHooks;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #committing = false;
  readonly #appender: LmdbAppender;
  /** Which of the changes of the log's time has been stored. */
  #savedTime = 0;

  constructor(parts: WriterParts, hooks: WriterHooks) {
    this.head = parts.store.head;
    this.#parts = parts;
    this.#hooks = hooks;
    this.#appender = new LmdbAppender(parts);
  }

  /** Resolves when the batch is on disk. */
  append(batch: PreparedBatch): Promise<AppendReceipt> {
    const { disk, memory } = costsOfBatch(batch.events);
    const { maxWaitingBytes } = this.#parts;
    // If nothing waits, there is room for any batch.
    if (this.#waitingBytes > 0 && this.#waitingBytes + memory > maxWaitingBytes) {
      const message = `Cannot append: events of ${this.#waitingBytes} bytes are waiting to be stored, and ${maxWaitingBytes} is the limit`;
      return Promise.reject(new ServerError('ERR_TOO_MUCH_WAITS', message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, disk, memory, resolve, reject });
      this.#waitingBytes += memory;
      this.#commitSoon();
    });
  }

  /** Runs a write after the earlier ones, whether they succeeded or failed. */
  async inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(write);
    this.#writing = turn.then(
      () => {},
      () => {},
    );
    return await turn;
  }

  /** Stores an event of the log's own, as part of a turn. @param states what else changes of the states of topics */
  async appendOwn(events: readonly PreparedEvent[], states: TopicDraft): Promise<void> {
    await this.#store({ events, outcomes: [], keys: new Map(), now: this.#parts.time.now(), bytes: 0, states });
  }

  /** Writes what is kept beside events, as part of a turn. @param rows how many rows that changes or removes */
  async write(head: HeadRecord, write: (track: Track) => void, rows: number): Promise<void> {
    const { store, time } = this.#parts;
    const { changes } = time;
    const writeAll = (track: Track): void => {
      write(track);
      if (changes !== this.#savedTime) track(store.meta.put('time', time.record()));
      track(store.meta.put('head', head));
    };
    try {
      await store.commit(writeAll, { rows });
    } catch (error) {
      throw await this.notStored(error);
    }
    this.head = head;
    this.#savedTime = changes;
  }

  /** What those are told whose change could not be written. */
  async notStored(cause: unknown): Promise<ServerError> {
    if (cause instanceof ServerError) return cause;
    const { path } = this.#parts.store;
    const found = cause instanceof Error ? cause.message : String(cause);
    const free = await statfs(path).then(
      (disk) => `, ${disk.bavail * disk.bsize} bytes are free on its disk`,
      () => '',
    );
    return new ServerError('ERR_NOT_STORED', `Cannot store events in ${path}: ${found}${free}`, { cause });
  }

  /** Forgets a small number of keys that are too old. Returns whether there were any. */
  async expireKeys(): Promise<boolean> {
    return await this.inTurn(async () => {
      const { store, keys, time } = this.#parts;
      const change = keys.expire(time.now(), this.head);
      if (!change) return false;
      const head = { ...this.head, ...change.counts };
      const write = (track: Track): void => {
        change.write(track);
        track(store.meta.put('head', head));
      };
      await store.commit(write, { rows: change.rows });
      this.head = head;
      return true;
    });
  }

  /** Stores the state of the log's own time, if the clock of the system has been set. */
  async saveTime(): Promise<void> {
    await this.inTurn(async () => {
      const { store, time, topics } = this.#parts;
      time.now();
      const { changes } = time;
      // A log that nothing has been appended to, and that knows of no topic, has no time of its own.
      if (changes === this.#savedTime || (this.head.seq === 0 && topics.states.book.size === 0)) return;
      await store.commit((track) => track(store.meta.put('time', time.record())));
      this.#savedTime = changes;
    });
  }

  /** Resolves when everything that was appended has been written. */
  async finish(): Promise<void> {
    while (this.#committing) await this.#writing;
    await this.#writing;
  }

  #commitSoon(): void {
    if (this.#committing) return;
    this.#committing = true;
    void this.inTurn(async () => {
      await this.#hooks.settle();
      await this.#commitGroup(this.#takeGroup());
      await this.#hooks.afterCommit();
    }).finally(() => {
      this.#committing = false;
      if (this.#waiting.length > 0) this.#commitSoon();
    });
  }

  #takeGroup(): Waiting[] {
    let [bytes, events, count] = [0, 0, 0];
    const most = this.#waiting.length > 1 ? this.#parts.store.room.most(MAX_COMMIT_EVENTS) : MAX_COMMIT_EVENTS;
    for (const waiting of this.#waiting) {
      bytes += waiting.disk;
      events += waiting.batch.events.length;
      if (count > 0 && (bytes > MAX_COMMIT_BYTES || events > most)) break;
      this.#waitingBytes -= waiting.memory;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #commitGroup(waiting: readonly Waiting[]): Promise<void> {
    try {
      const group = this.#prepare(waiting);
      let entries: readonly LogEntry[] = [];
      if (group.events.length > 0) {
        await this.#hooks.makeRoom(this.#incoming(group));
        entries = await this.#store(group);
        // What is more than the bounds allow now, or would have been without what it has replaced, is removed before it is answered.
        await this.#hooks.makeRoom({ events: 0, bytes: 0 });
      }
      waiting.forEach(({ resolve, reject }, index) => {
        const outcome = group.outcomes[index];
        if (outcome instanceof ServerError) reject(outcome);
        else if (outcome) resolve('from' in outcome ? receiptOf(entries.slice(outcome.from, outcome.to)) : outcome);
      });
    } catch (error) {
      const failure = await this.notStored(error);
      for (const { reject } of waiting) reject(failure);
    }
  }

  /** Finds the events of several batches that have to be stored, and the result of each batch. */
  #prepare(waiting: readonly Waiting[]): Group {
    const { store, time, keys: known, topics } = this.#parts;
    const now = time.now();
    const events: PreparedEvent[] = [];
    const outcomes: (Part | AppendReceipt | ServerError)[] = [];
    const keys = new Map<string, KeyedAppend>();
    let bytes = 0;
    const { book } = topics.states;
    let states: TopicDraft | undefined;
    const facts = new GroupFacts((topic) => topics.factsOf(topic), events, this.head.seq);
    const factsOf: FactsOf = (topic) => facts.of(topic);
    for (const { batch, disk } of waiting) {
      const { key, digest } = batch;
      const first = key === undefined ? undefined : (keys.get(key) ?? known.get(key, now));
      if (first) {
        outcomes.push(repeatOf(first, batch, store.epochs));
        continue;
      }
      const isNoted = concernsStates(states ?? book, batch);
      if (isNoted) {
        states ??= book.draft();
        const refusal = refusalOf(states, batch, factsOf);
        if (refusal) {
          outcomes.push(refusal);
          continue;
        }
      }
      const from = events.length;
      events.push(...batch.events);
      if (isNoted && states) noteBatch(states, batch.events, this.head.seq + from, now, factsOf);
      bytes += disk;
      outcomes.push({ from, to: events.length });
      if (key === undefined) continue;
      const seq = this.head.seq + events.length;
      const [id = ''] = idsOf(batch.events.slice(-1), { seq }, store.epochs);
      keys.set(key, { seq, id, ...(digest === undefined ? {} : { digest }) });
    }
    return { events, outcomes, keys, now, bytes, states };
  }

  /** What needs room before it is stored. */
  #incoming({ events, bytes }: Group): Incoming {
    const lasting = this.#parts.topics.lasting(events);
    if (lasting.length === events.length) return { events: events.length, bytes };
    return { events: lasting.length, bytes: costsOfBatch(lasting).disk };
  }

  /** Returns the entries of its events. */
  async #store({ events, keys, now, states }: Group): Promise<readonly LogEntry[]> {
    const { store, time, keys: known, topics } = this.#parts;
    time.append(this.head.seq + 1);
    const changes = time.changes;
    const finish = (reached: HeadRecord, track: Track): HeadRecord => {
      const change = known.add(keys, now, reached);
      change.write(track);
      if (changes !== this.#savedTime) track(store.meta.put('time', time.record()));
      if (states) topics.states.write(states, track);
      return { ...reached, ...change.counts, bytes: change.counts.bytes + (states?.addedBytes ?? 0) };
    };
    // A key has two rows, and another one may be forgotten for it.
    const rows = 4 * keys.size + (states?.changes.size ?? 0);
    const { entries, head } = await this.#appender.append(events, this.head, finish, rows);
    if (states) topics.states.book.apply(states);
    this.head = head;
    this.#savedTime = changes;
    this.#hooks.onCommitted(entries);
    return entries;
  }
}
