import type { EventStreamDecoderOptions } from './decoder-options.ts';

// Here and not in a module of their own: V8 looks up an imported constant each time, which costs 8 % of the whole
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const D = 0x64;
const E = 0x65;
const R = 0x72;
const BOM = 0xfeff;

/** Behind the end of any string. */
const NOWHERE = 0x3fff_ffff;

/** So many characters are joined lazily before they are copied: a lazily joined piece takes up to 50 times its characters. */
const LAZY_CHARACTERS = 4096;

/** Keeps a stream that never ends a line, or never ends a block, from filling the memory: 16 MiB. */
export const DEFAULT_MAX_EVENT_BYTES: number = 16 * 1024 * 1024;

/** The names of the fields, by the codes of their first characters. A comment is the field whose name is empty. */
const NAMES: readonly (string | undefined)[] = /* @__PURE__ */ Object.assign([], {
  0x3a: '',
  0x64: 'data',
  0x65: 'event',
  0x69: 'id',
  0x72: 'retry',
});

/** Stands for the name of a field that is ignored: no line begins with it. */
const UNKNOWN = '\n';

/** What the lines of one stream mean: reads text, and calls the handlers of a decoder for what it finds. */
export class EventStreamParser {
  lastEventId: string;
  /** Whether a block has ended, and nothing of the next one was read yet. */
  isBetweenBlocks = false;

  readonly #handlers: EventStreamDecoderOptions;
  readonly #refuse: (maxEventBytes: number) => never;
  readonly #maxEventBytes: number;
  /** The line that has not ended yet, as far as it was kept. */
  readonly #rest = new Rope();
  #isFirstLine = true;
  /** The last character was a CR: an LF behind it belongs to it. */
  #isAfterCr = false;

  #type = '';
  #data: string | undefined;
  /** The data lines behind the first, each behind its line end. */
  readonly #moreData = new Rope();
  #id: string | undefined;
  /** Of what is buffered for the block, each data line with its line end. */
  #blockLength = 0;

  /** @param refuse throws, because an event is longer than the options allow */
  constructor(options: EventStreamDecoderOptions, refuse: (maxEventBytes: number) => never) {
    this.#handlers = options;
    this.#refuse = refuse;
    this.lastEventId = options.lastEventId ?? '';
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
  }

  /**
   * Reads the complete lines of a text from `start` on. Returns where the unfinished one begins: the next text begins with it, or it is
   * kept.
   *
   * @throws what `refuse` throws
   */
  readLines(text: string, start: number): number {
    const carried = this.#rest.length;
    if (carried > 0) {
      if (!/[\n\r]/.test(text)) return 0;
      text = this.#rest.take() + text;
    }
    const { length } = text;
    const bom = this.#bomLength(text);
    start += bom;
    if (this.#isAfterCr && start < length) {
      this.#isAfterCr = false;
      if (text.charCodeAt(start) === LF) start++;
    }
    let isRead = bom === 0;
    let data = this.#data;
    let cr = -1;
    let nul = -1;
    while (start < length) {
      const first = text.charCodeAt(start);
      let end = start;
      if (first === LF || first === CR) {
        this.#dispatch(data);
        data = undefined;
      } else {
        // No line ends in what was kept
        const from = start < carried ? carried : start;
        if (cr < start && (cr = text.indexOf('\r', from)) < 0) cr = NOWHERE;
        end = text.indexOf('\n', from);
        if (end < 0 || cr < end) end = cr;
        if (end === NOWHERE) break;
        this.#refuseLonger(end - start);
        this.isBetweenBlocks = false;
        const name = NAMES[first] ?? UNKNOWN;
        const colon = start + name.length;
        if ((colon === end || text.charCodeAt(colon) === COLON) && isNamed(text, start, name)) {
          const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end);
          if (first === D) {
            this.#blockLength += value.length + 1;
            if (data === undefined) data = value;
            else this.#moreData.add(`\n${value}`);
          } else if (first === R) {
            if (/^\d+$/.test(value)) this.#handlers.onRetry?.(Number(value));
          } else if (first === COLON) {
            this.#handlers.onComment?.(value);
          } else {
            this.#blockLength += value.length;
            if (nul < start && (nul = text.indexOf('\0', start)) < 0) nul = NOWHERE;
            if (first === E) this.#type = value;
            else if (nul > end) this.#id = value;
          }
        }
      }
      isRead = true;
      start = end + 1;
      if (end === cr || first === CR) {
        this.#isAfterCr = start === length;
        if (text.charCodeAt(start) === LF) start++;
      }
    }
    this.#data = data;
    if (!isRead) return 0;
    if (start > 0) this.#isFirstLine = false;
    return start - carried;
  }

  /** Keeps a text, in which no line ends, for the next one. @throws what `refuse` throws */
  keep(text: string): void {
    this.#rest.add(text.slice(this.#bomLength(text)));
    this.#isFirstLine = false;
    this.#refuseLonger(this.#rest.length);
  }

  /** Whether a line of so many characters is allowed. */
  hasRoom(characters: number): boolean {
    return this.#blockLength + characters <= this.#maxEventBytes;
  }

  /** Delivers an event of one data line. Only between blocks. */
  emit(data: string): void {
    this.#handlers.onEvent({ type: 'message', data, lastEventId: this.lastEventId });
  }

  #bomLength(text: string): number {
    return this.#isFirstLine && text.charCodeAt(0) === BOM ? 1 : 0;
  }

  #dispatch(data: string | undefined): void {
    if (this.#id !== undefined) {
      this.lastEventId = this.#id;
      this.#id = undefined;
      this.#handlers.onId?.(this.lastEventId);
    }
    if (data !== undefined) {
      if (this.#moreData.length > 0) data += this.#moreData.take();
      this.#handlers.onEvent({ type: this.#type || 'message', data, lastEventId: this.lastEventId });
    }
    this.#type = '';
    this.#blockLength = 0;
    this.isBetweenBlocks = true;
  }

  #refuseLonger(length: number): void {
    if (!this.hasRoom(length)) this.#refuse(this.#maxEventBytes);
  }
}

/** A text that grows piece by piece, in linear time and little more memory than its characters. */
class Rope {
  #whole = '';
  #newest = '';

  get length(): number {
    return this.#whole.length + this.#newest.length;
  }

  add(piece: string): void {
    const newest = this.#newest + piece;
    const isLong = newest.length > LAZY_CHARACTERS;
    // In V8 a joined string becomes a flat one when it is cut
    if (isLong) this.#whole += this.#newest === '' ? piece : ` ${newest}`.slice(1);
    this.#newest = isLong ? '' : newest;
  }

  /** Returns the text and lets go of it. */
  take(): string {
    const text = this.#whole + this.#newest;
    this.#whole = this.#newest = '';
    return text;
  }
}

/** Whether a name stands there, of which the first character is known to. */
function isNamed(text: string, start: number, name: string): boolean {
  for (let i = name.length - 1; i > 0; i--) if (text.charCodeAt(start + i) !== name.charCodeAt(i)) return false;
  return name !== UNKNOWN;
}
