/** So many characters are joined lazily before they are copied: a lazily joined piece takes up to 50 times its characters. */
const LAZY_CHARACTERS = 4096;

/** A text that grows piece by piece, in linear time and little more memory than its characters. */
export class Rope {
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
