import type { EventStreamDecoderOptions } from './decoder-options.ts';
import { EventStreamDecoder, refuseLarger } from './decoder.ts';
import { refuse } from './errors.ts';
import type { EventFields } from './event.ts';
import { EventStreamParser } from './parser.ts';

/** Made with the first bytes, because not every platform has the class. */
let textDecoder: TextDecoder | undefined;

export interface EventFieldsDecoderOptions {
  /** Called with the fields of each event, in the order of the stream. The object is the handler's to keep and to change. */
  onFields: (fields: EventFields) => void;
  /**
   * The most bytes that an event may have. They are counted as for {@link EventStreamDecoder}: an integer of at least 1.
   *
   * @default DEFAULT_MAX_EVENT_BYTES (16 MiB)
   */
  maxEventBytes?: number | undefined;
}

/**
 * Decodes an event stream, chunk by chunk, into the fields that {@link encodeEvent} takes: for programs that publish a
 * stream again, or write it down. Every result can be encoded.
 *
 * Each event has `data`. It has `event` unless its type is `message`, and `id` and `retry` only where the stream gave them
 * for this event: an id does not last until the next one, as the last event ID of an {@link EventStreamDecoder} does.
 * An id or a reconnection time in a block without data goes with the next event, the newest of each. A reconnection time
 * past `Number.MAX_SAFE_INTEGER` becomes that number. Comments are left out.
 *
 * @example
 * ```js
 * const decoder = new EventFieldsDecoder({ onFields: (fields) => socket.write(encodeEvent(fields)) });
 * for await (const chunk of response.body) decoder.write(chunk);
 * decoder.end();
 * ```
 */
export class EventFieldsDecoder {
  readonly #options: EventFieldsDecoderOptions;
  #decoder: EventStreamDecoder;

  /** @throws {EventStreamError} `ERR_INVALID_OPTION` */
  constructor(options: EventFieldsDecoderOptions) {
    const type = typeof options?.onFields;
    if (type !== 'function') {
      refuse('ERR_INVALID_OPTION', 'decode an event stream', `expected a function as options.onFields, found ${type}`);
    }
    this.#options = options;
    this.#decoder = begin(options);
  }

  /**
   * Reads the next bytes of the stream, as {@link EventStreamDecoder.write} does.
   *
   * @throws {EventStreamError} `ERR_EVENT_TOO_LARGE`, `ERR_INVALID_CHUNK`, `ERR_REENTRANT_CALL`
   * @throws what the handler threw first, after every event in the chunk has been delivered
   */
  write(chunk: Uint8Array | string): void {
    this.#decoder.write(chunk);
  }

  /**
   * Ends the stream. An unfinished event is discarded, and so are an id and a reconnection time that no event followed. The decoder is
   * then ready for another stream.
   *
   * @throws {EventStreamError} `ERR_REENTRANT_CALL`
   */
  end(): void {
    this.#decoder.end();
    this.#decoder = begin(this.#options);
  }
}

/**
 * Decodes one event that {@link encodeEvent} wrote back into its fields, in the form of {@link EventFieldsDecoder}. Returns `undefined`
 * if there is no event: without data there is none. Of several events it returns the first. The size is not limited.
 *
 * @throws {EventStreamError} `ERR_INVALID_CHUNK` if the value is neither a Uint8Array nor a string
 *
 * @example
 * ```js
 * decodeEvent(encodeEvent({ event: 'price', id: '7', data: '42' })); // { data: '42', event: 'price', id: '7' }
 * decodeEvent(': a comment\n\n'); // undefined
 * ```
 */
export function decodeEvent(block: Uint8Array | string): EventFields | undefined {
  // Not instanceof: the bytes may come from another realm
  if (typeof block !== 'string' && block?.BYTES_PER_ELEMENT !== 1) {
    refuse('ERR_INVALID_CHUNK', 'decode an event', `expected a Uint8Array or a string, found ${typeof block}`);
  }
  let first: EventFields | undefined;
  const handlers = fieldsHandlers((fields) => {
    first ??= fields;
  });
  // A decoder is made for streams that arrive in chunks: for one text the parser alone takes a quarter of its time.
  const parser = new EventStreamParser({ ...handlers, maxEventBytes: Infinity }, refuseLarger);
  const textOf = (bytes: Uint8Array): string =>
    (textDecoder ??= new TextDecoder('utf-8', { ignoreBOM: true })).decode(bytes);
  const text = typeof block === 'string' ? block : textOf(block);
  parser.readLines(text, text.startsWith('\ufeff') ? 1 : 0);
  return first;
}

function begin({ onFields, maxEventBytes }: EventFieldsDecoderOptions): EventStreamDecoder {
  return new EventStreamDecoder({ maxEventBytes, ...fieldsHandlers(onFields) });
}

/** The handlers of a decoder that put the fields of each event together. */
function fieldsHandlers(
  onFields: (fields: EventFields) => void,
): Pick<EventStreamDecoderOptions, 'onEvent' | 'onId' | 'onRetry'> {
  let newestId: string | undefined;
  let newestRetry: number | undefined;
  return {
    onId(id) {
      newestId = id;
    },
    onRetry(milliseconds) {
      newestRetry = Math.min(milliseconds, Number.MAX_SAFE_INTEGER);
    },
    onEvent({ type, data }) {
      const fields: EventFields = { data };
      if (type !== 'message') fields.event = type;
      if (newestId !== undefined) fields.id = newestId;
      if (newestRetry !== undefined) fields.retry = newestRetry;
      newestId = newestRetry = undefined;
      onFields(fields);
    },
  };
}
