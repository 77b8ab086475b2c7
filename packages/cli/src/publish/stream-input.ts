import { type EventFields, EventFieldsDecoder, EventStreamError, HEARTBEAT_TYPE } from '@tidings/wire';
import { CliError } from '../errors.ts';
import { formatSize } from '../terminal/quantity.ts';
import { type EventInput, MAX_HELD_EVENT_BYTES } from './event-input.ts';

/** Reads a whole event stream. It leaves heartbeats out, so that the stream of one hub can be published to another one. */
export class StreamInput implements EventInput {
  readonly #decoder: EventFieldsDecoder;
  readonly #maxEventBytes: number;
  readonly #onNotice: (text: string) => void;
  #emit: (event: EventFields) => void = () => {};
  #events = 0;

  /**
   * @param maxEventBytes the most bytes that an event may have
   * @param onNotice called at most once, with a sentence
   */
  constructor(maxEventBytes: number = MAX_HELD_EVENT_BYTES, onNotice: (text: string) => void = () => {}) {
    this.#onNotice = onNotice;
    this.#maxEventBytes = maxEventBytes;
    this.#decoder = new EventFieldsDecoder({ maxEventBytes, onFields: (fields) => this.#take(fields) });
  }

  read(chunk: Uint8Array, emit: (event: EventFields) => void): void {
    this.#emit = emit;
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      if (!(error instanceof EventStreamError) || error.code !== 'ERR_EVENT_TOO_LARGE') throw error;
      const event = (this.#events + 1).toLocaleString('en-US');
      const limit = formatSize(this.#maxEventBytes);
      throw new CliError(
        'ERR_INPUT',
        `event ${event} of standard input does not end within ${limit}, which is the limit`,
        { cause: error },
      );
    }
  }

  /** Discards an event that the input has not finished [spec 9.2.6]. */
  end(): void {
    let isUnfinished = false;
    this.#emit = () => (isUnfinished = true);
    // What would end an event, if there is one.
    this.#decoder.write('\n\n');
    this.#decoder.end();
    if (isUnfinished) this.#onNotice('The last event of the input is not published: no empty line has ended it');
  }

  #take(fields: EventFields): void {
    if (fields.event === HEARTBEAT_TYPE) return;
    this.#events++;
    this.#emit(fields);
  }
}
