import type { Socket } from 'node:net';

/** An answer that its client has yet to take. */
interface Answer {
  readonly bytes: number;
  /** Forgets it. */
  readonly drop: () => void;
}

/**
 * The answers that clients have yet to take, and that are no streams. Nobody has to read what they asked for, so each has a bounded time, and all together hold a
 * bounded number of bytes: the connections that do not keep to that are closed.
 */
export class Unsent {
  readonly #maxBytes: number;
  readonly #maxMs: number;
  /** In the order in which they began. */
  readonly #answers = new Map<Socket, Answer>();
  #bytes = 0;

  constructor(maxBytes: number, maxMs: number) {
    this.#maxBytes = maxBytes;
    this.#maxMs = maxMs;
  }

  /** Counts an answer that the system has not taken whole. Call {@link sent} when it has. */
  add(socket: Socket, bytes: number): void {
    const timer = setTimeout(() => socket.destroy(), this.#maxMs).unref();
    const closed = (): void => this.sent(socket);
    const drop = (): void => {
      clearTimeout(timer);
      socket.off('close', closed);
    };
    socket.once('close', closed);
    this.#answers.set(socket, { bytes, drop });
    this.#bytes += bytes;
    for (const [slowest] of this.#answers) {
      if (this.#bytes <= this.#maxBytes || slowest === socket) return;
      this.sent(slowest);
      slowest.destroy();
    }
  }

  /** The answer has been taken, or its connection is closed. */
  sent(socket: Socket): void {
    const answer = this.#answers.get(socket);
    if (!answer) return;
    this.#answers.delete(socket);
    this.#bytes -= answer.bytes;
    answer.drop();
  }
}
