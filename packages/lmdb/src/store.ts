import {
  Epochs,
  newEpoch,
  type EarlierEpoch,
  type KeptSummary,
  type KeyedAppend,
  type Trimmed,
} from '@tidings/server/log';
import type { Database, RangeOptions } from 'lmdb';
import { LmdbError } from './errors.ts';
import { RecordDecoder, type KeptEntry } from './record.ts';
import { openFolder, unusable, type DataFolder } from './folder.ts';

/** The counters of the log, written with every batch. */
export interface HeadRecord {
  readonly seq: number;
  readonly events: number;
  /** What everything costs that is kept: events, topics and keys. */
  readonly bytes: number;
  /** The keys of appends that are remembered, and what they cost. */
  readonly keys: number;
  readonly keyBytes: number;
}

export interface KeyRecord extends KeyedAppend {
  readonly time: number;
}

/** Values are not copied when they are read. LMDB reuses their memory for the next value; large ones stay in the file that it maps into memory. */
const LENDING = {
  encoder: {
    encode: (record: Buffer): Buffer => record,
    decode: (lent: Uint8Array<ArrayBuffer>): Buffer =>
      Buffer.isBuffer(lent) ? lent : Buffer.from(lent.buffer, lent.byteOffset, lent.length),
  },
};

/** What the tables find an event by. */
export type EventRow = Pick<KeptEntry, 'seq' | 'id' | 'topics' | 'named'>;

/** Takes note of a write that LMDB is to make. */
export type Track = (write: Promise<boolean>) => void;

const NOTHING = Buffer.alloc(0);

/** The tables of a data folder. A sequence number is a key of the first, and the end of each key of the next two. */
export class LmdbStore {
  readonly path: string;
  readonly epochs: Epochs;
  readonly meta: Database<unknown, string>;
  readonly events: Database<Buffer, number>;
  readonly byTopic: Database<Buffer, [topic: string, seq: number]>;
  readonly byId: Database<Buffer, [id: string, seq: number]>;
  readonly topics: Database<Omit<KeptSummary, 'topic'>, string>;
  readonly trimmed: Database<Trimmed, string>;
  /** The receipts of appends that may be repeated. The next table has the same keys in the order of their age. */
  readonly keys: Database<KeyRecord, string>;
  readonly keysByTime: Database<Buffer, [time: number, key: string]>;
  readonly #folder: DataFolder;
  readonly #records: RecordDecoder;

  /** @throws {LmdbError} `ERR_DATA_FOLDER`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT` */
  constructor(path: string, now: number, beginEpoch: boolean) {
    const folder = openFolder(path);
    try {
      const { root, meta } = folder;
      this.path = path;
      this.#folder = folder;
      this.meta = meta;
      this.epochs = openEpochs(folder, now, beginEpoch);
      this.#records = new RecordDecoder(this.epochs);
      this.events = root.openDB({ name: 'events', ...LENDING });
      this.byTopic = root.openDB({ name: 'by-topic', encoding: 'binary' });
      this.byId = root.openDB({ name: 'by-id', encoding: 'binary' });
      this.topics = root.openDB({ name: 'topics', encoding: 'json' });
      this.trimmed = root.openDB({ name: 'trimmed', encoding: 'json' });
      this.keys = root.openDB({ name: 'keys', encoding: 'json' });
      this.keysByTime = root.openDB({ name: 'keys-by-time', encoding: 'binary' });
    } catch (error) {
      void folder.close();
      throw error instanceof LmdbError ? error : unusable(path, error);
    }
  }

  get head(): HeadRecord {
    return headOf(this.meta);
  }

  /**
   * Commits everything that `write` puts and removes, all or nothing, and resolves when it is on disk.
   * Rejects with the error of the system underneath.
   */
  async commit(write: (track: Track) => void): Promise<void> {
    // Every single write has a promise that fails with the commit. The promise of the commit reports it for all.
    const track: Track = (single) => {
      single.catch(() => {});
    };
    try {
      await this.#folder.root.batch(() => write(track));
    } catch (error) {
      throw await underneath(error);
    }
  }

  /** Puts an event into the tables, as part of a commit. */
  put({ seq, id, topics, named }: EventRow, record: Buffer, track: Track): void {
    track(this.events.put(seq, record));
    for (const topic of topics) track(this.byTopic.put([topic, seq], NOTHING));
    if (named) track(this.byId.put([id, seq], NOTHING));
  }

  /** Takes an event out of the tables, as part of a commit. */
  remove({ seq, id, topics, named }: EventRow, track: Track): void {
    track(this.events.remove(seq));
    for (const topic of topics) track(this.byTopic.remove([topic, seq]));
    if (named) track(this.byId.remove([id, seq]));
  }

  /** When the newest event, or public event, of a topic was appended, up to a sequence number and without those that are left out. */
  newestTime(topic: string, through: number, publicOnly: boolean, isLeftOut: (seq: number) => boolean): number {
    for (const [, seq] of this.byTopic.getKeys({ start: [topic, through], end: [topic, 0], reverse: true })) {
      const entry = isLeftOut(seq) ? undefined : this.lend(seq);
      if (entry && !(publicOnly && entry.private)) return entry.time;
    }
    return 0;
  }

  /** The record of an event, as LMDB lends it: its bytes are valid until the next read. */
  lend(seq: number): KeptEntry | undefined {
    const record = this.events.get(seq);
    return record && this.#records.decode(record, seq);
  }

  /** The records of a range, as LMDB lends them: the bytes of each are valid until the next one, or any other read. */
  *lendRange(range: RangeOptions): Iterable<KeptEntry> {
    for (const { key, value } of this.events.getRange(range)) yield this.#records.decode(value, key);
  }

  close(): Promise<void> {
    return this.#folder.close();
  }
}

/** Reads the epochs of a folder. Begins the first one in a new folder, or a further one if `beginEpoch` is set. */
function openEpochs({ root, meta }: DataFolder, now: number, beginEpoch: boolean): Epochs {
  const current = meta.get('epoch') as string | undefined;
  if (current === undefined) {
    const epoch = newEpoch(now);
    meta.putSync('epoch', epoch);
    return new Epochs(epoch);
  }
  const epochs = new Epochs(current, meta.get('earlier-epochs') as EarlierEpoch[] | undefined);
  if (!beginEpoch) return epochs;
  const next = epochs.begin(newEpoch(now), headOf(meta).seq);
  root.transactionSync(() => {
    meta.putSync('epoch', next.current);
    meta.putSync('earlier-epochs', next.earlier);
  });
  return next;
}

function headOf(meta: Database<unknown, string>): HeadRecord {
  return (meta.get('head') as HeadRecord | undefined) ?? { seq: 0, events: 0, bytes: 0, keys: 0, keyBytes: 0 };
}

/** The binding of LMDB reports "Commit failed", and has the reason in another promise. */
async function underneath(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return await Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
}
