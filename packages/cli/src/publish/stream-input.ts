import { type EventFields, type EventMessage, EventStreamDecoder, EventStreamError } from '@tidings/wire';
import { CliError } from '../errors.ts';
import { formatSize } from '../terminal/quantity.ts';
import { encode, type EncodedEvent, type EventInput, MAX_HELD_EVENT_BYTES } from './event-input.ts';

const HEARTBEAT = 'tidings-heartbeat';

/** Reads a whole event stream. It leaves heartbeats out, so that the stream of one hub can be published to another one. */
export class StreamInput implements EventInput {
  readonly #decoder: EventStreamDecoder;
  readonly #maxEventBytes: number;
  #emit: (event: EncodedEvent) => void = () => {};
  #events = 0;
  /** An id belongs to the event that sets it, while the decoder's last event ID lasts until the next one. */
  #id: string | undefined;
  #retry: number | undefined;

  /** @param maxEventBytes the most bytes that an event may have */
  constructor(maxEventBytes: number = MAX_HELD_EVENT_BYTES) {
    this.#maxEventBytes = maxEventBytes;
    this.#decoder = new EventStreamDecoder({
      maxEventBytes,
      onId: (id) => {
        this.#id = id === '' ? undefined : id;
      },
      onRetry: (milliseconds) => {
        this.#retry = Math.min(milliseconds, Number.MAX_SAFE_INTEGER);
      },
      onEvent: (event) => this.#take(event),
    });
  }

  read(chunk: Uint8Array, emit: (event: EncodedEvent) => void): void {
    this.#emit = emit;
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      if (!(error instanceof EventStreamError) || error.code !== 'ERR_EVENT_TOO_LARGE') throw error;
      const event = (this.#events + 1).toLocaleString('en-US');
      const limit = formatSize(this.#maxEventBytes);
      throw new CliError(
        'ERR_INPUT',
        `event ${event} of standard input does not end within ${limit}, which is the most`,
        { cause: error },
      );
    }
  }

  /** Discards an event that the input has not finished [spec 9.2.6]. */
  end(): void {
    this.#decoder.end();
  }

  #take({ type, data }: EventMessage): void {
    const fields: EventFields = { data };
    if (type !== 'message') fields.event = type;
    if (this.#id !== undefined) fields.id = this.#id;
    if (this.#retry !== undefined) fields.retry = this.#retry;
    this.#id = undefined;
    this.#retry = undefined;
    if (type === HEARTBEAT) return;
    this.#events++;
    this.#emit(encode(fields));
  }
}
