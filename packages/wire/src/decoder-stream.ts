import type { EventStreamOptions } from './decoder-options.ts';
import { EventIterator } from './event-iterator.ts';
import type { EventMessage } from './event.ts';

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
