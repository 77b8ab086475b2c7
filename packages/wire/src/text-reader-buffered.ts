import type { EventStreamParser } from './parser.ts';

// These constants stand in each file that needs them, because V8 looks up an imported constant each time: that costs 8 % of the whole time.
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const A = 0x61;
const D = 0x64;
const T = 0x74;

/**
 * The most bytes that are decoded into one text. A value that is cut out of a text keeps the whole text alive, so short texts make sure that
 * 1,000 small events that are kept hold less than 1 MB, even if they came out of 60 MB. Longer ones would be faster, because each costs a
 * call.
 */
const WINDOW = 750;

/** The bytes of a long line that become text at a time. That takes less memory than decoding the line as a whole. */
const PIECE = 65_536;

/** Below this many bytes a loop finds a line end sooner than a call that searches. */
const SHORT = 100;

/** The byte order mark, which does not belong to the text if a stream begins with it. */
const BOM = Uint8Array.of(0xef, 0xbb, 0xbf);

/** Made where there is no Buffer. */
let textDecoder: TextDecoder | undefined;

/**
 * The methods of Node's Buffer, where there is one. It decodes a short text in two thirds of the time of a TextDecoder, with the same result
 * for malformed bytes, and finds a byte 20 times as fast as a Uint8Array.
 */
const buffer = (
  globalThis as {
    Buffer?: { prototype: Uint8Array & { utf8Slice?: (this: Uint8Array, start: number, end: number) => string } };
  }
).Buffer?.prototype;
const utf8Slice = buffer?.utf8Slice;
const searching = buffer ?? Uint8Array.prototype;

/**
 * Returns a function that turns the bytes of one stream into text for a parser, chunk by chunk, and throws what the parser throws. It is made
 * to be fast where there is Node's Buffer.
 */
export function createTextReader(parser: EventStreamParser): (bytes: Uint8Array) => void {
  const reader = new TextReader(parser);
  return (bytes) => reader.read(bytes);
}

class TextReader {
  readonly #parser: EventStreamParser;
  /** The bytes of the unfinished line that have not become text yet. */
  #carry: Uint8Array = new Uint8Array(WINDOW);
  #carried = 0;
  /** How many characters of the unfinished line have become text. */
  #kept = 0;
  /** How many bytes of a byte order mark the stream has begun with; all of them once its beginning is over. */
  #begun = 0;
  /** Whether the last line that was read is known to be blank, so that a block begins. */
  #isBetweenBlocks = true;
  #window = WINDOW;
  /** Whether the newest line is longer than a window, because the next one may be as long. */
  #isLong = false;
  /** Whether the newest window had a character that is not ASCII. The next one is then cut after a line before it is decoded. */
  #isWide = false;

  constructor(parser: EventStreamParser) {
    this.#parser = parser;
  }

