import type { EventFields } from '@tidings/wire';
import { CliError } from '../errors.ts';
import { formatSize } from '../terminal/quantity.ts';
import { type EventInput, MAX_HELD_EVENT_BYTES } from './event-input.ts';

export interface LineInputOptions {
  /** The event type of every event. @default 'message' */
  readonly type?: string | undefined;
  /** The most bytes that a line may have. @default MAX_HELD_EVENT_BYTES (64 MiB) */
  readonly maxLineBytes?: number;
  /** Called at most once, with a sentence. */
  readonly onNotice: (text: string) => void;
}

const LF = 0x0a;

/** Reads one event a line. LF or CRLF ends a line, the end of the input ends the last one. */
export class LineInput implements EventInput {
  readonly #strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #type: string | undefined;
  readonly #maxLineBytes: number;
  #onNotice: ((text: string) => void) | undefined;
  /** The pieces of the line that has not ended yet. */
  #carry: Uint8Array[] = [];
  #carriedBytes = 0;
  #lines = 0;

  constructor({ type, maxLineBytes = MAX_HELD_EVENT_BYTES, onNotice }: LineInputOptions) {
    this.#type = type;
    this.#maxLineBytes = maxLineBytes;
    this.#onNotice = onNotice;
  }

  read(chunk: Uint8Array, emit: (event: EventFields) => void): void {
    const end = chunk.lastIndexOf(LF);
    if (end !== -1) {
      const lines = Buffer.concat([...this.#carry, chunk.subarray(0, end)]);
      this.#carry = [];
      this.#carriedBytes = 0;
      for (const line of this.#decode(lines).split('\n')) this.#emit(line, emit);
    }
    const rest = chunk.subarray(end + 1);
    if (rest.length === 0) return;
    this.#carriedBytes += rest.length;
    if (this.#carriedBytes > this.#maxLineBytes) {
      const line = (this.#lines + 1).toLocaleString('en-US');
      const limit = formatSize(this.#maxLineBytes);
      throw new CliError(
        'ERR_INPUT',
        `line ${line} of standard input does not end within ${limit}, which is the limit`,
      );
    }
    // A copy, because the chunk's memory may be used again.
    this.#carry.push(Uint8Array.from(rest));
  }

  end(emit: (event: EventFields) => void): void {
    if (this.#carriedBytes === 0) return;
    const line = this.#decode(Buffer.concat(this.#carry));
    this.#carry = [];
    this.#carriedBytes = 0;
    this.#emit(line, emit);
  }

  #emit(line: string, emit: (event: EventFields) => void): void {
    this.#lines++;
    const data = line.endsWith('\r') ? line.slice(0, -1) : line;
    emit(this.#type === undefined ? { data } : { event: this.#type, data });
  }

  #decode(bytes: Buffer): string {
    if (this.#onNotice === undefined) return this.#decoder.decode(bytes);
    try {
      return this.#strictDecoder.decode(bytes);
    } catch {
      this.#onNotice('Some bytes of the input are not UTF-8 and are published as U+FFFD');
      this.#onNotice = undefined;
      return this.#decoder.decode(bytes);
    }
  }
}
