import type { Socket } from 'node:net';

/**
 * The answers that clients have yet to take, and that are no streams. Nobody has to read what they asked for, so each has a bounded time, and all together hold a
 * bounded number of bytes: the connections that do not keep to that are closed.
 */
export class Unsent {
  readonly #maxBytes: number;
  readonly #maxMs: number;
  /** In the order in which they began. */
  readonly #answers = new Map<Socket, { readonly bytes: number; readonly timer: NodeJS.Timeout }>();
  #bytes = 0;

  constructor(maxBytes: number, maxMs: number) {
    this.#maxBytes = maxBytes;
    this.#maxMs = maxMs;
  }

  /** Counts an answer that the system has not taken whole. Call {@link sent} when it has. */
  add(socket: Socket, bytes: number): void {
    const timer = setTimeout(() => socket.destroy(), this.#maxMs).unref();
    this.#answers.set(socket, { bytes, timer });
    this.#bytes += bytes;
    socket.once('close', () => this.sent(socket));
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
    clearTimeout(answer.timer);
  }
}
