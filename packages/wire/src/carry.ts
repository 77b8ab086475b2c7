/**
 * A new buffer is this many times as large: less copying, and the part that is not written to costs no memory where the
 * system hands out zeroed pages as they are touched.
 */
const GROWTH = 4;

const INITIAL_BYTES = 4 * 1024;

/** A buffer that has grown past this for one long line is let go after it, so that an idle decoder stays small. */
const KEPT_BYTES = 64 * 1024;

/**
 * The bytes of a line whose end has not arrived yet. Its owner bounds how many there are. Appending costs amortised
 * constant time per byte, however small the pieces.
 */
export class Carry {
  #bytes: Uint8Array = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  readonly #maxBytes: number;

  /** `maxBytes` is how many there will usually be at most. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) this.#grow(length);
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  /** The first bytes, valid until the next call of another method. */
  view(length: number): Uint8Array {
    return this.#bytes.subarray(0, length);
  }

  /** Lets go of the first bytes. */
  drop(length: number): void {
    const rest = this.#length - length;
    if (rest > 0) this.#bytes.copyWithin(0, length, this.#length);
    else if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(INITIAL_BYTES);
    this.#length = rest;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(Math.max(length, Math.min(this.#bytes.length * GROWTH, this.#maxBytes)));
    grown.set(this.view(this.#length));
    this.#bytes = grown;
  }
}
