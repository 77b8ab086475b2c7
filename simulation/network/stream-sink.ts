import type { SharedChunk, Sink } from '@tidings/server/live';

/** How many bytes are on their way, or have arrived and are not read, before the rest waits at the server. */
const WINDOW_BYTES = 4 * 1024;

/** How many bytes wait before the server is asked to stop writing, as for a socket of Node. */
const HIGH_WATER_MARK = 4 * 1024;

/** What a sink needs of its connection. */
export interface SinkConnection {
  sendChunk(bytes: Uint8Array): void;
  sendEnd(): void;
  reset(): void;
  /** Calls back in the process of the server, soon. */
  soon(run: () => void): void;
}

/** The server's end of a connection that carries a stream. It behaves as a socket does: it takes bytes at the pace of the client. */
export class StreamSink implements Sink {
  backlog = 0;
  needsDrain = false;
  onDrain: () => void = () => {};
  onClose: () => void = () => {};
  readonly #connection: SinkConnection;
  #waiting: Uint8Array[] = [];
  #onItsWay = 0;
  #isOpen = true;
  #hasEnded = false;
  #isWoken = false;

  constructor(connection: SinkConnection) {
    this.#connection = connection;
  }

  write({ bytes }: SharedChunk): void {
    if (!this.#isOpen || this.#hasEnded) return;
    this.backlog += bytes.length;
    this.#waiting.push(bytes);
    this.#send();
    if (this.backlog >= HIGH_WATER_MARK) this.needsDrain = true;
  }

  end(): void {
    if (!this.#isOpen || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#send();
  }

  destroy(): void {
    if (!this.#isOpen) return;
    this.#connection.reset();
    // Later, as a socket would.
    this.#connection.soon(() => this.close());
  }

  /** The client has read bytes. */
  taken(bytes: number): void {
    this.#onItsWay -= bytes;
    if (this.#waiting.length === 0 || this.#isWoken) return;
    this.#isWoken = true;
    this.#connection.soon(() => {
      this.#isWoken = false;
      this.#send();
    });
  }

  /** The connection is gone. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.backlog = 0;
    this.needsDrain = false;
    this.#waiting = [];
    this.onClose();
  }

  #send(): void {
    if (!this.#isOpen) return;
    let sent = 0;
    for (const chunk of this.#waiting) {
      if (this.#onItsWay >= WINDOW_BYTES) break;
      sent += 1;
      this.#onItsWay += chunk.length;
      this.backlog -= chunk.length;
      this.#connection.sendChunk(chunk);
    }
    if (sent === this.#waiting.length) this.#waiting = [];
    else this.#waiting.splice(0, sent);
    if (this.#waiting.length > 0) return;
    if (this.#hasEnded) {
      this.#connection.sendEnd();
      return this.#connection.soon(() => this.close());
    }
    if (!this.needsDrain) return;
    this.needsDrain = false;
    this.onDrain();
  }
}
