import { byteLength } from './byte-length.ts';
import type { EventStreamDecoderOptions } from './decoder-options.ts';
import { copyOf, TextCutter } from './text-cutter.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const DIGITS = /^[0-9]+$/;

/** As many bytes as take less time to look at than a call of `indexOf`, and than the two calls that a text with CRs needs. */
const SHORT_BYTES = 8;
const SHORT_BYTES_WITH_CR = 20;

/** After a data line of more bytes than this the next ones are probably long, too, and searched at once. */
const LONG_BYTES = 64;

/**
 * Data lines are joined lazily up to this many characters, then copied into one string. Lines of a few characters would otherwise
 * hold fifty times their size in small strings and in the texts that they were cut from.
 */
const JOINED_CHARACTERS = 16 * 1024;

/** Behind the end of any string. */
const NOWHERE = 0x3fff_ffff;

/**
 * Reads texts of complete lines into blocks and calls the handlers. This is the hot path: most events are one data line that
 * a blank line follows, and cost one search for a line end and one cut, without being buffered.
 *
 * State is changed, and the place to go on from is set, before a handler is called, so an exception may leave anywhere.
 */
export class BlockReader {
  lastEventId: string;

  readonly #handlers: Pick<EventStreamDecoderOptions, 'onEvent' | 'onRetry' | 'onComment' | 'onId'>;
  readonly #maxEventBytes: number;

  #text = '';
  /** Where reading goes on after an exception. */
  #next = 0;
  /** The text may have more bytes than UTF-16 units. */
  #wide = false;
  readonly #cutter = new TextCutter();
  /** The last text ended in a CR: an LF at the start of the next one belongs to it. */
  #skipLf = false;

  /** A type, data or an id is buffered for the block. */
  #open = false;
  #type = '';
  /** The data lines but the newest ones, each with its line end. */
  #earlierData = '';
  #data: string | undefined;
  #id: string | undefined;
  /** At least the bytes of what is buffered, each data line with its line end. */
  #heldBytes = 0;
  /** From here on in the block, `#heldBytes` is exact. */
  #exact = false;
  /** The limit is so near that each line has to be counted. */
  #counting = false;

  constructor(options: EventStreamDecoderOptions, maxEventBytes: number) {
    const { onEvent, onRetry, onComment, onId } = options;
    this.#handlers = { onEvent, onRetry, onComment, onId };
    this.#maxEventBytes = maxEventBytes;
    this.lastEventId = options.lastEventId ?? '';
  }

  /** Whether the values buffered and so many more bytes are past the limit. */
  exceeds(bytes: number): boolean {
    if (this.#heldBytes + bytes <= this.#maxEventBytes) return false;
    if (!this.#exact) {
      // At most once for each block, so the time stays linear
      this.#exact = true;
      this.#heldBytes = byteLength(this.#type) + byteLength(this.#id ?? '');
      if (this.#data !== undefined) this.#heldBytes += byteLength(this.#earlierData) + byteLength(this.#data) + 1;
    }
    return this.#heldBytes + bytes > this.#maxEventBytes;
  }

  /** Announces at most so many bytes of text. */
  expect(bytes: number): void {
    // Malformed UTF-8 can take three times its bytes once it has become U+FFFD
    this.#counting = this.exceeds(3 * bytes);
  }

  /** Forgets the block and the text, but not the last event ID. */
  reset(): void {
    this.#releaseText();
    this.#skipLf = false;
    this.#id = undefined;
    this.#closeBlock();
  }

  /** What an exception left of the text. */
  takeRest(): string {
    const rest = this.#text.slice(this.#next);
    if (rest !== '') this.#skipLf = false;
    this.#releaseText();
    return rest;
  }

  /** Reads a text of complete lines, decoded from the bytes. Returns false at a line that is too large. */
  read(text: string, bytes: Uint8Array): boolean {
    this.#text = text;
    this.#next = 0;
    this.#wide = text.length !== bytes.length || text.includes('\ufffd');
    // Where it is all ASCII the bytes are the characters, and cheaper to look at
    const ascii = this.#wide ? undefined : bytes;
    const cutter = this.#cutter;
    cutter.reset(text, this.#wide);
    const { onEvent } = this.#handlers;

    let start = this.#skipLf && codeAt(text, ascii, 0) === LF ? 1 : 0;
    this.#skipLf = codeAt(text, ascii, text.length - 1) === CR;
    let lf = -1;
    let cr = -1;
    let looked = SHORT_BYTES;

    while (start < text.length) {
      const isData = startsWithData(text, ascii, start);
      let end = isData ? start + 5 : start;
      if (ascii !== undefined) end = skipShort(ascii, end, looked);
      const stopped = codeAt(text, ascii, end);
      if (stopped !== LF && stopped !== CR) {
        if (lf < end && (lf = text.indexOf('\n', end)) === -1) lf = NOWHERE;
        if (cr < end && (cr = text.indexOf('\r', end)) === -1) cr = NOWHERE;
        end = lf < cr ? lf : cr;
      }
      let next = end + 1;
      if (next < text.length && codeAt(text, ascii, end) === CR && codeAt(text, ascii, next) === LF) next++;
      if (this.#counting && this.#isTooLarge(text, start, end)) return false;

      if (start === end) {
        if (this.#open) this.#endBlock(this.#data, start, next);
      } else if (isData) {
        looked = end - start > LONG_BYTES ? 0 : codeAt(text, ascii, end) === CR ? SHORT_BYTES_WITH_CR : SHORT_BYTES;
        const value = cutter.cut(codeAt(text, ascii, start + 5) === SPACE ? start + 6 : start + 5, end);
        const following = next < text.length ? codeAt(text, ascii, next) : 0;
        if (this.#data !== undefined || (following !== LF && following !== CR)) {
          this.#bufferData(value);
        } else {
          // The LF of a CRLF may stay behind: another blank line changes nothing
          next++;
          if (this.#open) {
            this.#endBlock(value, start, next);
          } else {
            this.#next = next;
            onEvent({ type: 'message', data: value, lastEventId: this.lastEventId });
          }
        }
      } else {
        this.#readLine(text, start, end, next);
      }
      start = next;
    }
    this.#releaseText();
    return true;
  }

  /** An idle decoder keeps no text alive. */
  #releaseText(): void {
    this.#text = '';
    this.#next = 0;
    this.#cutter.reset('', false);
  }

  #readLine(text: string, start: number, end: number, next: number): void {
    const { onComment, onRetry } = this.#handlers;
    let from: number;
    switch (text.charCodeAt(start)) {
      case COLON:
        this.#next = next;
        onComment?.(this.#cutter.cut(valueStart(text, '', start, end), end));
        break;
      case 0x64: // d
        if (valueStart(text, 'data', start, end) !== -1) this.#bufferData('');
        break;
      case 0x65: // e
        from = valueStart(text, 'event', start, end);
        if (from !== -1) this.#bufferType(this.#cutter.cut(from, end));
        break;
      case 0x69: // i
        from = valueStart(text, 'id', start, end);
        if (from !== -1) this.#bufferId(this.#cutter.cut(from, end));
        break;
      case 0x72: // r
        from = valueStart(text, 'retry', start, end);
        if (from !== -1) {
          const value = text.slice(from, end);
          this.#next = next;
          if (DIGITS.test(value)) onRetry?.(Number(value));
        }
        break;
    }
  }

  #bufferData(line: string): void {
    if (this.#data === undefined) {
      this.#data = line;
    } else if (this.#data.length < JOINED_CHARACTERS) {
      this.#data += `\n${line}`;
    } else {
      this.#earlierData += copyOf(`${this.#data}\n`);
      this.#data = line;
    }
    this.#hold(line, 1);
  }

  #bufferType(type: string): void {
    this.#hold(type, this.#exact ? -byteLength(this.#type) : 0);
    this.#type = type;
  }

  #bufferId(id: string): void {
    if (id.includes('\0')) return;
    this.#hold(id, this.#exact ? -byteLength(this.#id ?? '') : 0);
    this.#id = id;
  }

  #hold(value: string, more: number): void {
    this.#open = true;
    this.#heldBytes += (this.#exact ? byteLength(value) : 3 * value.length) + more;
  }

