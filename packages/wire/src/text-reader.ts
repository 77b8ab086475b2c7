import type { EventStreamParser } from './parser.ts';

/**
 * Text is read in windows of at most so many bytes of memory, because a value that is cut out of a text keeps the whole text alive: 1,000
 * kept small events hold less than 1 MB, also where they came out of 60 MB.
 */
const WINDOW = 600;

/** Turns the bytes of one stream into text for a parser, in little code: browsers download it. */
export class TextReader {
  readonly #parser: EventStreamParser;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(parser: EventStreamParser) {
    this.#parser = parser;
  }

  /** @throws what the parser throws */
  read(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    // With one character that is not ASCII among them, all characters take two bytes
    const size = text.length < bytes.length ? WINDOW / 2 : WINDOW;
    for (let from = 0; from < text.length; from += size) {
      // In V8 a joined string is copied when it is cut
      const window = ` ${text.slice(from, from + size)}`.slice(1);
      const rest = window.slice(this.#parser.readLines(window, 0));
      if (rest !== '') this.#parser.keep(rest);
    }
  }
}
