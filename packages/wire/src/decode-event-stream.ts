import type { EventStreamOptions } from './decoder-options.ts';
import { EventIterator } from './event-iterator.ts';
import type { EventMessage } from './event.ts';

/**
 * Decodes a whole event stream at the pace of its consumer: a chunk is read when the events of the one before have been
 * taken. Where the consumer breaks off, and where the stream cannot be decoded, the source is cancelled. An error of the
 * source or of decoding is thrown after the events before it, what a handler throws after the events of its chunk. The result can be iterated once.
 *
 * @throws {EventStreamError} at the call `ERR_INVALID_SOURCE` and `ERR_INVALID_OPTION`; in the iteration what
 * {@link EventStreamDecoder.write} throws
 */
export function decodeEventStream(
  source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  options: EventStreamOptions = {},
): AsyncIterable<EventMessage> {
  return new EventIterator(source, options);
}

/**
 * Decodes an event stream in a pipe: `body.pipeThrough(new EventStreamDecoderStream())`. Cancelling the readable side
 * cancels the pipe. Where the stream cannot be decoded, the readable side gives the events before and then the error.
 */
// Not a subclass of TransformStream: that one drops, at an error, the events that were not read yet, and this module has to
// load where there is no TransformStream.
export class EventStreamDecoderStream implements TransformStream<Uint8Array, EventMessage> {
  readonly readable: ReadableStream<EventMessage>;
  readonly writable: WritableStream<Uint8Array>;

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
