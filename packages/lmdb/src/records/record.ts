import { formatCursor, ServerError, type Epochs, type LogEntry } from '@tidings/server/log';
import { CHECKSUM_BYTES, checksum, MIN_BYTES } from './checksum.ts';
import { costOfRecord, costOfTypes } from './cost.ts';
import { NAME_HEADER, namesInRecord, writeName } from './names.ts';
import { DIGEST_BYTES } from './type-digest.ts';

// A record is the stored form of an event: a small header, then the frame as it is sent, then a checksum.
//   u8 flags · f64 time · u8 count of topics · u32 digest of the type, if it is found by that ·
//   u16 length and bytes of the publisher's id, if it has one · u16 length and bytes of its key, if it has one · u16 length and bytes of each topic · frame · u32 checksum, the lower byte first
// The checksum covers all bytes before it, and begins with the event's sequence number, so a record in the place of another is noticed, too.

const PRIVATE = 1;
const NAMED = 2;
const FINAL = 4;
const KEYED = 16;
const FORGETS = 32;
const TYPED = 64;
const FIXED_BYTES = 10;

/** The most topics of an event. Their count is one byte. */
const MAX_TOPICS = 255;

/**
 * An entry whose frame shares a piece of memory with others, and is cut out of it when it is needed. While LMDB lends that memory,
 * the frame is valid only until the next read. Everything else stays valid.
 */
export class KeptEntry implements LogEntry {
  readonly seq: number;
  readonly topics: readonly string[];
  readonly time: number;
  readonly private: boolean;
  readonly final: boolean;
  /** The digest of its type, if it has a row for that in each of its topics. */
  readonly typeDigest: number | undefined;
  declare readonly latestKey?: string;
  declare readonly forgets?: boolean;
  /** The id that the publisher gave, if any. */
  readonly #ownId: string | undefined;
  readonly #epochs: Epochs;
  /** Without the digest. */
  readonly #headerBytes: number;
  #bytes: Buffer;
  #start: number;
  #end: number;

  constructor(seq: number, header: RecordHeader, record: Buffer, epochs: Epochs) {
    this.seq = seq;
    this.topics = header.topics;
    this.time = header.time;
    this.private = header.private;
    this.final = header.final;
    this.typeDigest = header.typeDigest;
    if (header.latestKey !== undefined) this.latestKey = header.latestKey;
    if (header.forgets === true) this.forgets = true;
    this.#ownId = header.ownId;
    this.#epochs = epochs;
    this.#headerBytes = header.bytes - (header.typeDigest === undefined ? 0 : DIGEST_BYTES);
    this.#bytes = record;
    this.#start = header.bytes;
    this.#end = record.length - CHECKSUM_BYTES;
  }

  /** Whether the publisher gave the id. */
  get named(): boolean {
    return this.#ownId !== undefined;
  }

  get id(): string {
    const { seq } = this;
    return this.#ownId ?? formatCursor({ epoch: this.#epochs.of(seq), seq });
  }

