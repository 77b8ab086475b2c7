import { checkDecoderOptions, DEFAULT_MAX_EVENT_BYTES, type EventStreamDecoderOptions } from './decoder-options.ts';
import { refuse } from './errors.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const A = 0x61;
const D = 0x64;
const E = 0x65;
const I = 0x69;
const R = 0x72;
const T = 0x74;
const BOM = 0xfeff;

/** Behind the end of any string. */
const NOWHERE = 0x3fff_ffff;

/**
 * Bytes are decoded in windows of at most this many, because a value that is cut out of a text keeps the whole text alive: 1,000 kept
 * small events hold less than 1 MB, also where they came out of 60 MB. A larger window would be faster, because each costs a call.
 */
const WINDOW = 750;

/** A long line becomes text piece by piece, which costs less memory than to carry and decode it as a whole. */
const PIECE = 65_536;

/** Of data in many lines, so many characters are joined lazily before they are copied: a lazily joined line takes 50 times its bytes. */
const LAZY_CHARACTERS = 4096;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Node's Buffer decodes a short text in two thirds of a TextDecoder's time, malformed bytes alike, and finds a byte 20 times as fast. */
const buffer = (
  globalThis as {
    Buffer?: { prototype: Uint8Array & { utf8Slice?: (this: Uint8Array, start: number, end: number) => string } };
  }
).Buffer?.prototype;
const utf8Slice = buffer?.utf8Slice;
const searching = buffer ?? Uint8Array.prototype;

/**
 * Decodes an event stream, chunk by chunk, calling a handler for what it finds. How the stream is cut into chunks makes no
 * difference to what is found, and an event is delivered as soon as its blank line has arrived.
 *
 * A handler that throws stops nothing: what else the chunk holds is delivered, and then `write` throws the first exception.
 * Handlers may not call `write` or `end`.
 */
export class EventStreamDecoder {
  readonly #options: EventStreamDecoderOptions;
  readonly #maxEventBytes: number;
  #lastEventId: string;

  /** The bytes of the line that has not ended yet, behind those that have become text. */
  #carry: Uint8Array = new Uint8Array(WINDOW);
  #carried = 0;
  #longLine = '';
  #window = WINDOW;
  /** Whether the newest line is longer than a window: then the next one may be, too. */
  #isLong = false;
  #isFirstLine = true;
  /** The last byte was a CR: an LF behind it belongs to it. */
  #isAfterCr = false;

  #type = '';
  #data: string | undefined;
  /** The newest of the data lines behind the first, each behind its line end. */
  #moreData = '';
  #id: string | undefined;
  /** Of what is buffered for the block, each data line with its line end. */
  #blockLength = 0;

  #isBusy = false;
  /** The first exception of a handler in this write. */
  #thrown: { error: unknown } | undefined;
  /** Why nothing more is read until the end. */
  #failure: { error: unknown } | undefined;

  /** @throws {EventStreamError} `ERR_INVALID_OPTION` */
  constructor(options: EventStreamDecoderOptions) {
    checkDecoderOptions(options);
    this.#options = { ...options };
    this.#lastEventId = options.lastEventId ?? '';
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
  }

  /** The last event ID: that of the newest finished block with an id. It outlives `end`, as it does in browsers. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /**
   * Reads the next bytes of the stream. The chunk is not kept: its memory may be used again after the call. A string stands for its bytes
   * in UTF-8, so that no character may be cut in two by the end of one.
   *
   * @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` past `maxEventBytes`. The events before have been delivered, and every
   * further write throws the same error until `end`.
   * @throws {EventStreamError} `ERR_INVALID_CHUNK`, `ERR_REENTRANT_CALL`
   * @throws what a handler threw first, after everything in the chunk has been delivered
   */
  write(chunk: Uint8Array | string): void {
    this.#refuseReentry();
    const bytes = typeof chunk === 'string' ? textEncoder.encode(chunk) : chunk;
    // Not instanceof: a chunk may come from another realm
    if (bytes?.BYTES_PER_ELEMENT !== 1) {
      refuse('ERR_INVALID_CHUNK', 'decode a chunk', typeof chunk, 'a Uint8Array or a string');
    }
    if (this.#failure === undefined) {
      this.#isBusy = true;
      try {
        this.#read(bytes);
      } catch (error) {
        this.#discard();
        this.#failure = { error };
      }
      this.#isBusy = false;
    }
    const thrown = this.#thrown ?? this.#failure;
    this.#thrown = undefined;
    if (thrown !== undefined) throw thrown.error;
  }

