import type { EventStreamDecoderOptions } from './decoder-options.ts';

// These constants stand in each file that needs them, because V8 looks up an imported constant each time: that costs 8 % of the whole time.
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const DATA = 0x64;
const EVENT = 0x65;
const ID = 0x69;
const RETRY = 0x72;

/**
 * The characters that are joined lazily before they are copied into one flat string. A lazily joined piece takes up to 50 times the memory
 * of its characters.
 */
const LAZY_CHARACTERS = 4096;

/** The default of `maxEventBytes`, 16 MiB. It keeps a stream that never ends its line or its event from filling the memory. */
export const DEFAULT_MAX_EVENT_BYTES: number = 16 * 1024 * 1024;

/**
 * The names of the fields as character codes, by the code that each begins with. Numbers are compared faster than the characters of a
 * string. A comment is a field with an empty name.
 */
const FIELDS: (number[] | undefined)[] = [];
for (const name of ['', 'data', 'event', 'id', 'retry']) {
  FIELDS[name.charCodeAt(0) || COLON] = Array.from(name, (character) => character.charCodeAt(0));
}

/**
 * Parses the text of one stream [spec 9.2.6], without a byte order mark in front of it. It reads the fields of each line, collects them
 * until the blank line that ends their block, and calls the handlers of a decoder with what it finds.
 */
export class EventStreamParser {
  lastEventId: string;
  /** How many characters the block may still have. A data line counts with its line end. */
  room: number;

  readonly #handlers: EventStreamDecoderOptions;
  readonly #refuse: (maxEventBytes: number) => never;
  readonly #maxEventBytes: number;
  /** The part of the unfinished line that was kept. */
  readonly #rest = new Rope();
  /** Whether the last character was a CR, so that an LF after it belongs to the same line end. */
  #isAfterCr = false;

  #type = '';
  #data: string | undefined;
  /** The data lines after the first, each with a line end in front of it. */
  readonly #moreData = new Rope();
  #id: string | undefined;

  /** @param refuse a function that throws, called when an event is longer than the options allow */
  constructor(options: EventStreamDecoderOptions, refuse: (maxEventBytes: number) => never) {
    this.#handlers = options;
    this.#refuse = refuse;
    this.lastEventId = options.lastEventId ?? '';
    this.room = this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
  }

  /**
   * Reads the complete lines of a text from `start` on. Returns the index where the unfinished line begins. The caller either gives that line
   * to {@link keep} or puts it in front of the next text.
   *
   * @throws what `refuse` throws
   */
  readLines(text: string, start: number): number {
    const carried = this.#rest.length;
    if (carried) {
      if (!/[\n\r]/.test(text)) return 0;
      text = this.#rest.take() + text;
    }
    const { length } = text;
    let cr = -1;
    while (start < length) {
      const first = text.charCodeAt(start);
      let end = start;
      if (first === LF || first === CR) {
        // An LF after a CR belongs to the same line end.
        if (first === CR || !this.#isAfterCr) this.#dispatch();
      } else {
        // The kept text has no line end, so the search begins after it.
        const from = start < carried ? carried : start;
        if (cr < start && (cr = text.indexOf('\r', from)) < 0) cr = length;
        end = text.indexOf('\n', from);
        if (end < 0 || cr < end) end = cr;
        if (end === length) break;
        this.#refuseLonger(end - start);
        this.#readLine(text, start, end);
      }
      this.#isAfterCr = end === cr || first === CR;
      start = end + 1;
    }
    return start - carried;
  }

  /**
   * Keeps a text without a line end as the beginning of the next one.
   *
   * @throws what `refuse` throws
   */
  keep(text: string): void {
    this.#rest.add(text);
    this.#refuseLonger(this.#rest.length);
  }

  /** Delivers an event. Another class may only call it between blocks, with one data line. */
  emit(data: string): void {
    this.#handlers.onEvent({ type: this.#type || 'message', data, lastEventId: this.lastEventId });
  }

  /** Reads one line that is not blank. A field with an unknown name is ignored. */
  #readLine(text: string, start: number, end: number): void {
    const first = text.charCodeAt(start);
    const name = FIELDS[first];
    if (!name) return;
    const colon = start + name.length;
    if (colon < end && text.charCodeAt(colon) !== COLON) return;
    // No name has a line end in it, so a match ends within the line.
    for (let at = start; ++at < colon;) if (text.charCodeAt(at) !== name[at - start]) return;
    const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end);
    if (first === DATA) {
      this.room -= value.length + 1;
      if (this.#data === undefined) this.#data = value;
      else this.#moreData.add(`\n${value}`);
    } else if (first === EVENT) {
      this.room -= value.length;
      this.#type = value;
    } else if (first === ID) {
      this.room -= value.length;
      if (!value.includes('\0')) this.#id = value;
    } else if (first === RETRY) {
      if (/^\d+$/.test(value)) this.#handlers.onRetry?.(Number(value));
    } else this.#handlers.onComment?.(value);
  }

  #dispatch(): void {
    if (this.#id !== undefined) {
      this.lastEventId = this.#id;
      this.#id = undefined;
      this.#handlers.onId?.(this.lastEventId);
    }
    const data = this.#data;
    if (data !== undefined) {
      this.#data = undefined;
      this.emit(data + this.#moreData.take());
    }
    this.#type = '';
    this.room = this.#maxEventBytes;
  }

  #refuseLonger(length: number): void {
    if (length > this.room) this.#refuse(this.#maxEventBytes);
  }
}

/** A text that grows piece by piece in linear time, and takes little more memory than its characters. */
class Rope {
  #whole = '';
  #newest = '';

  get length(): number {
    return this.#whole.length + this.#newest.length;
  }

  add(piece: string): void {
    const newest = this.#newest + piece;
    if (newest.length > LAZY_CHARACTERS) {
      // V8 makes a flat string of a joined one when it is cut.
      this.#whole += newest === piece ? piece : ` ${newest}`.slice(1);
      this.#newest = '';
    } else this.#newest = newest;
  }

  /** Returns the text and forgets it. */
  take(): string {
    const text = this.#whole + this.#newest;
    this.#whole = this.#newest = '';
    return text;
  }
}
