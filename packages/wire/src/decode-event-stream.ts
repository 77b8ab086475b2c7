import type { ByteSource } from './byte-source.ts';
import type { EventStreamOptions } from './decoder-options.ts';
import { EventIterator } from './event-iterator.ts';
import type { EventMessage } from './event.ts';
import type { PlatformReadable, PlatformWritable } from './platform-streams.ts';

/**
 * Decodes a whole event stream at the pace of its consumer: a chunk is read when the events of the chunk before it have been taken. The
 * result can be iterated once.
 *
 * The source is cancelled when the consumer breaks off, and when the stream cannot be decoded. An error of the source or of the decoder is
 * thrown after the events before it. An exception of a handler is thrown after the events of its chunk.
 *
 * @throws {EventStreamError} `ERR_INVALID_SOURCE` and `ERR_INVALID_OPTION` from the call itself; the iteration throws what
 * {@link EventStreamDecoder.write} throws
 *
 * @example
 * ```js
 * const response = await fetch('https://example.com/prices');
 * for await (const event of decodeEventStream(response.body)) console.log(event.type, event.data);
 * ```
 */
export function decodeEventStream(source: ByteSource, options: EventStreamOptions = {}): AsyncIterable<EventMessage> {
  return new EventIterator(source, options);
}

/**
 * Decodes an event stream in a pipe. When the readable side is cancelled, the whole pipe is. When the stream cannot be decoded, the readable
 * side gives the events before the error and then the error.
 *
 * @example
 * ```js
 * const events = response.body.pipeThrough(new EventStreamDecoderStream());
 * ```
 */
// Not a subclass of TransformStream: that one would drop the events that were not read yet when there is an error, and this module has to
// load if there is no TransformStream.
export class EventStreamDecoderStream {
  readonly readable: PlatformReadable<EventMessage>;
  readonly writable: PlatformWritable;

  /** @throws {EventStreamError} `ERR_INVALID_OPTION` */
  constructor(options: EventStreamOptions = {}) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const events = new EventIterator(readable, options);
    this.writable = writable;
    this.readable = new ReadableStream<EventMessage>(
      {
        async pull(controller) {
          const { done, value } = await events.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => events.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}