  /**
   * Ends the stream. An unfinished block is discarded: no event, no id [spec 9.2.6]. The decoder is then ready for the
   * stream of the next connection.
   *
   * @throws {EventStreamError} `ERR_REENTRANT_CALL`
   */
  end(): void {
    this.#refuseReentry();
    this.#discard();
    this.#failure = undefined;
  }

  #refuseReentry(): void {
    if (this.#isBusy) refuse('ERR_REENTRANT_CALL', 'use a decoder', 'its handler running', 'a call after it');
  }

  #discard(): void {
    this.#carried = this.#blockLength = 0;
    this.#type = this.#moreData = this.#longLine = '';
    this.#data = this.#id = undefined;
    this.#isAfterCr = false;
    this.#isFirstLine = true;
  }

  /** Cuts bytes into windows of complete lines, which no character can cross, and carries what is left. */
  #read(bytes: Uint8Array): void {
    const { length } = bytes;
    let from = 0;
    let lf = -1;
    let cr = -1;
    while (from < length) {
      if (this.#isAfterCr) {
        this.#isAfterCr = false;
        if (bytes[from] === LF) {
          from++;
          continue;
        }
      }
      const lineLength = this.#longLine.length + this.#carried;
      const end = Math.min(from + this.#window, length);
      let cut = end;
      if (!this.#isLong && lineLength < WINDOW) {
        while (cut > from && bytes[cut - 1] !== LF && bytes[cut - 1] !== CR) cut--;
        this.#isLong = cut === from && end < length;
        if (this.#isLong) continue;
      } else {
        // A long line is decoded alone, with the blank line behind it
        if (end < length) {
          if (lf < from && (lf = searching.indexOf.call(bytes, LF, from)) < 0) lf = NOWHERE;
          if (cr < from && (cr = searching.indexOf.call(bytes, CR, from)) < 0) cr = NOWHERE;
          cut = Math.min(lf, cr, length);
        } else {
          for (cut = from; cut < end && bytes[cut] !== LF && bytes[cut] !== CR;) cut++;
        }
        this.#isLong = lineLength + cut - from > WINDOW;
        if (cut === length) cut = from;
        else while (bytes[cut] === LF || bytes[cut] === CR) cut++;
      }
      if (cut === from) {
        this.#keep(bytes, from, length);
        this.#refuseLongerCarry();
        return;
      }
      this.#isAfterCr = bytes[cut - 1] === CR;
      if (lineLength > 0) {
        this.#keep(bytes, from, cut);
        const text = this.#longLine + decode(this.#carry, 0, this.#carried);
        this.#longLine = '';
        this.#carried = 0;
        this.#readLines(text);
      } else {
        const text = decode(bytes, from, cut);
        // With one character that is not ASCII among them, all characters take two bytes
        const isWide = text.length < cut - from;
        if (text.length > (isWide ? WINDOW : this.#window) / 2) this.#window = isWide ? WINDOW / 2 : WINDOW;
        this.#readLines(text);
      }
      from = cut;
    }
  }

  #keep(bytes: Uint8Array, from: number, end: number): void {
    let to = this.#carried;
    const carried = to + end - from;
    if (carried > this.#carry.length) {
      const larger = new Uint8Array(carried * 2);
      larger.set(this.#carry.subarray(0, to));
      this.#carry = larger;
    }
    const carry = this.#carry;
    // A few bytes are copied one by one sooner than by a call
    if (end - from > 60) carry.set(end - from < bytes.length ? bytes.subarray(from, end) : bytes, to);
    else for (let i = from; i < end; i++) carry[to++] = bytes[i] as number;
    this.#carried = carried;
    if (carried >= PIECE) {
      // A character that may be unfinished stays behind; one has no more than three bytes behind its first
      let cut = carried - 1;
      while (isContinuation(carry[cut]) && cut > carried - 4) cut--;
      if (isContinuation(carry[cut])) cut = carried;
      this.#longLine += decode(carry, 0, cut);
      carry.copyWithin(0, cut, carried);
      this.#carried -= cut;
    }
  }

  #refuseLongerCarry(): void {
    const { length } = this.#longLine;
    if (this.#blockLength + length + this.#carried <= this.#maxEventBytes) return;
    const text = decode(this.#carry, 0, this.#carried);
    this.#refuseLonger(length + text.length - this.#bomLength(this.#longLine || text));
  }

  #bomLength(text: string): number {
    return this.#isFirstLine && text.charCodeAt(0) === BOM ? 1 : 0;
  }

  /** The hot path: most events are one data line and a blank line, and cost one search for a line end and one cut. */
  #readLines(text: string): void {
    const { length } = text;
    let start = this.#bomLength(text);
    this.#isFirstLine = false;
    let data = this.#data;
    let cr = -1;
    while (start < length) {
      const first = text.charCodeAt(start);
      let end = start;
      if (first === LF || first === CR) {
        this.#dispatch(data);
        data = undefined;
      } else {
        if (cr < start && (cr = text.indexOf('\r', start)) < 0) cr = NOWHERE;
        end = text.indexOf('\n', start);
        if (end < 0 || cr < end) end = cr;
        this.#refuseLonger(end - start);
        let value: string | undefined;
        if (
          first === D &&
          text.charCodeAt(start + 4) === COLON &&
          text.charCodeAt(start + 1) === A &&
          text.charCodeAt(start + 2) === T &&
          text.charCodeAt(start + 3) === A
        ) {
          value = text.slice(text.charCodeAt(start + 5) === SPACE ? start + 6 : start + 5, end);
        } else {
          value = this.#readField(text, start, end, first);
        }
        if (value !== undefined) {
          this.#blockLength += value.length + 1;
          if (data === undefined) {
            data = value;
          } else {
            this.#moreData += `\n${value}`;
            if (this.#moreData.length > LAZY_CHARACTERS) {
              // In V8 a joined string becomes a flat one when it is cut
              data += ` ${this.#moreData}`.slice(1);
              this.#moreData = '';
            }
          }
        }
      }
      start = end + 1;
      if ((end === cr || first === CR) && text.charCodeAt(start) === LF) start++;
    }
    this.#data = data;
  }

  #dispatch(data: string | undefined): void {
    if (this.#id !== undefined) {
      this.#lastEventId = this.#id;
      this.#id = undefined;
      this.#call(this.#options.onId, this.#lastEventId);
    }
    if (data !== undefined) {
      if (this.#moreData !== '') data += this.#moreData;
      this.#moreData = '';
      this.#call(this.#options.onEvent, { type: this.#type || 'message', data, lastEventId: this.#lastEventId });
    }
    this.#type = '';
    this.#blockLength = 0;
  }

  /** Returns the value where the field is one of data. */
  #readField(text: string, start: number, end: number, first: number): string | undefined {
    const name = first === E ? 'event' : first === I ? 'id' : first === D ? 'data' : first === R ? 'retry' : '';
    const colon = start + name.length;
    if ((colon < end && text.charCodeAt(colon) !== COLON) || !text.startsWith(name, start)) return undefined;
    const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end);
    if (first === D) return value;
    if (first === COLON) this.#call(this.#options.onComment, value);
    else if (first === R) {
      if (/^[0-9]+$/.test(value)) this.#call(this.#options.onRetry, Number(value));
    } else {
      this.#blockLength += value.length;
      if (first === E) this.#type = value;
      else if (!value.includes('\0')) this.#id = value;
    }
    return undefined;
  }

  #refuseLonger(length: number): void {
    if (this.#blockLength + length > this.#maxEventBytes) {
      refuse('ERR_EVENT_TOO_LARGE', 'decode an event', `more than ${this.#maxEventBytes} bytes`, 'maxEventBytes');
    }
  }

  #call<V>(handler: ((value: V) => void) | undefined, value: V): void {
    try {
      handler?.(value);
    } catch (error) {
      this.#thrown ??= { error };
    }
  }
}

function decode(bytes: Uint8Array, from: number, end: number): string {
  return utf8Slice?.call(bytes, from, end) ?? textDecoder.decode(bytes.subarray(from, end));
}

/** Whether a byte is one of a character, but not its first. */
function isContinuation(byte: number | undefined): boolean {
  return ((byte as number) & 0xc0) === 0x80;
}
