import { CliError } from './cli-error.ts';
import type { EventInput } from './event-input.ts';
import { isTooLong, MAX_DATA_BYTES, outgoingEvent, type OutgoingEvent } from './outgoing-event.ts';
import { formatSize } from './quantity.ts';

export interface LineInputOptions {
  /** The event type of every event. @default 'message' */
  readonly type?: string | undefined;
  /** Called at most once, with a sentence. */
  readonly onNotice: (text: string) => void;
}

const LF = 0x0a;

/** One event a line. LF or CRLF ends a line, the end of the input ends the last one. */
export class LineInput implements EventInput {
  readonly #strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #type: string | undefined;
  #onNotice: ((text: string) => void) | undefined;
  /** The pieces of the line that has not ended yet, at most as long as an event may be. */
  #carry: Uint8Array[] = [];
  #carriedBytes = 0;
  #lines = 0;

  constructor({ type, onNotice }: LineInputOptions) {
    this.#type = type;
    this.#onNotice = onNotice;
  }

  read(chunk: Uint8Array, emit: (event: OutgoingEvent) => void): void {
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
    // One byte more may be the CR of a line end.
    if (this.#carriedBytes > MAX_DATA_BYTES + 1) throw this.#tooLong(this.#lines + 1);
    // A copy, because the chunk's memory may be used again.
    this.#carry.push(Uint8Array.from(rest));
  }

  end(emit: (event: OutgoingEvent) => void): void {
    if (this.#carriedBytes === 0) return;
    const line = this.#decode(Buffer.concat(this.#carry));
    this.#carry = [];
    this.#carriedBytes = 0;
    this.#emit(line, emit);
  }

  #emit(line: string, emit: (event: OutgoingEvent) => void): void {
    this.#lines++;
    const data = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (isTooLong(data)) throw this.#tooLong(this.#lines);
    emit(outgoingEvent(this.#type === undefined ? { data } : { event: this.#type, data }));
  }

  #decode(bytes: Buffer): string {
    if (this.#onNotice === undefined) return this.#decoder.decode(bytes);
    try {
      return this.#strictDecoder.decode(bytes);
    } catch {
      this.#onNotice('The input is not all UTF-8; what is not is published as U+FFFD');
      this.#onNotice = undefined;
      return this.#decoder.decode(bytes);
    }
  }

  #tooLong(line: number): CliError {
    const limit = formatSize(MAX_DATA_BYTES);
    return new CliError('ERR_INPUT', `line ${line.toLocaleString('en-US')} is longer than an event may be (${limit})`);
  }
}
