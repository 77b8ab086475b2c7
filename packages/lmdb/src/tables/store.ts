import {
  Epochs,
  newEpoch,
  type EarlierEpoch,
  type KeptSummary,
  type KeyedAppend,
  type LogEntry,
  type TopicRecord,
  type Trimmed,
  type TrimPlan,
  type ValueRecord,
} from '@tidings/server/log';
import type { Database, RangeOptions } from 'lmdb';
import { isIntact, RecordDecoder, type KeptEntry } from '../records/record.ts';
import { ReplacedEvents } from './replaced-events.ts';
import { DamagedFileError } from '../folder/pages.ts';
import { openFolder, type DataFolder } from '../folder/folder.ts';
import type { Need, Room } from '../folder/room.ts';
import { unusable } from '../folder/refusal.ts';

/** The counters of the log, written with every batch. */
export interface HeadRecord {
  readonly seq: number;
  /** The sequence number of the newest public event, also if it has been removed. An event that was changed on disk counts as public. */
  readonly publicSeq: number;
  readonly events: number;
  /** What everything costs that is kept: events, topics and keys. */
  readonly bytes: number;
  /** The keys of appends that are remembered, and what they cost. */
  readonly keys: number;
  readonly keyBytes: number;
}

/** What is about to be added to what is kept. */
export type Incoming = Pick<HeadRecord, 'events' | 'bytes'>;

/** A batch that is being stored in steps: the sequence number before it, and its last one. There is no such record between batches. */
export interface StagedRecord {
  readonly after: number;
  readonly through: number;
}

export interface KeyRecord extends KeyedAppend {
  readonly time: number;
}

/** Values are not copied when they are read. LMDB reuses their memory for the next value; large ones stay in the file that it maps into memory. */
export const LENDING = {
  encoder: {
    encode: (record: Buffer): Buffer => record,
    decode: (lent: Uint8Array<ArrayBuffer>): Buffer =>
      Buffer.isBuffer(lent) ? lent : Buffer.from(lent.buffer, lent.byteOffset, lent.length),
  },
};

/** A topic that was deleted, while its events up to a sequence number are being removed. There is one at a time. */
export interface DeletionRecord {
  readonly topic: string;
  readonly through: number;
}

/** What the tables find an event by. */
export type EventRow = Pick<KeptEntry, 'seq' | 'id' | 'topics' | 'named' | 'typeDigest'>;

/** What is put beside an event of topics that keep the latest by key. */
export interface KeyedRow {
  /** Whether the rows of its keys are still to be written. */
  readonly pending: boolean;
  /** Whether it forgets its key. */
  readonly forgetting: boolean;
}

/** Takes note of a write that LMDB is to make. */
export type Track = (write: Promise<boolean>) => void;

const NOTHING = Buffer.alloc(0);

/** The tables of a data folder. A sequence number is a key of the first, and the end of each key of the next three. */
export class LmdbStore {
  readonly path: string;
  readonly epochs: Epochs;
  readonly meta: Database<unknown, string>;
  readonly events: Database<Buffer, number>;
  readonly byTopic: Database<Buffer, [topic: string, seq: number]>;
  /**
   * Has an event in each of its topics under the digest of its type, if it has a type of its own or one of those topics has had such events before. So
   * topics without types have nothing here. See `typedFrom` of a topic.
   */
  readonly byType: Database<Buffer, [topic: string, digest: number, seq: number]>;
  readonly byId: Database<Buffer, [id: string, seq: number]>;
  /** The sequence number from which on that holds: an earlier version of this module wrote the events before it. */
  readonly typesFrom: number;
  readonly topics: Database<Omit<KeptSummary, 'topic'>, string>;
  readonly trimmed: Database<Trimmed, string>;
  /** What is remembered of topics beside their events. */
  readonly states: Database<TopicRecord, string>;
  /** Values that are kept beside events, by their names. */
  readonly values: Database<ValueRecord, string>;
  /** The receipts of appends that may be repeated. The next table has the same keys in the order of their age. */
  readonly keys: Database<KeyRecord, string>;
  readonly keysByTime: Database<Buffer, [time: number, key: string]>;
  /** Which event is the newest of a key, of topics that keep the latest by key; and the topics that have such rows for all of their events. */
  readonly latest: Database<number, [topic: string, name: string]>;
  readonly keyed: Database<Buffer, string>;
  /** The sequence numbers of the events for which such rows are still to be written, and of those that forget a key. */
  readonly pending: Database<Buffer, number>;
  readonly forgetting: Database<Buffer, number>;
  readonly replaced: ReplacedEvents = new ReplacedEvents();
  /** The sequence numbers of records that were changed on disk and have to be removed, each with its length. Reads pass over them. */
  readonly damaged: Map<number, number> = new Map();
  /** The sequence numbers of damaged records that could not be removed. */
  readonly leftIn: Set<number> = new Set();
  /** The deletion under way: nobody is given the events that it removes. */
  deletion: DeletionRecord | undefined;
  readonly #folder: DataFolder;
  #removals: number;
  readonly #records: RecordDecoder;