  get frame(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  get frameBytes(): number {
    return this.#end - this.#start;
  }

  /** What it costs on disk. */
  get cost(): number {
    return costOfRecord(this.#headerBytes, this.frameBytes, this.#names);
  }

  /** What it costs beside that to find it by its type. */
  get typeCost(): number {
    return this.typeDigest === undefined ? 0 : costOfTypes(this.#headerBytes, this.#names, this.topics.length);
  }

  get #names(): number {
    return this.topics.length + (this.named ? 1 : 0);
  }

  /** Copies the frame, and drops the record. */
  moveFrame(to: Buffer, at: number): void {
    this.#bytes.copy(to, at, this.#start, this.#end);
    this.#end = at + this.frameBytes;
    this.#start = at;
    this.#bytes = to;
  }

  /** Moves the frame to the same place of another buffer. */
  rebase(bytes: Buffer): void {
    this.#bytes = bytes;
  }
}

interface RecordHeader {
  readonly topics: readonly string[];
  readonly time: number;
  readonly private: boolean;
  readonly final: boolean;
  readonly ownId: string | undefined;
  readonly typeDigest: number | undefined;
  readonly latestKey?: string | undefined;
  readonly forgets?: boolean;
  /** The length of the frame in bytes. */
  readonly bytes: number;
}

/** Whether a record is unchanged since it was written. */
export function isIntact(record: Buffer, seq: number): boolean {
  const end = record.length - CHECKSUM_BYTES;
  return end >= MIN_BYTES && record.readUInt32LE(end) === checksum(record, end, seq);
}

/**
 * Returns an entry for an event whose record was changed on disk. Its topics, its id and the digest of its type are those of the indexes. It is treated as public, because too
 * many listeners are told of a gap rather than too few.
 */
export function damagedEntry(
  seq: number,
  topics: readonly string[],
  { ownId, typeDigest }: Pick<RecordHeader, 'ownId' | 'typeDigest'>,
  bytes: number,
  epochs: Epochs,
): KeptEntry {
  const names = ownId === undefined ? topics : [ownId, ...topics];
  const fixed = typeDigest === undefined ? FIXED_BYTES : FIXED_BYTES + DIGEST_BYTES;
  const header = names.reduce((sum, name) => sum + 2 + Buffer.byteLength(name), fixed);
  const record = Buffer.alloc(Math.max(bytes, header + CHECKSUM_BYTES));
  return new KeptEntry(
    seq,
    { topics, time: Infinity, private: false, final: false, ownId, typeDigest, bytes: header },
    record,
    epochs,
  );
}

/** Decodes records. It keeps the topics of the last one, since those of the next are nearly always the same. */
export class RecordDecoder {
  readonly #epochs: Epochs;
  #topics: readonly string[] = [];
  /** The topics as they are in a record. */
  #topicBytes: Uint8Array = new Uint8Array();

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  /** Returns an entry whose frame is part of the record, and is valid for as long as the record is. */
  decode(record: Buffer, seq: number): KeptEntry {
    const flags = record.readUInt8(0);
    let offset = FIXED_BYTES;
    let typeDigest: number | undefined;
    if ((flags & TYPED) !== 0) {
      typeDigest = record.readUInt32BE(offset);
      offset += DIGEST_BYTES;
    }
    let ownId: string | undefined;
    if ((flags & NAMED) !== 0) {
      const start = offset + 2;
      offset = start + record.readUInt16BE(offset);
      ownId = record.toString('utf8', start, offset);
    }
    let latestKey: string | undefined;
    if ((flags & KEYED) !== 0) {
      const start = offset + 2;
      offset = start + record.readUInt16BE(offset);
      latestKey = record.toString('utf8', start, offset);
    }
    const topicsAt = offset;
    for (let count = record.readUInt8(9); count > 0; count -= 1) offset += 2 + record.readUInt16BE(offset);
    const topics = this.#topicsOf(record, topicsAt, offset);
    const header = {
      topics,
      time: record.readDoubleBE(1),
      private: (flags & PRIVATE) !== 0,
      final: (flags & FINAL) !== 0,
      ownId,
      typeDigest,
      latestKey,
      forgets: (flags & FORGETS) !== 0,
      bytes: offset,
    };
    return new KeptEntry(seq, header, record, this.#epochs);
  }

  #topicsOf(record: Buffer, start: number, end: number): readonly string[] {
    const known = this.#topicBytes;
    let same = known.length === end - start;
    for (let index = 0; same && index < known.length; index += 1) same = known[index] === record[start + index];
    if (same) return this.#topics;
    const topics: string[] = [];
    for (let offset = start; offset < end;) {
      const from = offset + 2;
      offset = from + record.readUInt16BE(offset);
      topics.push(record.toString('utf8', from, offset));
    }
    this.#topics = topics;
    this.#topicBytes = Uint8Array.prototype.slice.call(record, start, end);
    return topics;
  }
}

/** @throws {ServerError} `ERR_INVALID_EVENT` if an event has more topics than a record has room for */
export function checkTopics({ topics }: Pick<LogEntry, 'topics'>): void {
  if (topics.length <= MAX_TOPICS) return;
  throw new ServerError('ERR_INVALID_EVENT', `An event has ${topics.length} topics; at most ${MAX_TOPICS} are allowed`);
}

/** @param digest that of the type, if the event is found by it */
export function encodeRecord(entry: LogEntry, named: boolean, digest?: number): Buffer {
  const { id, latestKey, frame } = entry;
  const topics = namesInRecord(entry.topics);
  let header = FIXED_BYTES + topics.length;
  if (digest !== undefined) header += DIGEST_BYTES;
  if (named) header += NAME_HEADER + Buffer.byteLength(id);
  if (latestKey !== undefined) header += NAME_HEADER + Buffer.byteLength(latestKey);
  const end = header + frame.length;
  const record = Buffer.allocUnsafe(end + CHECKSUM_BYTES);
  const keyed = (latestKey === undefined ? 0 : KEYED) | (entry.forgets === true ? FORGETS : 0);
  const isFinal = entry.final === true ? FINAL : 0;
  const typed = digest === undefined ? 0 : TYPED;
  record.writeUInt8((entry.private ? PRIVATE : 0) | (named ? NAMED : 0) | isFinal | keyed | typed, 0);
  record.writeDoubleBE(entry.time, 1);
  record.writeUInt8(entry.topics.length, 9);
  let offset = FIXED_BYTES;
  if (digest !== undefined) offset = record.writeUInt32BE(digest, offset);
  if (named) offset = writeName(record, id, offset);
  if (latestKey !== undefined) offset = writeName(record, latestKey, offset);
  record.set(topics, offset);
  record.set(frame, header);
  record.writeUInt32LE(checksum(record, end, entry.seq), end);
  return record;
}
