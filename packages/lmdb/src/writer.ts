import { statfs } from 'node:fs/promises';
import {
  KEY_LIFETIME_MS,
  placeEvent,
  repeatOf,
  ServerError,
  type AppendOptions,
  type AppendReceipt,
  type KeyedAppend,
  type LogEntry,
  type PreparedEvent,
} from '@tidings/server/log';
import { encodeRecord } from './record.ts';
import type { HeadRecord, LmdbStore } from './store.ts';
import type { LmdbTopics } from './topics.ts';

/** A batch that is waiting to be stored. */
interface Waiting {
  readonly events: readonly PreparedEvent[];
  readonly options: AppendOptions;
  readonly bytes: number;
  readonly resolve: (receipt: AppendReceipt) => void;
  readonly reject: (error: Error) => void;
}

export interface WriterHooks {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called with every batch that has been committed. */
  readonly onCommitted: (batch: readonly LogEntry[]) => void;
  /** Runs after each commit, before the next one. May not reject. */
  readonly afterCommit: () => Promise<void>;
}

// The most bytes of a commit, roughly. It bounds the memory of the commit, and how long its first batch waits for its last.
const MAX_COMMIT_BYTES = 4 * 1024 * 1024;

// The most bytes of events that wait for the disk. Guards against publishers that are faster than the disk.
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

const NOTHING = Buffer.alloc(0);

/**
 * Stores batches in the order in which they arrive. Batches that arrive while the disk is busy are committed together (group commit), and each is
 * answered when the commit that holds it has been synced. One thing is written at a time.
 */
export class LmdbWriter {
  /** The state after the last commit. */
  head: HeadRecord;
  readonly #store: LmdbStore;
  readonly #topics: LmdbTopics;
  readonly #hooks: WriterHooks;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #committing = false;

  constructor(store: LmdbStore, topics: LmdbTopics, hooks: WriterHooks) {
    this.head = store.head;
    this.#store = store;
    this.#topics = topics;
    this.#hooks = hooks;
  }

  /** Resolves when the batch is on disk. */
  append(events: readonly PreparedEvent[], options: AppendOptions): Promise<AppendReceipt> {
    const bytes = events.reduce((sum, event) => sum + event.body.length, 0);
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      const message = 'Cannot append: too many events are waiting for the disk';
      return Promise.reject(new ServerError('ERR_NOT_STORED', message));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ events, options, bytes, resolve, reject });
      this.#waitingBytes += bytes;
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

  /** Resolves when everything that was appended has been written. */
  async finish(): Promise<void> {
    while (this.#committing) await this.#writing;
    await this.#writing;
  }

  #commitSoon(): void {
    if (this.#committing) return;
    this.#committing = true;
    void this.inTurn(async () => {
      await this.#commitGroup(this.#takeGroup());
      await this.#hooks.afterCommit();
    }).finally(() => {
      this.#committing = false;
      if (this.#waiting.length > 0) this.#commitSoon();
    });
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

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#commit(group);
      group.forEach((waiting, index) => {
        const outcome = outcomes[index];
        if (outcome instanceof ServerError) waiting.reject(outcome);
        else if (outcome) waiting.resolve(outcome);
      });
    } catch (error) {
      const failure = await this.#notStored(error);
      for (const waiting of group) waiting.reject(failure);
    }
  }

  /**
   * Stores several batches in one commit after the head: all of them or, if it rejects, none. Returns a receipt for each, or an error for one
   * whose key was used for another.
   */
  async #commit(group: readonly Waiting[]): Promise<readonly (AppendReceipt | ServerError)[]> {
    const store = this.#store;
    const now = this.#hooks.now();
    const entries: LogEntry[] = [];
    const outcomes: (AppendReceipt | ServerError)[] = [];
    const named = new Set<number>();
    const keys = new Map<string, KeyedAppend>();
    let { seq, bytes } = this.head;
    for (const { events, options } of group) {
      const { key, digest } = options;
      const known = key === undefined ? undefined : (keys.get(key) ?? this.#known(key, now));
      if (known) {
        outcomes.push(repeatOf(known, options));
        continue;
      }
      let id = '';
      for (const event of events) {
        seq += 1;
        const entry = placeEvent(event, store.epochs.current, seq, now);
        if (event.id !== undefined) named.add(seq);
        entries.push(entry);
        bytes += entry.frame.length;
        ({ id } = entry);
      }
      outcomes.push({ seq, id, repeated: false });
      if (key !== undefined) keys.set(key, { seq, id, ...(digest === undefined ? {} : { digest }) });
    }
    if (entries.length === 0) return outcomes;

    const head = { seq, events: this.head.events + entries.length, bytes };
    const topics = this.#topics.with(entries);
    await store.commit((track) => {
      for (const entry of entries) {
        track(store.events.put(entry.seq, encodeRecord(entry, named.has(entry.seq))));
        for (const topic of entry.topics) track(store.byTopic.put([topic, entry.seq], NOTHING));
        if (named.has(entry.seq)) track(store.byId.put([entry.id, entry.seq], NOTHING));
      }
      this.#topics.write(topics, track);
      for (const [key, append] of keys) {
        track(store.keys.put(key, { ...append, time: now }));
        track(store.keysByTime.put([now, key], NOTHING));
      }
      track(store.meta.put('head', head));
    });
    this.head = head;
    this.#topics.added(topics);
    this.#hooks.onCommitted(entries);
    return outcomes;
  }

  #known(key: string, now: number): KeyedAppend | undefined {
    const known = this.#store.keys.get(key);
    return known && now - known.time <= KEY_LIFETIME_MS ? known : undefined;
  }

  async #notStored(cause: unknown): Promise<ServerError> {
    const { path } = this.#store;
    const found = cause instanceof Error ? cause.message : String(cause);
    const free = await statfs(path).then(
      (disk) => `, ${disk.bavail * disk.bsize} bytes are free on its disk`,
      () => '',
    );
    return new ServerError('ERR_NOT_STORED', `Cannot store events in ${path}: ${found}${free}`, { cause });
  }
}