  /**
   * Reads the complete lines, window by window, and keeps the bytes of the unfinished one.
   *
   * @throws what the parser throws
   */
  read(bytes: Uint8Array): void {
    const { length } = bytes;
    let from = 0;
    while (this.#begun < BOM.length && from < length) {
      if (bytes[from] === BOM[this.#begun]) {
        this.#begun++;
        from++;
      } else {
        this.#append(BOM, 0, this.#begun);
        this.#begun = BOM.length;
      }
    }
    while (from < length) {
      const lineLength = this.#kept + this.#carried;
      let end = Math.min(from + this.#window, length);
      let cut = end;
      if (this.#isLong || lineLength >= WINDOW) {
        // A long line is decoded alone, together with the blank line after it.
        cut = lineEnd(bytes, from);
        this.#isLong = lineLength + cut - from > WINDOW;
        if (cut === length) break;
        while (bytes[cut] === LF || bytes[cut] === CR) cut++;
        end = cut;
      } else if (this.#isWide || end - from < SHORT) {
        cut = behindLines(bytes, from, end);
      } else if (end < length) {
        cut = characterStart(bytes, end);
      }
      const next = cut > from ? this.#readWindow(bytes, from, cut) : from;
      if (next === from && end < length) this.#isLong = true;
      from = next;
      if (end === length) break;
    }
    if (from < length) this.#keep(bytes, from, length);
  }

  /** Reads the lines of one window. Returns the index of the first line that does not end in it. */
  #readWindow(bytes: Uint8Array, from: number, cut: number): number {
    const carried = this.#carried;
    let source = bytes;
    let start = from;
    let end = cut;
    if (carried > 0) {
      this.#append(bytes, from, cut);
      source = this.#carry;
      start = 0;
      end = this.#carried;
    }
    const text = decode(source, start, end);
    // Otherwise some character is not ASCII, and V8 may store all of them in two bytes each.
    const isNarrow = text.length === end - start;
    const read = isNarrow ? this.#readNarrow(text, source, start) : this.#readLines(text, 0);
    if (read === 0) {
      this.#carried = carried;
      return from;
    }
    this.#carried = this.#kept = 0;
    this.#isWide = !isNarrow;
    if (text.length > (isNarrow ? this.#window : WINDOW) / 2) this.#window = isNarrow ? WINDOW : WINDOW / 2;
    return isNarrow ? cut + read - text.length : behindLines(bytes, from, cut);
  }

  /**
   * Reads the lines of a window in which each byte is a character. This is the hot path: most events are one data line and a blank line, and
   * cost one search for a line end and one cut. Their name is compared as bytes, which is faster than as characters.
   */
  #readNarrow(text: string, bytes: Uint8Array, from: number): number {
    const parser = this.#parser;
    const { length } = text;
    let start = 0;
    if (this.#isBetweenBlocks && this.#kept === 0 && text.indexOf('\r') < 0) {
      for (;;) {
        const at = from + start;
        if (
          bytes[at] !== D ||
          bytes[at + 4] !== COLON ||
          bytes[at + 1] !== A ||
          bytes[at + 2] !== T ||
          bytes[at + 3] !== A
        ) {
          break;
        }
        const end = text.indexOf('\n', start);
        if (end < 0) return start;
        if (end + 1 >= length || bytes[from + end + 1] !== LF || end - start > parser.room) break;
        parser.emit(text.slice(bytes[at + 5] === SPACE ? start + 6 : start + 5, end));
        start = end + 2;
      }
    }
    return this.#readLines(text, start);
  }

  #readLines(text: string, start: number): number {
    const read = this.#parser.readLines(text, start);
    if (read > start) this.#isBetweenBlocks = text.charCodeAt(read - 1) === LF && text.charCodeAt(read - 2) === LF;
    return read;
  }

  /** Keeps the bytes of an unfinished line. Many of them, or more than an event may have, are kept as text. */
  #keep(bytes: Uint8Array, from: number, end: number): void {
    if (this.#carried === 0 && end - from >= PIECE) from = this.#keepText(bytes, from, end);
    this.#append(bytes, from, end);
    const carried = this.#carried;
    if (carried >= PIECE || this.#kept + carried > this.#parser.room) {
      const cut = this.#keepText(this.#carry, 0, carried);
      this.#carry.copyWithin(0, cut, carried);
      this.#carried -= cut;
    }
  }

  /** Makes bytes of the unfinished line text. Returns the index of the last character if that may be unfinished, or else the end. */
  #keepText(bytes: Uint8Array, from: number, end: number): number {
    const cut = characterStart(bytes, end);
    const text = decode(bytes, from, cut);
    this.#kept += text.length;
    if (cut > from) this.#parser.keep(text);
    return cut;
  }

  #append(bytes: Uint8Array, from: number, end: number): void {
    let to = this.#carried;
    const carried = to + end - from;
    if (carried > this.#carry.length) {
      const larger = new Uint8Array(carried * 2);
      larger.set(this.#carry.subarray(0, to));
      this.#carry = larger;
    }
    const carry = this.#carry;
    // A loop copies a few bytes sooner than a call does.
    if (end - from > 60) carry.set(end - from < bytes.length ? bytes.subarray(from, end) : bytes, to);
    else for (let i = from; i < end; i++) carry[to++] = bytes[i] as number;
    this.#carried = carried;
  }
}

function decode(bytes: Uint8Array, from: number, end: number): string {
  if (utf8Slice) return utf8Slice.call(bytes, from, end);
  textDecoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
  return textDecoder.decode(bytes.subarray(from, end));
}

/** Returns the index of the first line end from `from` on, or the length of the bytes. */
function lineEnd(bytes: Uint8Array, from: number): number {
  const { length } = bytes;
  if (length - from < SHORT) {
    while (from < length && bytes[from] !== LF && bytes[from] !== CR) from++;
    return from;
  }
  const lf = searching.indexOf.call(bytes, LF, from);
  // The search for a CR stops at the LF. Otherwise the text after it would be searched again for every line.
  const cr = searching.indexOf.call(lf < 0 ? bytes : bytes.subarray(0, lf), CR, from);
  return cr < 0 ? (lf < 0 ? length : lf) : cr;
}

/** Returns the index after the last line end before `end`, or `from` if there is none. */
function behindLines(bytes: Uint8Array, from: number, end: number): number {
  while (end > from && bytes[end - 1] !== LF && bytes[end - 1] !== CR) end--;
  return end;
}

/** Returns the last index up to `end` where the bytes can be cut without splitting a character. */
function characterStart(bytes: Uint8Array, end: number): number {
  let start = end - 1;
  // A character has at most three bytes after its first.
  while (start > end - 4 && ((bytes[start] as number) & 0xc0) === 0x80) start--;
  return (bytes[start] as number) >= 0xc0 ? start : end;
}
