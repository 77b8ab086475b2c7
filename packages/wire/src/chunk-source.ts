import { EventStreamError, found } from './errors.ts';

export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Where chunks come from, one at a time. */
export interface ChunkSource {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  /** Tells the source that no more is wanted. A `next` that waits need not settle, but for a ReadableStream it does. */
  cancel(reason: unknown): Promise<void>;
}

/** @throws {EventStreamError} `ERR_INVALID_SOURCE` */
export function chunkSource(source: ByteSource): ChunkSource {
  // Not every runtime can iterate a ReadableStream, but each has its reader, which can also be cancelled while it waits
  if (typeof source === 'object' && source !== null) {
    if ('getReader' in source) return readerSource(source.getReader());
    if (Symbol.asyncIterator in source) return iteratorSource(source[Symbol.asyncIterator]());
  }
  throw new EventStreamError(
    'ERR_INVALID_SOURCE',
    `Cannot decode an event stream from ${found(source)}, allowed is a ReadableStream or an async iterable of Uint8Array`,
  );
}

function readerSource(reader: ReadableStreamDefaultReader<Uint8Array>): ChunkSource {
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

function iteratorSource(iterator: AsyncIterator<Uint8Array>): ChunkSource {
  return {
    next: () => iterator.next(),
    async cancel() {
      await iterator.return?.();
    },
  };
}
