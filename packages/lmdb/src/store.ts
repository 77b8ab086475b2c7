import {
  Epochs,
  newEpoch,
  type AppendReceipt,
  type EarlierEpoch,
  type TopicSummary,
  type Trimmed,
} from '@tidings/server/log';
import type { Database, RangeOptions } from 'lmdb';
import { isIntact, RecordDecoder, type KeptEntry } from './record.ts';
import { DamagedFileError } from './folder/pages.ts';
import { openFolder, type DataFolder } from './folder/folder.ts';
import { unusable } from './folder/refusal.ts';

/** The counters of the log, written with every batch. */
export interface HeadRecord {
  readonly seq: number;
  readonly events: number;
  readonly bytes: number;
}

export interface KeyRecord extends Omit<AppendReceipt, 'repeated'> {
  readonly time: number;
}

/** What is read is not copied: it lies where LMDB puts the next value, too, or, where it is large, in the file that LMDB maps into memory. */
const LENDING = {
  encoder: {
    encode: (record: Buffer): Buffer => record,
    decode: (lent: Uint8Array<ArrayBuffer>): Buffer =>
      Buffer.isBuffer(lent) ? lent : Buffer.from(lent.buffer, lent.byteOffset, lent.length),
  },
};

/** A write that LMDB has been asked for. */
type Write = Promise<boolean>;

/** The tables of a data folder. A sequence number is a key of the first, and the end of each key of the next two. */
export class LmdbStore {
  readonly path: string;
  readonly epochs: Epochs;
  readonly meta: Database<unknown, string>;
  readonly events: Database<Buffer, number>;
  readonly byTopic: Database<Buffer, [topic: string, seq: number]>;
  readonly byId: Database<Buffer, [id: string, seq: number]>;
  readonly topics: Database<Omit<TopicSummary, 'topic'>, string>;
  readonly trimmed: Database<Trimmed, string>;
  /** The receipts of appends that may be repeated. The next table has the same keys in the order of their age. */
  readonly keys: Database<KeyRecord, string>;
  readonly keysByTime: Database<Buffer, [time: number, key: string]>;
  /** The records that were found to be changed on disk and have to be taken out, each with its length. They are passed over. */
  readonly damaged: Map<number, number> = new Map();
  /** Those that could not be taken out. */
  readonly leftIn: Set<number> = new Set();
  readonly #folder: DataFolder;
  readonly #records: RecordDecoder;

  private constructor(path: string, folder: DataFolder, now: number) {
    const { root, meta } = folder;
    this.path = path;
    this.#folder = folder;
    this.meta = meta;
    this.events = root.openDB({ name: 'events', ...LENDING });
    this.byTopic = root.openDB({ name: 'by-topic', encoding: 'binary' });
    this.byId = root.openDB({ name: 'by-id', encoding: 'binary' });
    this.topics = root.openDB({ name: 'topics', encoding: 'json' });
    this.trimmed = root.openDB({ name: 'trimmed', encoding: 'json' });
    this.keys = root.openDB({ name: 'keys', encoding: 'json' });
    this.keysByTime = root.openDB({ name: 'keys-by-time', encoding: 'binary' });
    checkHead(this.head, this.events);
    this.epochs = beginEpoch(folder, now);
    this.#records = new RecordDecoder(this.epochs);
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
   * Commits what `write` puts and removes, all or nothing, and resolves when it is on disk.
   * Rejects with the error of the system underneath.
   */
  async commit(write: (track: (write: Write) => void) => void): Promise<void> {
    // Every single write has a promise that fails with the commit; the commit's own says it for all.
    const track = (single: Write): void => {
      single.catch(() => {});
    };
    try {
      await this.#folder.root.batch(() => write(track));
    } catch (error) {
      throw await underneath(error);
    }
  }

  /** The record of an event as LMDB lends it: its bytes are good until the next read. */
  lend(seq: number): KeptEntry | undefined {
    const record = this.events.get(seq);
    return record && this.#decode(record, seq);
  }

  /** The records of a range, each as LMDB lends it: its bytes are good until the next one, or any other read. */
  *lendRange(range: RangeOptions): Iterable<KeptEntry> {
    for (const { key, value } of this.events.getRange(range)) {
      const entry = this.#decode(value, key);
      if (entry) yield entry;
    }
  }

  #decode(record: Buffer, seq: number): KeptEntry | undefined {
    if (isIntact(record, seq)) return this.#records.decode(record, seq);
    if (!this.leftIn.has(seq)) this.damaged.set(seq, record.length);
    return undefined;
  }

  close(): Promise<void> {
    return this.#folder.close();
  }
}

/**
 * Begins an epoch behind the newest event. A folder that was copied, restored or set back to a snapshot looks as the original did then, and the
 * original may have gone on with other events under the same numbers; so every opening begins an epoch, and no number is given twice in one.
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

function headOf(meta: Database<unknown, string>): HeadRecord {
  return (meta.get('head') as HeadRecord | undefined) ?? { seq: 0, events: 0, bytes: 0 };
}

/** No number may be given twice. */
function checkHead({ seq }: HeadRecord, events: Database<Buffer, number>): void {
  for (const last of events.getKeys({ reverse: true, limit: 1 })) {
    if (!(last <= seq)) throw new DamagedFileError(`it holds the event ${last}, but counts ${seq}`);
  }
}

/** LMDB's binding says "Commit failed" and keeps the reason behind a promise of its own. */
async function underneath(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return await Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
}
