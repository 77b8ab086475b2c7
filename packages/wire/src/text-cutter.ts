/** A shorter cut is a copy in V8. One of so many characters or more keeps the whole string alive that it was cut from. */
const COPIED_CHARACTERS = 13;

/**
 * Cutting from copies of this many characters bounds what a kept event can pin: 1,000 kept small events hold less than 1 MB,
 * also where they were cut out of 60 MB. Measured in Node 24: a copy takes 60 to 80 ns, so one for several events costs less
 * than one for each; to decode the bytes in such windows costs more (64 KiB: 23 µs instead of 19 µs). Cutting from the whole
 * text would be faster (events of 150 bytes: by a sixth in chunks of 1,400 bytes, a fifth in 64 KiB), but each kept event would
 * pin a chunk.
 */
const WINDOW_CHARACTERS = 640;

/** A copy of a text of at least 13 characters: a concatenation is made one flat string when it is sliced. */
export function copyOf(text: string): string {
  return ` ${text}`.slice(1);
}

/** Cuts values out of a text, front to back, such that a kept value does not keep a much longer text alive. */
export class TextCutter {
  #text = '';
  #windowCharacters = WINDOW_CHARACTERS;
  #window = '';
  #windowStart = 0;

  /** `wide` says that characters can take two bytes of memory. */
  reset(text: string, wide: boolean): void {
    this.#text = text;
    this.#windowCharacters = wide ? WINDOW_CHARACTERS / 2 : WINDOW_CHARACTERS;
    // A small text is its own window
    this.#window = text.length <= this.#windowCharacters ? text : '';
    this.#windowStart = 0;
  }

  cut(start: number, end: number): string {
    if (end - start < COPIED_CHARACTERS) return this.#text.slice(start, end);
    if (end > this.#windowStart + this.#window.length) this.#openWindow(start, end);
    return this.#window.slice(start - this.#windowStart, end - this.#windowStart);
  }

  #openWindow(start: number, end: number): void {
    const text = this.#text;
    const windowEnd = Math.max(end, Math.min(start + this.#windowCharacters, text.length));
    const window = text.slice(start, windowEnd);
    // A long value that is most of its text pins little and is spared the copy
    const isMost = end === windowEnd && window.length * 2 > text.length;
    this.#window = isMost ? window : copyOf(window);
    this.#windowStart = start;
  }
}
