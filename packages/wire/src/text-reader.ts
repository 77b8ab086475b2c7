import type { EventStreamParser } from './parser.ts';

/**
 * The most bytes of memory that one piece of text may take. A value that is cut out of a text keeps the whole text alive, so short pieces
 * make sure that 1,000 small events that are kept hold less than 1 MB, even if they came out of 60 MB.
 */
const WINDOW = 600;
/** The same where each character may take two bytes. */
const WIDE_WINDOW = 300;

/**
 * Returns a function that turns the bytes of one stream into text for a parser, chunk by chunk, and throws what the parser throws. It is
 * little code, because browsers download it. A byte order mark in front of the text is left out by the platform's decoder.
 */
export function createTextReader(parser: EventStreamParser): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();

  return (bytes) => {
    const text = decoder.decode(bytes, { stream: true });
    // If one character is not ASCII, V8 may store all of them in two bytes each.
    const size = text.length < bytes.length ? WIDE_WINDOW : WINDOW;
    for (let from = 0; from < text.length; from += size) {
      // V8 copies a joined string when it is cut, so the window does not keep the whole text alive.
      const window = ` ${text.slice(from, from + size)}`.slice(1);
      parser.keep(window.slice(parser.readLines(window, 0)));
    }
  };
}
