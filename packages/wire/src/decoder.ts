import { checkDecoderOptions, DEFAULT_MAX_EVENT_BYTES, type EventStreamDecoderOptions } from './decoder-options.ts';
import { refuse } from './errors.ts';
import { GatheredText } from './gathered-text.ts';

const LF = 0x0a;
const CR = 0x0d;
const BOM = 0xfeff;
const NOTHING = -1;
const SPACE = 0x20;
const COLON = 0x3a;
const A = 0x61;
const D = 0x64;
const E = 0x65;
const I = 0x69;
const R = 0x72;
const T = 0x74;

/** Behind the end of any string. */
const NOWHERE = 0x3fff_ffff;

/**
 * Bytes are decoded in windows of this many, because a value that is cut out of a text keeps the whole text alive: 1,000 kept small
 * events hold less than 1 MB, also where they came out of 60 MB. A larger window would be faster, because each costs a call.
 */
const WINDOW = 750;

/** Where an unfinished character is put together: its bytes, and the next ones of the stream. */
const JOINT_BYTES = 128;

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Decodes like a TextDecoder, malformed bytes included, where there is Node's Buffer, in two thirds of the time for a short text. */
const utf8Slice = (
  globalThis as { Buffer?: { prototype: { utf8Slice?: (this: Uint8Array, start: number, end: number) => string } } }
).Buffer?.prototype.utf8Slice;

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

  /** The start of a character whose other bytes have not arrived. */
  readonly #joint: Uint8Array = new Uint8Array(JOINT_BYTES);
  #heldBytes = 0;
  #windowBytes = WINDOW;
  /** What is no line of its own at the start of the next text: the one leading BOM, or an LF after a CR. */
  #skipped = BOM;
  /** The line that has not ended yet. */
  readonly #line: GatheredText = new GatheredText();

  #type = '';
  /** The newest data line, and those before it, each with its line end. */
  #data: string | undefined;
  readonly #earlierData: GatheredText = new GatheredText();
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
   * Reads the next bytes of the stream. The chunk is not kept: its memory may be used again after the call. A string is a stream that
   * has been decoded already; a stream comes in bytes or in strings, not in both.
   *
   * @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` past `maxEventBytes`. The events before have been delivered, and every
   * further write throws the same error until `end`.
   * @throws {EventStreamError} `ERR_INVALID_CHUNK`, `ERR_REENTRANT_CALL`
   * @throws what a handler threw first, after everything in the chunk has been delivered
   */
  write(chunk: Uint8Array | string): void {
    this.#refuseReentry();
    // Not instanceof: a chunk may come from another realm
    if (typeof chunk !== 'string' && chunk?.BYTES_PER_ELEMENT !== 1) {
      refuse('ERR_INVALID_CHUNK', 'decode a chunk', typeof chunk, 'a Uint8Array or a string');
    }
    if (this.#failure === undefined) {
      this.#isBusy = true;
      try {
        if (typeof chunk === 'string') this.#line.add(chunk && chunk.slice(this.#read(chunk, false)));
        else this.#readBytes(chunk);
        this.#refuseLonger(this.#line.length);
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
    this.#line.take();
    this.#earlierData.take();
    this.#endBlock();
    this.#id = undefined;
    this.#heldBytes = 0;
    this.#skipped = BOM;
  }

  #readBytes(bytes: Uint8Array): void {
    const joint = this.#joint;
    let from = 0;
    let length = this.#heldBytes;
    if (length > 0) {
      while (from < bytes.length && length < JOINT_BYTES) joint[length++] = bytes[from++] as number;
      this.#decode(joint, 0, length);
      if (from === bytes.length) return;
      from -= this.#heldBytes;
    }
    this.#decode(bytes, from, bytes.length);
  }

  #decode(bytes: Uint8Array, from: number, length: number): void {
    this.#heldBytes = 0;
    while (from < length) {
      // The end of a long line is searched for in windows that grow with it; what follows it is decoded again in small ones
      const isLong = this.#line.length > WINDOW;
      const size = isLong ? this.#line.length : this.#windowBytes;
      const end = characterStart(bytes, from, Math.min(from + size, length));
      if (end === from) {
        while (from < length) this.#joint[this.#heldBytes++] = bytes[from++] as number;
        return;
      }
      const text = utf8Slice?.call(bytes, from, end) ?? textDecoder.decode(bytes.subarray(from, end));
      // Then each byte is a character
      const isNarrow = text.length === end - from;
      if (isNarrow) {
        this.#windowBytes = WINDOW;
      } else if (!isLong && text.length > WINDOW / 2) {
        // Its characters take two bytes each
        this.#windowBytes = WINDOW / 2;
        continue;
      }

      const start = this.#read(text, isLong);
      if (start > 0 && isLong) {
        from = bytes.indexOf(text.charCodeAt(start - 1), from) + 1;
      } else if (start > 0 && isNarrow && end < length) {
        // The line that goes on is decoded again, which is faster than to join it
        from += start;
      } else {
        this.#line.add(text.slice(start));
        from = end;
      }
    }
  }

  /** Reads the complete lines, of a long line only its end, and returns the index behind them. */
  #read(text: string, isLong: boolean): number {
    let start = text.charCodeAt(0) === this.#skipped ? 1 : 0;
    this.#skipped = text.charCodeAt(text.length - 1) === CR ? LF : NOTHING;
    if (this.#line.length > 0) {
      const lf = text.indexOf('\n', start);
      const cr = text.indexOf('\r', start);
      const end = lf < 0 || (cr >= 0 && cr < lf) ? cr : lf;
      if (end < 0) return start;
      this.#line.add(text.slice(start, end + 1));
      this.#readLines(this.#line.take(), 0);
      start = end + 1;
      if (end === cr && lf === start) start++;
    }
    return isLong ? start : this.#readLines(text, start);
  }

  /** The hot path: most events are one data line and a blank line, and cost one search for a line end and one cut. */
  #readLines(text: string, from: number): number {
    const { onEvent, onId } = this.#options;
    const { length } = text;
    let start = from;
    let lf = -1;
    let cr = -1;
    while (start < length) {
      const first = text.charCodeAt(start);
      let end = start;
      if (first === LF || first === CR) {
        if (this.#id !== undefined) {
          this.#lastEventId = this.#id;
          this.#id = undefined;
          this.#call(onId, this.#lastEventId);
        }
        if (this.#data !== undefined) {
          this.#call(onEvent, {
            type: this.#type || 'message',
            data: this.#earlierData.length > 0 ? this.#earlierData.take() + this.#data : this.#data,
            lastEventId: this.#lastEventId,
          });
        }
        this.#endBlock();
      } else {
        if (lf < start && (lf = text.indexOf('\n', start)) < 0) lf = NOWHERE;
        if (cr < start && (cr = text.indexOf('\r', start)) < 0) cr = NOWHERE;
        end = lf < cr ? lf : cr;
        if (end === NOWHERE) break;
        this.#refuseLonger(end - start);
        if (
          first === D &&
          text.charCodeAt(start + 4) === COLON &&
          text.charCodeAt(start + 1) === A &&
          text.charCodeAt(start + 2) === T &&
          text.charCodeAt(start + 3) === A
        ) {
          this.#addData(text.slice(text.charCodeAt(start + 5) === SPACE ? start + 6 : start + 5, end));
        } else {
          this.#readField(text, start, end, first);
        }
      }
      start = end + 1;
      if (text.charCodeAt(end) === CR && text.charCodeAt(start) === LF) start++;
    }
    return start;
  }

  #readField(text: string, start: number, end: number, first: number): void {
    const name = first === E ? 'event' : first === I ? 'id' : first === D ? 'data' : first === R ? 'retry' : '';
    const colon = start + name.length;
    if ((colon < end && text.charCodeAt(colon) !== COLON) || !text.startsWith(name, start)) return;
    const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end);
    if (first === COLON) this.#call(this.#options.onComment, value);
    else if (first === D) this.#addData(value);
    else if (first === R) {
      if (/^[0-9]+$/.test(value)) this.#call(this.#options.onRetry, Number(value));
    } else {
      this.#blockLength += value.length;
      if (first === E) this.#type = value;
      else if (!value.includes('\0')) this.#id = value;
    }
  }

  #addData(line: string): void {
    if (this.#data !== undefined) this.#earlierData.add(`${this.#data}\n`);
    this.#data = line;
    this.#blockLength += line.length + 1;
  }

  #endBlock(): void {
    this.#type = '';
    this.#data = undefined;
    this.#blockLength = 0;
  }

  #refuseLonger(length: number): void {
    if (length > 0 && this.#blockLength + length > this.#maxEventBytes) {
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

/** Where the character starts whose bytes end at an index, the index itself where that is certainly complete: after ASCII. */
function characterStart(bytes: Uint8Array, from: number, end: number): number {
  for (let i = end - 1; i >= from && i > end - 4 && (bytes[i] as number) > 0x7f; i--) {
    if ((bytes[i] as number) > 0xbf) return i;
  }
  return end;
}
