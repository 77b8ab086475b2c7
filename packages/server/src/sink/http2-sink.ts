import type { ServerHttp2Stream } from 'node:http2';
import type { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';
import { passOn } from './stream-events.ts';

/**
 * How much of a stream its session has at once. Node counts what all streams of a session have, and refuses new ones above 10 MB
 * (`maxSessionMemory`): with this, those of a few hundred listeners that do not read are far from that.
 */
const PIECE_BYTES = 16 * 1024;

// How much may wait before a source or a replay pauses.
const HIGH_WATER_MARK = 64 * 1024;

const ignore = (): void => {};

/**
 * Writes to a stream of HTTP/2. What the stream does not take yet waits here, where it is shared with other listeners and not copied, and is
 * given to the session a piece at a time.
 */
export class Http2Sink implements Sink {
  onDrain: () => void = ignore;
  onClose: () => void = ignore;
  readonly #stream: ServerHttp2Stream;
  #open = true;
  /** Whether the stream is to be ended behind what waits. */
  #isEnding = false;
  #isWriting = false;
  #isFull = false;
  #waiting: Uint8Array[] = [];
  /** The index of the first that waits. */
  #next = 0;
  #waitingBytes = 0;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    passOn({ onDrain: ignore, closed: () => this.#closed() }, stream, [stream]);
    // A listener that went away is no error of ours; 'close' follows.
    stream.on('error', ignore);
    // If a client resets its stream with NO_ERROR, Node waits until everything has been written, which never happens then.
    const abandon = (): void => queueMicrotask(() => stream.destroy());
    if (stream.aborted) abandon();
    else stream.once('aborted', abandon);
  }

  get backlog(): number {
    return this.#waitingBytes + this.#stream.writableLength;
  }

  get needsDrain(): boolean {
    return this.#open && this.#isFull;
  }

  write({ bytes }: SharedChunk): void {
    if (!this.#open || !this.#stream.writable || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#isWriting) this.#writePiece();
    if (this.#waitingBytes > HIGH_WATER_MARK) this.#isFull = true;
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#isEnding = true;
    if (!this.#isWriting) this.#finish();
  }

  destroy(): void {
    this.#open = false;
    this.#forget();
    // A stream that is closed, or destroyed without an error, can look finished to its listener.
    this.#stream.destroy(new Error('The event stream was broken off'));
  }

  #writePiece(): void {
    const stream = this.#stream;
    let room = PIECE_BYTES;
    this.#isWriting = true;
    // What is written together is one call of the session's.
    stream.cork();
    while (room > 0 && this.#next < this.#waiting.length) {
      const bytes = this.#waiting[this.#next] ?? new Uint8Array();
      const piece = bytes.subarray(0, room);
      if (piece.length < bytes.length) this.#waiting[this.#next] = bytes.subarray(room);
      else this.#next += 1;
      room -= piece.length;
      this.#waitingBytes -= piece.length;
      const isLast = room === 0 || this.#waitingBytes === 0;
      stream.write(piece, isLast ? () => this.#written() : undefined);
    }
    stream.uncork();
  }

  #written(): void {
    this.#isWriting = false;
    if (this.#waitingBytes > 0) {
      this.#writePiece();
      return;
    }
    this.#forget();
    if (this.#isEnding) this.#finish();
    else if (this.#isFull) {
      this.#isFull = false;
      this.onDrain();
    }
  }

  #finish(): void {
    this.#isEnding = false;
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  #forget(): void {
    this.#waiting = [];
    this.#next = 0;
    this.#waitingBytes = 0;
  }

  #closed(): void {
    this.#open = false;
    this.#isEnding = false;
    this.#forget();
    this.onClose();
  }
}
