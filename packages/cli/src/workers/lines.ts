/** The longest line that is put together, in bytes. A longer one is cut into lines of this length. */
const MAX_LINE_BYTES = 1024 * 1024;

const LF = 0x0a;

/** Passes on whole lines, so that those of several processes do not run into each other. */
export class Lines {
  readonly #write: (lines: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  /** @param write is called with one line or several, each with its end */
  constructor(write: (lines: Buffer) => void) {
    this.#write = write;
  }

  take(part: Buffer): void {
    const all = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]);
    const end = all.lastIndexOf(LF) + 1;
    if (end > 0) this.#write(all.subarray(0, end));
    this.#rest = all.subarray(end);
    if (this.#rest.length >= MAX_LINE_BYTES) this.end();
  }

  /** Passes on what has no end. */
  end(): void {
    if (this.#rest.length > 0) this.#write(Buffer.concat([this.#rest, Buffer.from('\n')]));
    this.#rest = Buffer.alloc(0);
  }
}
