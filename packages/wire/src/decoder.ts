import { TextReader } from '#text-reader';
import { checkDecoderOptions, type EventStreamDecoderOptions } from './decoder-options.ts';
import { refuse } from './errors.ts';
import { EventStreamParser } from './parser.ts';

const textEncoder = new TextEncoder();

/**
 * Decodes an event stream, chunk by chunk, calling a handler for what it finds. How the stream is cut into chunks makes no
 * difference to what is found, and an event is delivered as soon as its blank line has arrived.
 *
 * A handler that throws stops nothing: what else the chunk holds is delivered, and then `write` throws the first exception.
 * Handlers may not call `write` or `end`.
 */
export class EventStreamDecoder {
  readonly #options: EventStreamDecoderOptions;
  #parser!: EventStreamParser;
  #text!: TextReader;
  #isBusy = false;
  /** The first exception of a handler in this write. */
  #thrown: { error: unknown } | undefined;
  /** Why nothing more is read until the end. */
  #failure: { error: unknown } | undefined;

  /** @throws {EventStreamError} `ERR_INVALID_OPTION` */
  constructor(options: EventStreamDecoderOptions) {
    checkDecoderOptions(options);
    this.#options = {
      ...options,
      onEvent: this.#guard(options.onEvent),
      onId: this.#guard(options.onId),
      onRetry: this.#guard(options.onRetry),
      onComment: this.#guard(options.onComment),
    };
    this.#begin(options.lastEventId);
  }

  /** The last event ID: that of the newest finished block with an id. It outlives `end`, as it does in browsers. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /**
   * Reads the next bytes of the stream. The chunk is not kept: its memory may be used again after the call. A string stands for its bytes
   * in UTF-8, so that no character may be cut in two by the end of one.
   *
   * @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` past `maxEventBytes`. The events before have been delivered, and every
   * further write throws the same error until `end`.
   * @throws {EventStreamError} `ERR_INVALID_CHUNK`, `ERR_REENTRANT_CALL`
   * @throws what a handler threw first, after everything in the chunk has been delivered
   */
  write(chunk: Uint8Array | string): void {
    this.#refuseReentry();
    const bytes = typeof chunk === 'string' ? textEncoder.encode(chunk) : chunk;
    // Not instanceof: a chunk may come from another realm
    if (bytes?.BYTES_PER_ELEMENT !== 1) {
      refuse('ERR_INVALID_CHUNK', 'decode a chunk', `expected a Uint8Array or a string, found ${typeof chunk}`);
    }
    if (!this.#failure) {
      this.#isBusy = true;
      try {
        this.#text.read(bytes);
      } catch (error) {
        this.#begin(this.lastEventId);
        this.#failure = { error };
      }
      this.#isBusy = false;
    }
    const thrown = this.#thrown ?? this.#failure;
    this.#thrown = undefined;
    if (thrown) throw thrown.error;
  }

  /**
   * Ends the stream. An unfinished block is discarded: no event, no id [spec 9.2.6]. The decoder is then ready for the
   * stream of the next connection.
   *
   * @throws {EventStreamError} `ERR_REENTRANT_CALL`
   */
  end(): void {
    this.#refuseReentry();
    this.#begin(this.lastEventId);
    this.#failure = undefined;
  }

  #guard<Handler extends ((value: never) => void) | undefined>(handler: Handler): Handler {
    const guarded = (value: never): void => {
      try {
        handler?.(value);
      } catch (error) {
        this.#thrown ??= { error };
      }
    };
    return handler && (guarded as Handler);
  }

  #refuseReentry(): void {
    if (this.#isBusy) refuse('ERR_REENTRANT_CALL', 'use a decoder', 'its handler is running');
  }

  #begin(lastEventId: string | undefined): void {
    this.#parser = new EventStreamParser({ ...this.#options, lastEventId }, refuseLarger);
    this.#text = new TextReader(this.#parser);
  }
}

/** @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` */
export function refuseLarger(maxEventBytes: number): never {
  refuse('ERR_EVENT_TOO_LARGE', 'decode an event', `it exceeds the ${maxEventBytes} bytes of maxEventBytes`);
}
