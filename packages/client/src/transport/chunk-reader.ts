const CR = 0x0d;
const LF = 0x0a;

/** How many bytes end a chunk: CR and LF. */
const LINE_END = 2;

/** The most digits in the size of a chunk that is plain. Guards against sizes that a number cannot hold. */
const MAX_SIZE_DIGITS = 8;

const NO_DIGIT = 16;

/** The value of each byte as a hexadecimal digit. */
const DIGITS: Uint8Array = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

/** What was found in bytes of a body. */
export interface ChunkData {
  /** The data of all chunks in one piece, or as much of it as has arrived. May be empty. */
  readonly data: Buffer;
  /** What follows the last plain chunk and is not one, from its first byte on. Nothing more may be read here. */
  readonly rest?: Buffer;
  /** Whether a chunk does not end where its size says. Nothing more may be read here. */
  readonly isBroken?: boolean;
}

/**
 * Reads the plain chunks of a body in the chunked coding of HTTP/1.1 [RFC 9112 §7.1], however its bytes are cut. A plain
 * chunk has a size of a few digits, no extension, and some data. The last chunk, which is empty, is not plain.
 */
export class ChunkReader {
  /** How many bytes of the chunk that has begun are to come, its line end included. */
  #missing = 0;
  /** The bytes of a line that has not arrived whole. */
  #kept: Buffer | undefined;

  /** Reads on. The bytes are not changed, and `data` may be a part of them. */
  read(arrived: Buffer): ChunkData {
    const bytes = this.#kept ? Buffer.concat([this.#kept, arrived]) : arrived;
    this.#kept = undefined;
    const { length } = bytes;
    let at = 0;
    // The data is in `joined` from `from` to `to`. A single piece of it is not copied.
    let joined = bytes;
    let from = 0;
    let to = 0;
    for (;;) {
      if (this.#missing > LINE_END) {
        const end = Math.min(at + this.#missing - LINE_END, length);
        if (from === to) {
          from = at;
          to = end;
        } else {
          if (joined === bytes) joined = Buffer.from(bytes);
          joined.copyWithin(to, at, end);
          to += end - at;
        }
        this.#missing -= end - at;
        at = end;
        if (this.#missing > LINE_END) break;
      }
      if (this.#missing > 0) {
        if (length - at < LINE_END) break;
        if (bytes[at] !== CR || bytes[at + 1] !== LF) return { data: joined.subarray(from, to), isBroken: true };
        at += LINE_END;
        this.#missing = 0;
      }

      let size = 0;
      let end = at;
      const mostEnd = Math.min(at + MAX_SIZE_DIGITS, length);
      for (; end < mostEnd; end++) {
        const digit = DIGITS[bytes[end] ?? 0] ?? NO_DIGIT;
        if (digit === NO_DIGIT) break;
        size = size * 16 + digit;
      }
      const isCut = end === length || (end === length - 1 && bytes[end] === CR);
      if (isCut) break;
      if (size === 0 || bytes[end] !== CR || bytes[end + 1] !== LF) {
        return { data: joined.subarray(from, to), rest: bytes.subarray(at) };
      }
      at = end + LINE_END;
      this.#missing = size + LINE_END;
    }
    // A copy, because a part would keep all of the bytes.
    if (at < length) this.#kept = Buffer.from(bytes.subarray(at));
    return { data: joined.subarray(from, to) };
  }
}
