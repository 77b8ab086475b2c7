import {
  Epochs,
  formatCursor,
  newEpoch,
  type AppendReceipt,
  type EarlierEpoch,
  type LogEntry,
  type TopicSummary,
  type Trimmed,
} from '@tidings/server/log';
import type { Database } from 'lmdb';
import { LmdbError } from './errors.ts';
import { openFolder, unusable, type DataFolder } from './folder.ts';

// A record is what is kept of an event: a small header, then the frame as it is sent.
//   u8 flags · f64 time · u8 count of topics · u16 length and bytes of the publisher's id, where there is one ·
//   u16 length and bytes of each topic · frame

const PRIVATE = 1;
const NAMED = 2;
const FIXED_BYTES = 10;

/** An event has at most so many topics: their count is one byte. */
export const MAX_TOPICS = 255;

export interface KeptEntry extends LogEntry {
  /** Whether the id is the publisher's own. */
  readonly named: boolean;
}

/** The counters of the log, written with every batch. */
export interface HeadRecord {
  readonly seq: number;
  readonly events: number;
  readonly bytes: number;
}

export interface KeyRecord extends Omit<AppendReceipt, 'repeated'> {
  readonly time: number;
}

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
  readonly #folder: DataFolder;

  /** @throws {LmdbError} `ERR_DATA_FOLDER`, `ERR_DATA_IN_USE`, `ERR_DATA_FORMAT` */
  constructor(path: string, now: number, beginEpoch: boolean) {
    const folder = openFolder(path);
    try {
      const { root, meta } = folder;
      this.path = path;
      this.#folder = folder;
      this.meta = meta;
      this.epochs = openEpochs(folder, now, beginEpoch);
      this.events = root.openDB({ name: 'events', encoding: 'binary' });
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

  /** Reads a record without copying its frame. */
  decode(record: Buffer, seq: number): KeptEntry {
    const flags = record.readUInt8(0);
    const named = (flags & NAMED) !== 0;
    let offset = FIXED_BYTES;
    const next = (): string => {
      const start = offset + 2;
      offset = start + record.readUInt16BE(offset);
      return record.toString('utf8', start, offset);
    };
    const id = named ? next() : formatCursor({ epoch: this.epochs.of(seq), seq });
    const topics: string[] = [];
    for (let count = record.readUInt8(9); count > 0; count -= 1) topics.push(next());
    const frame = record.subarray(offset);
    return { seq, id, topics, time: record.readDoubleBE(1), private: (flags & PRIVATE) !== 0, named, frame };
  }

  close(): Promise<void> {
    return this.#folder.close();
  }
}

export function encodeRecord(entry: LogEntry, named: boolean): Buffer {
  const names = named ? [entry.id, ...entry.topics] : entry.topics;
  const texts = names.map((name) => Buffer.from(name, 'utf8'));
  const header = FIXED_BYTES + texts.reduce((sum, text) => sum + 2 + text.length, 0);
  const record = Buffer.allocUnsafe(header + entry.frame.length);
  record.writeUInt8((entry.private ? PRIVATE : 0) | (named ? NAMED : 0), 0);
  record.writeDoubleBE(entry.time, 1);
  record.writeUInt8(entry.topics.length, 9);
  let offset = FIXED_BYTES;
  for (const text of texts) {
    record.writeUInt16BE(text.length, offset);
    offset += 2 + text.copy(record, offset + 2);
  }
  record.set(entry.frame, offset);
  return record;
}

/** Reads the epochs of a folder; makes the first one of a new folder, or another one where that is asked for. */
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
  return (meta.get('head') as HeadRecord | undefined) ?? { seq: 0, events: 0, bytes: 0 };
}

/** LMDB's binding says "Commit failed" and keeps the reason behind a promise of its own. */
async function underneath(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return await Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
}
