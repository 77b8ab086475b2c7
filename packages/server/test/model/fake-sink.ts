import type { SharedChunk, Sink } from '@tidings/server/live';
import { HEARTBEAT_TYPE } from '@tidings/wire';

/** When a sink says that it has drained: when all has been taken, as a socket does, or once there is room, as a body does. */
export type DrainMode = 'empty' | 'room';

/** A sink whose transport takes bytes when the script says so. */
export class FakeSink implements Sink {
  onDrain: () => void = () => {};
  onClose: () => void = () => {};
  /** Called when the response is ended as a whole one. */
  onEnd: () => void = () => {};
  needsDrain = false;
  /** How the response ended, if it has: `left` is the listener's doing. */
  state: 'open' | 'ending' | 'ended' | 'destroyed' | 'left' = 'open';
  readonly chunks: SharedChunk[] = [];
  /** The most bytes that were waiting when more was written. */
  highestBacklog = 0;
  #highestBefore = 0;
  readonly #highWaterMark: number;
  readonly #drainMode: DrainMode;
  readonly #onWrite: (bytes: Uint8Array) => void;
  #waiting: Uint8Array = new Uint8Array();

  constructor(highWaterMark: number, drainMode: DrainMode = 'empty', onWrite: (bytes: Uint8Array) => void = () => {}) {
    this.#highWaterMark = highWaterMark;
    this.#drainMode = drainMode;
    this.#onWrite = onWrite;
  }

  get backlog(): number {
    return this.#waiting.length;
  }

  /** Everything that was written, as text. */
  get text(): string {
    return Buffer.concat(this.chunks.map((chunk) => chunk.bytes)).toString();
  }

  write(chunk: SharedChunk): void {
    this.#onWrite(chunk.bytes);
    if (this.state !== 'open') return;
    this.chunks.push(chunk);
    this.#highestBefore = this.highestBacklog;
    this.highestBacklog = Math.max(this.highestBacklog, this.backlog);
    this.#waiting = Buffer.concat([this.#waiting, chunk.bytes]);
    if (this.backlog >= this.#highWaterMark) this.needsDrain = true;
  }

  end(): void {
    if (this.state !== 'open') return;
    this.state = 'ending';
    // The position that is told last is written whatever waits.
    if (isHeartbeat(this.chunks.at(-1))) this.highestBacklog = this.#highestBefore;
    this.onEnd();
    this.take(0);
  }

  destroy(): void {
    if (this.state !== 'open' && this.state !== 'ending') return;
    this.state = 'destroyed';
    this.#waiting = new Uint8Array();
    queueMicrotask(() => this.onClose());
  }

  /** The transport takes so many bytes, or all there are. */
  take(count = Infinity): Uint8Array {
    const taken = this.#waiting.subarray(0, count);
    this.#waiting = this.#waiting.subarray(taken.length);
    const drained = this.#drainMode === 'empty' ? this.backlog === 0 : this.backlog < this.#highWaterMark;
    if (this.needsDrain && drained) {
      this.needsDrain = false;
      this.onDrain();
    }
    if (this.state === 'ending' && this.backlog === 0) {
      this.state = 'ended';
      queueMicrotask(() => this.onClose());
    }
    return taken;
  }

  /** The listener goes; what it has not taken is lost. */
  leave(): void {
    if (this.state === 'left') return;
    this.state = 'left';
    this.#waiting = new Uint8Array();
    this.onClose();
  }
}

function isHeartbeat(chunk: SharedChunk | undefined): boolean {
  return chunk !== undefined && Buffer.from(chunk.bytes).toString().startsWith(`event: ${HEARTBEAT_TYPE}\n`);
}
