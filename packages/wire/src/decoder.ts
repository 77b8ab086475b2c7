import { BlockReader } from './block-reader.ts';
import { Carry } from './carry.ts';
import { checkDecoderOptions, DEFAULT_MAX_EVENT_BYTES, type EventStreamDecoderOptions } from './decoder-options.ts';
import { type EventStreamError, type EventStreamErrorCode, found, refusal } from './errors.ts';
import { firstLineEnd, lastLineEnd } from './line-end.ts';

const BOM = Uint8Array.of(0xef, 0xbb, 0xbf);
const EMPTY = new Uint8Array(0);

/** Up to this many bytes are copied to the carry and decoded in one call, which costs less than two calls. */
const COPIED_BYTES = 4 * 1024;

/** Keeps a handler that throws at every write from piling up what it has not taken: 16 MiB. */
const MAX_UNDELIVERED_BYTES = 16 * 1024 * 1024;

// LF and CR never occur inside a character of UTF-8, so complete lines can be decoded on their own, without a streaming decoder
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const textEncoder = new TextEncoder();

/**
 * Decodes an event stream, chunk by chunk, calling a handler for what it finds. How the stream is cut into chunks makes no
 * difference to what is found, and an event is delivered as soon as its blank line has arrived.
 *
 * An exception of a handler leaves `write` at once. What the chunk still held comes first in the next `write` or `end`;
 * nothing is lost or delivered twice. Handlers may not call `write` or `end`.
 */
export class EventStreamDecoder {
  readonly #reader: BlockReader;
  readonly #maxEventBytes: number;
  /** The bytes of the line that has not ended yet. */
  readonly #carry: Carry;
  /** How many bytes of a leading BOM have been seen; all of them also where the stream has none. */
  #bomBytes = 0;
  /** The first half of a surrogate pair that the last string chunk ended in. */
  #highSurrogate = '';
  /** What an exception of a handler left unread; the carry is empty then. */
  #undelivered: Uint8Array = EMPTY;
  #failure: EventStreamError | undefined;
  #busy = false;

  /** @throws {EventStreamError} `ERR_INVALID_OPTION` */
  constructor(options: EventStreamDecoderOptions) {
    checkDecoderOptions(options);
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
    this.#carry = new Carry(this.#maxEventBytes);
    this.#reader = new BlockReader(options, this.#maxEventBytes);
  }

  /** The last event ID: that of the newest finished block with an id. It outlives `end`, as it does in browsers. */
  get lastEventId(): string {
    return this.#reader.lastEventId;
  }

  /**
   * Reads the next bytes of the stream. A string stands for its UTF-8 bytes. The chunk is not kept: its memory may be used
   * again after the call.
   *
   * @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` past `maxEventBytes`. The events before have been delivered, and every
   * further write throws the same error until `end`.
   * @throws {EventStreamError} `ERR_INVALID_CHUNK`, `ERR_REENTRANT_CALL`, `ERR_UNDELIVERED_TOO_LARGE`
   * @throws what a handler throws
   */
  write(chunk: Uint8Array | string): void {
    this.#refuseReentry('write');
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = this.#bytesOf(chunk);
    this.#busy = true;
    try {
      this.#read(bytes);
    } finally {
      this.#busy = false;
    }
  }

  /**
   * Ends the stream. An unfinished block is discarded: no event, no id [spec 9.2.6]. The decoder is then ready for the
   * stream of the next connection.
   *
   * @throws {EventStreamError} `ERR_REENTRANT_CALL`
   * @throws what a handler throws at what an earlier exception left unread; call it again for the rest
   */
  end(): void {
    this.#refuseReentry('end');
    if (this.#undelivered.length > 0 && this.#failure === undefined) this.write(EMPTY);
    this.#discard();
    this.#failure = undefined;
    this.#bomBytes = 0;
  }

  #refuseReentry(method: string): void {
    if (this.#busy) {
      throw refusal(
        'ERR_REENTRANT_CALL',
        `call ${method} of an event stream decoder`,
        'one of its handlers running',
        'after write has returned',
      );
    }
  }

