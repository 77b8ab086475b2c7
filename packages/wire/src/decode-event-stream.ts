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
