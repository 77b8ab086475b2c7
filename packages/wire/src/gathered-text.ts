/** Small pieces are copied into one string when together they have more characters than this. */
const SMALL_CHARACTERS = 4096;

/** A piece of more characters than this is worth a string of its own. */
const LARGE_CHARACTERS = 512;

/**
 * Text that comes in pieces. Gathering it takes linear time, and it holds little more than its characters: one string that is joined
 * lazily of single characters would hold fifty times as much.
 */
export class GatheredText {
  length = 0;
  #copied = '';
  #recent = '';

  add(text: string): void {
    this.length += text.length;
    this.#recent += text;
    if (text.length > LARGE_CHARACTERS || this.#recent.length > SMALL_CHARACTERS) {
      // In V8 a joined string becomes a flat one when it is cut
      this.#copied += text === this.#recent ? text : ` ${this.#recent}`.slice(1);
      this.#recent = '';
    }
  }

  /** Gives the text and forgets it. */
  take(): string {
    const text = this.#copied + this.#recent;
    this.#copied = this.#recent = '';
    this.length = 0;
    return text;
  }
}
