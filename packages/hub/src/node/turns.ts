import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Lets each connection have one request under way. A client may send requests before it has read the answers to those before them: each answer is
 * held in memory until it can be sent, and a listener behind a stream that never ends would take a place for nothing.
 */
export class Turns {
  readonly #maxWaiting: number;
  /** How many requests wait, of each connection on which some do. */
  readonly #waiting = new WeakMap<Socket, number>();

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Calls back when the answers before this one on its connection are sent: at once, if there are none. It never does if the connection is closed
   * before. If too many wait, the connection is closed.
   */
  wait(request: IncomingMessage, response: ServerResponse, begin: () => void): void {
    const { socket } = request;
    if (!isBehind(socket, response)) {
      begin();
      return;
    }
    // Requests that came with the one that was too many.
    if (socket.destroyed) return;
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    if (waiting > this.#maxWaiting) {
      socket.destroy();
      return;
    }
    this.#waiting.set(socket, waiting);
    // http gives a response its socket when it is its turn.
    response.once('socket', () => {
      const left = (this.#waiting.get(socket) ?? 1) - 1;
      if (left > 0) this.#waiting.set(socket, left);
      else this.#waiting.delete(socket);
      begin();
    });
  }
}

/** Whether http sends another response first. The name is Node's: other runtimes have no such field, and nothing waits there. */
function isBehind(socket: Socket, response: ServerResponse): boolean {
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const sending = (socket as { _httpMessage?: ServerResponse | null })._httpMessage;
  return sending !== undefined && sending !== null && sending !== response && response.socket === null;
}
