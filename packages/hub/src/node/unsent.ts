import type { Duplex } from 'node:stream';

/** An answer that its client has yet to take. */
interface Answer {
  readonly bytes: number;
  /** Forgets it. */
  readonly drop: () => void;
}

/**
 * The answers that clients have yet to take, and that are no streams. Nobody has to read what they asked for, so each has a bounded time, and all together hold a
 * bounded number of bytes: the ways of those that do not keep to that are closed, which are connections, and streams of HTTP/2.
 */
export class Unsent<Way extends Duplex = Duplex> {
  readonly #maxBytes: number;
  readonly #maxMs: number;
  /** In the order in which they began. */
  readonly #answers = new Map<Way, Answer>();
  readonly #close: (way: Way) => void;
  #bytes = 0;

  constructor(maxBytes: number, maxMs: number, close: (way: Way) => void = (way) => void way.destroy()) {
    this.#maxBytes = maxBytes;
    this.#maxMs = maxMs;
    this.#close = close;
  }

  /** Counts an answer that the system has not taken whole. Call {@link sent} when it has. */
  add(way: Way, bytes: number): void {
    const timer = setTimeout(() => this.#close(way), this.#maxMs).unref();
    const closed = (): void => this.sent(way);
    const drop = (): void => {
      clearTimeout(timer);
      way.off('close', closed);
    };
    way.once('close', closed);
    this.#answers.set(way, { bytes, drop });
    this.#bytes += bytes;
    for (const [slowest] of this.#answers) {
      if (this.#bytes <= this.#maxBytes || slowest === way) return;
      this.sent(slowest);
      this.#close(slowest);
    }
  }

  /** The answer has been taken, or its connection is closed. */
  sent(way: Way): void {
    const answer = this.#answers.get(way);
    if (!answer) return;
    this.#answers.delete(way);
    this.#bytes -= answer.bytes;
    answer.drop();
  }
}
