import type { LogEntry } from '@tidings/server/log';

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

/** Reads a record without copying its frame. */
export function decodeRecord(record: Buffer, seq: number, epoch: string): KeptEntry {
  const flags = record.readUInt8(0);
  const named = (flags & NAMED) !== 0;
  let offset = FIXED_BYTES;
  const next = (): string => {
    const start = offset + 2;
    offset = start + record.readUInt16BE(offset);
    return record.toString('utf8', start, offset);
  };
  const id = named ? next() : `${epoch}.${seq}`;
  const topics: string[] = [];
  for (let count = record.readUInt8(9); count > 0; count -= 1) topics.push(next());
  const frame = record.subarray(offset);
  return { seq, id, topics, time: record.readDoubleBE(1), private: (flags & PRIVATE) !== 0, named, frame };
}