  /** Takes the id and dispatches the event. `data` is that of the newest lines, undefined where there are none. */
  #endBlock(data: string | undefined, start: number, next: number): void {
    const { onEvent, onId } = this.#handlers;
    const id = this.#id;
    if (id !== undefined) {
      this.lastEventId = id;
      this.#id = undefined;
      // Should the handler throw, this line is read again for the event
      this.#next = start;
      onId?.(id);
    }
    const type = this.#type === '' ? 'message' : this.#type;
    const earlierData = this.#earlierData;
    this.#closeBlock();
    this.#next = next;
    if (data !== undefined) onEvent({ type, data: earlierData + data, lastEventId: this.lastEventId });
  }

  #closeBlock(): void {
    this.#open = false;
    this.#type = '';
    this.#earlierData = '';
    this.#data = undefined;
    this.#heldBytes = 0;
    this.#exact = false;
  }

  #isTooLarge(text: string, start: number, end: number): boolean {
    return this.exceeds(this.#wide ? byteLength(text.slice(start, end)) : end - start);
  }
}

function codeAt(text: string, ascii: Uint8Array | undefined, index: number): number {
  return ascii === undefined ? text.charCodeAt(index) : (ascii[index] as number);
}

function startsWithData(text: string, ascii: Uint8Array | undefined, start: number): boolean {
  return (
    codeAt(text, ascii, start) === 0x64 &&
    codeAt(text, ascii, start + 1) === 0x61 &&
    codeAt(text, ascii, start + 2) === 0x74 &&
    codeAt(text, ascii, start + 3) === 0x61 &&
    codeAt(text, ascii, start + 4) === COLON
  );
}

/** Goes on to the next control character, at most a few bytes: where a line is short, this is faster than a search for its end. */
function skipShort(ascii: Uint8Array, from: number, bytes: number): number {
  const last = Math.min(from + bytes, ascii.length - 1);
  let index = from;
  while (index < last && (ascii[index] as number) > CR) index++;
  return index;
}

/** Where the value of the line starts, -1 where the line is not a field of this name. */
function valueStart(text: string, name: string, start: number, end: number): number {
  for (let i = 1; i < name.length; i++) if (text.charCodeAt(start + i) !== name.charCodeAt(i)) return -1;
  const nameEnd = start + name.length;
  if (nameEnd === end) return end;
  if (text.charCodeAt(nameEnd) !== COLON) return -1;
  return text.charCodeAt(nameEnd + 1) === SPACE ? nameEnd + 2 : nameEnd + 1;
}
