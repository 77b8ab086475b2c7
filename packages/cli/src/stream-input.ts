import { type EventFields, type EventMessage, EventStreamDecoder, EventStreamError } from '@tidings/wire';
import { CliError } from './cli-error.ts';
import type { EventInput } from './event-input.ts';
import { isTooLong, MAX_DATA_BYTES, outgoingEvent, type OutgoingEvent } from './outgoing-event.ts';
import { formatSize } from './quantity.ts';

const HEARTBEAT = 'tidings-heartbeat';

/** A whole event stream. Its heartbeats are left out, so that what a hub sends can be published to another one. */
export class StreamInput implements EventInput {
  readonly #decoder: EventStreamDecoder;
  #emit: (event: OutgoingEvent) => void = () => {};
  #events = 0;
  /** An id counts for the event that set it, while the decoder's last event ID lasts until the next one. */
  #id: string | undefined;
  #retry: number | undefined;
  /** Behind an event that is too long nothing may be published, though the decoder goes on to the end of its chunk. */
  #stopped = false;

  constructor() {
    this.#decoder = new EventStreamDecoder({
      onId: (id) => {
        this.#id = id === '' ? undefined : id;
      },
      onRetry: (milliseconds) => {
        this.#retry = Math.min(milliseconds, Number.MAX_SAFE_INTEGER);
      },
      onEvent: (event) => this.#take(event),
    });
  }

  read(chunk: Uint8Array, emit: (event: OutgoingEvent) => void): void {
    this.#emit = emit;
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      throw error instanceof EventStreamError && error.code === 'ERR_EVENT_TOO_LARGE' ? this.#tooLong() : error;
    }
  }

  /** An unfinished event is discarded [spec 9.2.6]. */
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
    if (this.#stopped || type === HEARTBEAT) return;
    this.#stopped = isTooLong(data);
    if (this.#stopped) throw this.#tooLong();
    this.#events++;
    this.#emit(outgoingEvent(fields));
  }

  #tooLong(): CliError {
    const number = (this.#events + 1).toLocaleString('en-US');
    return new CliError('ERR_INPUT', `event ${number} is longer than an event may be (${formatSize(MAX_DATA_BYTES)})`);
  }
}
