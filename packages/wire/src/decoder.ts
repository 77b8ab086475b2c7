import { createTextReader } from '#text-reader';
import { checkDecoderOptions, type EventStreamDecoderOptions } from './decoder-options.ts';
import { refuse } from './errors.ts';
import { EventStreamParser } from './parser.ts';

/** Made with the first string, because not every platform has the class. */
let textEncoder: TextEncoder | undefined;

/**
 * Decodes an event stream chunk by chunk and calls handlers with what it finds. It finds the same however the stream is cut into chunks,
 * and it delivers an event as soon as the blank line that ends it has arrived.
 *
 * When a handler throws, the decoder still delivers the rest of the chunk; then `write` throws the first exception. A handler may not call
 * `write` or `end`.
 *
 * @example
 * ```js
 * const decoder = new EventStreamDecoder({
 *   onEvent: ({ type, data, lastEventId }) => console.log(type, data, lastEventId),
 * });
 * for await (const chunk of response.body) decoder.write(chunk);
 * decoder.end();
 * ```
 */
export class EventStreamDecoder {
  readonly #options: EventStreamDecoderOptions;
  #parser!: EventStreamParser;
  #read!: (bytes: Uint8Array) => void;
  #isBusy = false;
  /** The first exception of a handler in this write. */
  #thrown: { error: unknown } | undefined;
  /** The error because of which nothing more is read until the end. */
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

  /** The last event ID: the id of the newest finished block that has one. It stays the same after `end`, as it does in browsers. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /**
   * Reads the next bytes of the stream. The decoder does not keep the chunk, so its memory may be used again after the call. A string stands
   * for its bytes in UTF-8: a character may not be split between two strings, as it may between two chunks of bytes.
   *
   * @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` where an event is larger than `maxEventBytes`. The events before it have been
   * delivered, and every further call throws the same error until `end`.
   * @throws {EventStreamError} `ERR_INVALID_CHUNK`, `ERR_REENTRANT_CALL`
   * @throws the first exception of a handler, after everything in the chunk has been delivered
   */
  write(chunk: Uint8Array | string): void {
    this.#refuseReentry();
    const bytes = typeof chunk === 'string' ? (textEncoder ??= new TextEncoder()).encode(chunk) : chunk;
    // Not instanceof: a chunk may come from another realm
    if (bytes?.BYTES_PER_ELEMENT !== 1) {
      refuse('ERR_INVALID_CHUNK', 'decode a chunk', `expected a Uint8Array or a string, found ${typeof chunk}`);
    }
    if (!this.#failure) {
      this.#isBusy = true;
      try {
        this.#read(bytes);
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
   * Ends the stream. An unfinished block is discarded, its id too [spec 9.2.6]. The decoder is then ready for the stream of the next
   * connection.
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
    this.#read = createTextReader(this.#parser);
  }
}

/** @throws {EventStreamError} `ERR_EVENT_TOO_LARGE` */
export function refuseLarger(maxEventBytes: number): never {
  refuse('ERR_EVENT_TOO_LARGE', 'decode an event', `it exceeds the ${maxEventBytes} bytes of maxEventBytes`);
}