  #bytesOf(chunk: Uint8Array | string): Uint8Array {
    if (typeof chunk === 'string') {
      let text = this.#highSurrogate + chunk;
      const last = text.charCodeAt(text.length - 1);
      this.#highSurrogate = last >= 0xd800 && last < 0xdc00 ? text.slice(-1) : '';
      if (this.#highSurrogate !== '') text = text.slice(0, -1);
      return textEncoder.encode(text);
    }
    // Not instanceof: a chunk may come from another realm
    if (!ArrayBuffer.isView(chunk) || chunk.BYTES_PER_ELEMENT !== 1) {
      throw refusal('ERR_INVALID_CHUNK', 'decode a chunk', found(chunk), 'a Uint8Array or a string');
    }
    if (this.#highSurrogate === '') return chunk;
    const lone = textEncoder.encode(this.#highSurrogate);
    this.#highSurrogate = '';
    return concatenate(lone, chunk);
  }

  #read(chunk: Uint8Array): void {
    let bytes = this.#bomBytes < BOM.length ? this.#skipBom(chunk) : chunk;
    if (this.#undelivered.length > 0) {
      bytes = concatenate(this.#undelivered, bytes);
      this.#undelivered = EMPTY;
    }

    const carry = this.#carry;
    // In the middle of a long line the next chunk has probably no line end either
    const end = lastLineEnd(bytes, carry.length > bytes.length) + 1;
    let from = 0;
    if (end > 0) {
      this.#reader.expect(carry.length + end);
      try {
        if (carry.length + bytes.length <= COPIED_BYTES) {
          const length = carry.length + end;
          carry.append(bytes);
          from = bytes.length;
          this.#readCarried(length);
        } else {
          if (carry.length > 0) {
            // Only the line that was carried is copied; the others are decoded where they are
            from = firstLineEnd(bytes) + 1;
            carry.append(bytes.subarray(0, from));
            this.#readCarried(carry.length);
          }
          if (from < end) {
            const lines = bytes.subarray(from, end);
            from = end;
            if (!this.#readLines(lines)) this.#fail();
          }
        }
      } catch (error) {
        if (error !== this.#failure) this.#keepUndelivered(bytes.subarray(from));
        throw error;
      }
    }

    if (this.#reader.exceeds(carry.length + bytes.length - from)) this.#fail();
    if (from < bytes.length) carry.append(from === 0 ? bytes : bytes.subarray(from));
  }

  /** Reads complete lines, the first bytes of the carry. */
  #readCarried(length: number): void {
    let allowed: boolean;
    try {
      allowed = this.#readLines(this.#carry.view(length));
    } finally {
      this.#carry.drop(length);
    }
    if (!allowed) this.#fail();
  }

  /** Returns false at a line that is too large. */
  #readLines(lines: Uint8Array): boolean {
    return this.#reader.read(textDecoder.decode(lines), lines);
  }

  /** Drops exactly one leading BOM, which may come byte by byte. What only began like one goes to the carry. */
  #skipBom(bytes: Uint8Array): Uint8Array {
    const seen = this.#bomBytes;
    let from = 0;
    while (from < bytes.length && this.#bomBytes < BOM.length) {
      if (bytes[from] !== BOM[this.#bomBytes]) {
        this.#carry.append(BOM.subarray(0, seen));
        this.#bomBytes = BOM.length;
        return bytes;
      }
      from++;
      this.#bomBytes++;
    }
    return bytes.subarray(from);
  }

  #keepUndelivered(bytes: Uint8Array): void {
    const lines = textEncoder.encode(this.#reader.takeRest());
    const carried = concatenate(lines, this.#carry.view(this.#carry.length));
    this.#carry.drop(this.#carry.length);
    this.#undelivered = concatenate(carried, bytes);
    const { length } = this.#undelivered;
    if (length > MAX_UNDELIVERED_BYTES) {
      this.#failWith(
        'ERR_UNDELIVERED_TOO_LARGE',
        'keep what handlers did not take because they threw',
        `${length} bytes`,
        `at most ${MAX_UNDELIVERED_BYTES}`,
      );
    }
  }

  #fail(): never {
    const limit = `${this.#maxEventBytes} bytes`;
    this.#failWith('ERR_EVENT_TOO_LARGE', 'decode an event', `more than ${limit}`, 'what maxEventBytes says');
  }

  #failWith(code: EventStreamErrorCode, attempt: string, what: string, allowed: string): never {
    this.#discard();
    this.#failure = refusal(code, attempt, what, allowed);
    throw this.#failure;
  }

  /** Lets go of everything that has not been delivered. */
  #discard(): void {
    this.#reader.reset();
    this.#carry.drop(this.#carry.length);
    this.#highSurrogate = '';
    this.#undelivered = EMPTY;
  }
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
