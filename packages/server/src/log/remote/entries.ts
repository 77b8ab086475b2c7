import type { LogEntry } from '../entry.ts';

// The entries of a message: u32 bytes of their heads · the heads · the frames, one behind the other. A head is
//   u8 flags · f64 sequence number · f64 time · u32 bytes of the frame · the topics, unless they are those of the entry before: u32 count, each u32 length and bytes ·
//   u32 length and bytes of the id, unless the frame begins with it · u32 length and bytes of the key, if there is one
const FIXED_BYTES = 21;
const PRIVATE = 1;
const FINAL = 2;
const DELETES = 4;
const FORGETS = 8;
const KEYED = 16;
const NAMED = 32;
const SAME_TOPICS = 64;

// A frame begins with this, the id and a line feed.
const ID_FIELD = Buffer.from('id: ');
const LF = 0x0a;

const NO_TOPICS: readonly string[] = [];

/** Memory in which heads are put together. It grows to what the largest batch or page has needed. */
let room: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Encodes entries: the heads, and behind them the frames of the log as they are. */
export function encodeEntries(entries: readonly LogEntry[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [NO_BYTES];
  let at = 4;
  let before = NO_TOPICS;
  for (const entry of entries) {
    const { topics, frame, latestKey } = entry;
    const isSame = isSameList(topics, before);
    const id = beginsWithId(frame) ? undefined : entry.id;
    let most = FIXED_BYTES + 12 + 3 * ((id?.length ?? 0) + (latestKey?.length ?? 0));
    if (!isSame) for (const topic of topics) most += 4 + 3 * topic.length;
    if (at + most > room.length) room = grown(room, at, at + most);
    room[at] =
      (entry.private ? PRIVATE : 0) |
      (entry.final === true ? FINAL : 0) |
      (entry.deletes === true ? DELETES : 0) |
      (entry.forgets === true ? FORGETS : 0) |
      (latestKey === undefined ? 0 : KEYED) |
      (id === undefined ? 0 : NAMED) |
      (isSame ? SAME_TOPICS : 0);
    room.writeDoubleBE(entry.seq, at + 1);
    room.writeDoubleBE(entry.time, at + 9);
    room.writeUInt32BE(frame.length, at + 17);
    at += FIXED_BYTES;
    if (!isSame) {
      room.writeUInt32BE(topics.length, at);
      at += 4;
      for (const topic of topics) at = writeText(topic, at);
      before = topics;
    }
    if (id !== undefined) at = writeText(id, at);
    if (latestKey !== undefined) at = writeText(latestKey, at);
    parts.push(frame);
  }
  room.writeUInt32BE(at - 4, 0);
  parts[0] = Buffer.from(room.subarray(0, at));
  return parts;
}

/** Decodes entries. They share the memory of the message, where their frames follow each other. */
export function decodeEntries(bytes: Buffer): readonly LogEntry[] {
  const end = 4 + bytes.readUInt32BE(0);
  const entries: LogEntry[] = [];
  let frameAt = end;
  let topics = NO_TOPICS;
  for (let at = 4; at < end;) {
    const flags = bytes[at] ?? 0;
    const entry = new RemoteEntry(bytes, at, frameAt);
    frameAt = entry.end;
    at += FIXED_BYTES;
    if ((flags & SAME_TOPICS) === 0) {
      const read: string[] = [];
      let left = bytes.readUInt32BE(at);
      at += 4;
      for (; left > 0; left -= 1) {
        const length = bytes.readUInt32BE(at);
        read.push(bytes.toString('utf8', at + 4, at + 4 + length));
        at += 4 + length;
      }
      topics = read;
    }
    entry.topics = topics;
    for (const [flag, name] of TEXTS) {
      if ((flags & flag) === 0) continue;
      const length = bytes.readUInt32BE(at);
      entry[name] = bytes.toString('utf8', at + 4, at + 4 + length);
      at += 4 + length;
    }
    entries.push(entry);
  }
  return entries;
}

const NO_BYTES = new Uint8Array();
const TEXTS = [
  [NAMED, 'name'],
  [KEYED, 'latestKey'],
] as const;

/** An entry whose frame and id are cut out of the message when they are needed. */
class RemoteEntry implements LogEntry {
  readonly seq: number;
  readonly time: number;
  readonly private: boolean;
  topics: readonly string[] = NO_TOPICS;
  declare latestKey?: string;
  declare readonly final?: boolean;
  declare readonly deletes?: boolean;
  declare readonly forgets?: boolean;
  /** Its id, if the frame does not begin with it. */
  name: string | undefined;
  readonly #bytes: Buffer;
  readonly #start: number;
  /** Where the frame of the next one begins. */
  readonly end: number;

  constructor(bytes: Buffer, at: number, start: number) {
    const flags = bytes[at] ?? 0;
    this.seq = bytes.readDoubleBE(at + 1);
    this.time = bytes.readDoubleBE(at + 9);
    this.private = (flags & PRIVATE) !== 0;
    if ((flags & FINAL) !== 0) this.final = true;
    if ((flags & DELETES) !== 0) this.deletes = true;
    if ((flags & FORGETS) !== 0) this.forgets = true;
    this.#bytes = bytes;
    this.#start = start;
    this.end = start + bytes.readUInt32BE(at + 17);
  }

  get id(): string {
    const start = this.#start + ID_FIELD.length;
    return this.name ?? this.#bytes.toString('utf8', start, this.#bytes.indexOf(LF, start));
  }

  get frame(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.end);
  }
}

function writeText(text: string, at: number): number {
  const bytes = room.write(text, at + 4);
  room.writeUInt32BE(bytes, at);
  return at + 4 + bytes;
}

function beginsWithId(frame: Uint8Array): boolean {
  for (let at = 0; at < ID_FIELD.length; at += 1) if (frame[at] !== ID_FIELD[at]) return false;
  return true;
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function grown(buffer: Buffer, bytes: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(2 * needed);
  buffer.copy(larger, 0, 0, bytes);
  return larger;
}