  private constructor(path: string, folder: DataFolder, now: number) {
    const { root, meta } = folder;
    this.path = path;
    this.#folder = folder;
    this.meta = meta;
    this.events = root.openDB({ name: 'events', ...LENDING });
    this.byTopic = root.openDB({ name: 'by-topic', encoding: 'binary' });
    this.byType = root.openDB({ name: 'by-type', encoding: 'binary' });
    this.byId = root.openDB({ name: 'by-id', encoding: 'binary' });
    this.topics = root.openDB({ name: 'topics', encoding: 'json' });
    this.trimmed = root.openDB({ name: 'trimmed', encoding: 'json' });
    this.states = root.openDB({ name: 'states', encoding: 'json' });
    this.values = root.openDB({ name: 'values', encoding: 'json' });
    this.keys = root.openDB({ name: 'keys', encoding: 'json' });
    this.keysByTime = root.openDB({ name: 'keys-by-time', encoding: 'binary' });
    this.latest = root.openDB({ name: 'latest', encoding: 'json' });
    this.keyed = root.openDB({ name: 'keyed', encoding: 'binary' });
    this.pending = root.openDB({ name: 'pending', encoding: 'binary' });
    this.forgetting = root.openDB({ name: 'forgetting', encoding: 'binary' });
    checkHead(this.head, this.events, meta.get('staged') as StagedRecord | undefined);
    this.epochs = beginEpoch(folder, now);
    this.typesFrom = beginTypes(meta);
    this.#removals = (meta.get('removals') as number | undefined) ?? 0;
    this.#records = new RecordDecoder(this.epochs);
    this.deletion = meta.get('deletion') as DeletionRecord | undefined;
  }

  /** @throws {LmdbError} `ERR_DATA_FOLDER`, `ERR_DATA_DAMAGED`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT` */
  static async open(path: string, now: number): Promise<LmdbStore> {
    const folder = await openFolder(path);
    try {
      return new LmdbStore(path, folder, now);
    } catch (error) {
      await folder.close();
      throw unusable(path, error);
    }
  }

  get head(): HeadRecord {
    return headOf(this.meta);
  }

  /**
   * Commits everything that `write` puts and removes, all or nothing, and resolves when it is on disk.
   * Rejects with the error of the system underneath, and if there is no room for it.
   */
  async commit(write: (track: Track) => void, need: Need = {}): Promise<void> {
    // Every single write has a promise that fails with the commit, and most of them have the same one. The promise of the commit reports it for all.
    let handled: Promise<boolean> | undefined;
    const track: Track = (single) => {
      if (single === handled) return;
      handled = single;
      single.catch(() => {});
    };
    await this.#folder.batch(() => write(track), need);
  }

  /** What commits have room for. */
  get room(): Room {
    return this.#folder.room;
  }

  /** Puts an event into the tables, as part of a commit. */
  put(row: EventRow, record: Buffer, keyed: KeyedRow | undefined, track: Track): void {
    const { seq, id, topics, named, typeDigest } = row;
    track(this.events.put(seq, record));
    if (keyed?.pending) track(this.pending.put(seq, NOTHING));
    if (keyed?.forgetting) track(this.forgetting.put(seq, NOTHING));
    for (const topic of topics) track(this.byTopic.put([topic, seq], NOTHING));
    if (named) track(this.byId.put([id, seq], NOTHING));
    if (typeDigest === undefined) return;
    for (const topic of topics) track(this.byType.put([topic, typeDigest, seq], NOTHING));
  }

  /** Takes an event out of the tables, as part of a commit. */
  remove({ seq, id, topics, named, typeDigest }: EventRow, track: Track): void {
    track(this.events.remove(seq));
    for (const topic of topics) track(this.byTopic.remove([topic, seq]));
    if (named) track(this.byId.remove([id, seq]));
    if (typeDigest === undefined) return;
    for (const topic of topics) track(this.byType.remove([topic, typeDigest, seq]));
  }

  /** Takes an event out again that does not count yet, as part of a commit. */
  takeBack(row: EventRow, track: Track): void {
    this.remove(row, track);
    track(this.pending.remove(row.seq));
    track(this.forgetting.remove(row.seq));
  }

