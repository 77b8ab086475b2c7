/** Heads of requests that are larger than this are large. Few clients send them: those with many matchers in their URL. */
const LARGE_BYTES = 16 * 1024;

export const DEFAULT_MAX_LARGE_HEADS = 256;

/** Guards the memory: Node holds what has come of a head until the head is whole, however many clients stop in the middle of theirs. */
export class LargeHeads {
  readonly #max: number;
  readonly #connections = new Set<object>();

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes notice of how much of a head has come on a connection.
   * @returns whether it may go on
   */
  grow(connection: object, bytes: number): boolean {
    if (bytes <= LARGE_BYTES || this.#connections.has(connection)) return true;
    if (this.#connections.size >= this.#max) return false;
    this.#connections.add(connection);
    return true;
  }

  /** The head is whole, or its connection is closed. */
  end(connection: object): void {
    this.#connections.delete(connection);
  }
}
