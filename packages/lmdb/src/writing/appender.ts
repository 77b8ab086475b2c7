import { NO_TYPE, placeEvent, type Clock, type LogEntry, type PreparedEvent } from '@tidings/server/log';
import { CHECKSUM_BYTES } from '../records/checksum.ts';
import { costOfRecord, costOfTypes, costsOfBatch, rowsOf, rowsOfBatch } from '../records/cost.ts';
import { encodeRecord } from '../records/record.ts';
import { DIGEST_BYTES, typeDigest } from '../records/type-digest.ts';
import type { EventRow, HeadRecord, KeyedRow, LmdbStore, StagedRecord, Track } from '../tables/store.ts';
import type { TopicChanges } from '../tables/topic-changes.ts';
import type { LmdbTopics } from '../tables/topics.ts';

// What a transaction holds at most, a large event aside: bounds its memory, and for how long it holds up the event loop.
export const MAX_COMMIT_BYTES: number = 4 * 1024 * 1024;
export const MAX_COMMIT_EVENTS = 1000;

const MESSAGE = typeDigest(NO_TYPE);

export interface AppenderParts {
  readonly store: LmdbStore;
  readonly topics: LmdbTopics;
  readonly clock: Clock;
}

/** Stores events behind the head: in one transaction, or in several if there are many. Others have their turn between two of them. */
export class LmdbAppender {
  readonly #parts: AppenderParts;
  /** Events that are in the tables, though the head has not been moved to them. They do not count. */
  #staged: EventRow[] = [];

  constructor(parts: AppenderParts) {
    this.#parts = parts;
  }

  /**
   * Stores all of the events, or none if it rejects. They count with the last transaction, which moves the head.
   * @param finish is part of that transaction. It is given what the head is with the events, and gives what is written
   * @param otherRows how many rows that changes or removes
   * @returns the entries, and the head
   */
  async append(
    events: readonly PreparedEvent[],
    before: HeadRecord,
    finish: (head: HeadRecord, track: Track) => HeadRecord,
    otherRows: number,
  ): Promise<{ readonly entries: readonly LogEntry[]; readonly head: HeadRecord }> {
    const { store, topics: table, clock } = this.#parts;
    await this.#removeStaged();
    const time = clock.time();
    const topics = table.change();
    const entries: LogEntry[] = [];
    const rows: EventRow[] = [];
    let { bytes } = before;
    const putSome = (track: Track): void => {
      const end = Math.min(events.length, entries.length + MAX_COMMIT_EVENTS);
      for (let size = 0; entries.length < end && size < MAX_COMMIT_BYTES;) {
        const event = events[entries.length];
        if (!event) return;
        const seq = before.seq + entries.length + 1;
        const entry = placeEvent(event, store.epochs.current, seq, time);
        const named = event.id !== undefined;
        const digest = digestOf(event, topics);
        const record = encodeRecord(entry, named, digest);
        const names = entry.topics.length + (named ? 1 : 0);
        const header = record.length - entry.frame.length - CHECKSUM_BYTES - (digest === undefined ? 0 : DIGEST_BYTES);
        const cost = costOfRecord(header, entry.frame.length, names);
        const all = digest === undefined ? cost : cost + costOfTypes(header, names, entry.topics.length);
        const row: EventRow = { seq, id: entry.id, topics: entry.topics, named, typeDigest: digest };
        store.put(row, record, keyedRow(entry, table), track);
        topics.add(entry, cost, event.type !== undefined);
        entries.push(entry);
        rows.push(row);
        bytes += all;
        size += all;
      }
    };
    let head: HeadRecord | undefined;
    try {
      while (!head) {
        const first = entries.length;
        const left = first === 0 ? events : events.slice(first);
        const { disk, run } = costsOfBatch(left);
        await store.commit(
          (track) => {
            putSome(track);
            if (entries.length < events.length) {
              const staged: StagedRecord = { after: before.seq, through: before.seq + events.length };
              if (first === 0) track(store.meta.put('staged', staged));
              return;
            }
            const { length } = entries;
            const publicSeq = entries.findLast((entry) => !entry.private)?.seq ?? before.publicSeq;
            const reached = { ...before, seq: before.seq + length, publicSeq, events: before.events + length };
            head = finish({ ...reached, bytes: bytes + topics.bytes }, track);
            table.write(topics, track);
            track(store.meta.put('head', head));
            if (first > 0) track(store.meta.remove('staged'));
          },
          { added: disk, run, rows: otherRows + rowsOfBatch(left.slice(0, MAX_COMMIT_EVENTS)) },
        );
        if (head) break;
        this.#staged.push(...rows.slice(first));
      }
    } catch (error) {
      // If that fails, too, it is tried again before the next events are stored, and when the folder is opened.
      await this.#removeStaged().catch(() => {});
      throw error;
    }
    this.#staged = [];
    table.added(topics);
    return { entries, head };
  }

  async #removeStaged(): Promise<void> {
    while (this.#staged.length > 0) {
      const { store } = this.#parts;
      const some = this.#staged.slice(-store.room.most(MAX_COMMIT_EVENTS));
      const write = (track: Track): void => {
        for (const row of some) store.takeBack(row, track);
        if (some.length === this.#staged.length) track(store.meta.remove('staged'));
      };
      await store.commit(write, { rows: some.reduce((sum, row) => sum + rowsOf(row), 0) });
      this.#staged.splice(-some.length);
    }
  }
}

/** The digest by which an event is found, if it is: see the table of types. */
function digestOf({ type, topics: names }: PreparedEvent, topics: TopicChanges): number | undefined {
  if (type !== undefined) return typeDigest(type);
  for (const topic of names) if (topics.of(topic)?.typedFrom !== undefined) return MESSAGE;
  return undefined;
}

/** What is put beside an event: nothing unless one of its topics keeps the latest by key. */
function keyedRow({ topics, forgets }: LogEntry, table: LmdbTopics): KeyedRow | undefined {
  if (!table.hasLatest || !topics.some((topic) => table.keepsLatest(topic))) return undefined;
  return { pending: true, forgetting: forgets === true && topics.every((topic) => table.keepsLatest(topic)) };
}