  /** The newest event, or public event, of a topic, up to a sequence number and without those that are left out. */
  newest(
    topic: string,
    through: number,
    publicOnly: boolean,
    isLeftOut: (seq: number) => boolean,
  ): KeptEntry | undefined {
    for (const [, seq] of this.byTopic.getKeys({
      start: [topic, through],
      end: [topic, this.deletedThrough(topic)],
      reverse: true,
    })) {
      const entry = isLeftOut(seq) ? undefined : this.lend(seq);
      if (entry && !(publicOnly && entry.private)) return entry;
    }
    return undefined;
  }

  /** The sequence number up to which nobody is given the events of a topic, because it was deleted; 0 if it was not, or they are removed. */
  deletedThrough(topic: string): number {
    return this.deletion?.topic === topic ? this.deletion.through : 0;
  }

  /** The topics of an event, without one that was deleted after it. */
  topicsOf({ seq, topics }: Pick<LogEntry, 'seq' | 'topics'>): readonly string[] {
    return this.deletion ? topics.filter((topic) => seq > this.deletedThrough(topic)) : topics;
  }

  /** The record of an event, as LMDB lends it: its bytes are valid until the next read. */
  lend(seq: number): KeptEntry | undefined {
    return this.#isReplaced(seq) ? undefined : this.lendAny(seq);
  }

  /** The same, also for an event that a newer one has replaced. */
  lendAny(seq: number): KeptEntry | undefined {
    const record = this.events.get(seq);
    return record && this.#decode(record, seq);
  }

  /** The records of a range, as LMDB lends them: the bytes of each are valid until the next one, or any other read. */
  *lendRange(range: RangeOptions): Iterable<KeptEntry> {
    for (const { key, value } of this.events.getRange(range)) {
      if (this.#isReplaced(key)) continue;
      const entry = this.#decode(value, key);
      if (entry) yield entry;
    }
  }

  #isReplaced(seq: number): boolean {
    return this.replaced.size > 0 && this.replaced.has(seq);
  }

  #decode(record: Buffer, seq: number): KeptEntry | undefined {
    if (isIntact(record, seq)) return this.#records.decode(record, seq);
    if (!this.leftIn.has(seq)) this.damaged.set(seq, record.length);
    return undefined;
  }

  /** Notes that events were removed, as part of a commit, so that other processes that read the tables know it. */
  countRemoval(track: Track): void {
    this.#removals += 1;
    track(this.meta.put('removals', this.#removals));
  }

  /** How many such commits there were or are under way. */
  get removals(): number {
    return this.#removals;
  }

  /** Frees what processes have kept that ended while they read. */
  checkReaders(): void {
    this.#folder.root.readerCheck();
  }

  /** Writes what has been trimmed of topics, as part of a commit. */
  writeTrims({ topics, forgotten, floor }: TrimPlan, track: Track): void {
    for (const [topic, trimmed] of topics) track(this.trimmed.put(topic, trimmed));
    for (const topic of forgotten) track(this.trimmed.remove(topic));
    if (forgotten.length > 0) track(this.meta.put('floor', floor));
  }

  close(): Promise<void> {
    return this.#folder.close();
  }
}

/**
 * Begins an epoch after the newest event. A folder that was copied, restored or set back to a snapshot looks as the original did then, and the
 * original may have gone on with other events under the same numbers. So every opening begins an epoch, and no number is given twice in one.
 */
function beginEpoch({ root, meta }: DataFolder, now: number): Epochs {
  const current = meta.get('epoch') as string | undefined;
  const before =
    current === undefined ? undefined : new Epochs(current, meta.get('earlier-epochs') as EarlierEpoch[] | undefined);
  let name = newEpoch(now);
  while (before?.has(name)) name = newEpoch(now);
  const epochs = before?.begin(name, headOf(meta).seq) ?? new Epochs(name);
  root.transactionSync(() => {
    meta.putSync('epoch', epochs.current);
    meta.putSync('earlier-epochs', epochs.earlier);
  });
  return epochs;
}

/** Events are found by their types from the next one on, unless they have been before. */
function beginTypes(meta: Database<unknown, string>): number {
  const known = meta.get('types-from') as number | undefined;
  const from = known ?? headOf(meta).seq + 1;
  if (known === undefined) meta.putSync('types-from', from);
  return from;
}

function headOf(meta: Database<unknown, string>): HeadRecord {
  return (
    (meta.get('head') as HeadRecord | undefined) ?? { seq: 0, publicSeq: 0, events: 0, bytes: 0, keys: 0, keyBytes: 0 }
  );
}

/** No number may be given twice. The only events after the newest one are those of a batch that was being stored in steps. */
function checkHead({ seq }: HeadRecord, events: Database<Buffer, number>, staged: StagedRecord | undefined): void {
  const through = staged?.after === seq ? staged.through : seq;
  for (const last of events.getKeys({ reverse: true, limit: 1 })) {
    if (!(last <= through)) throw new DamagedFileError(`it holds the event ${last}, but counts ${seq}`);
  }
}
