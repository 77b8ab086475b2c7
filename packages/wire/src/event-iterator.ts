import type { ByteReader, ByteSource } from './byte-source.ts';
import type { EventStreamOptions } from './decoder-options.ts';
import { EventStreamDecoder } from './decoder.ts';
import { found, refuse } from './errors.ts';
import type { EventMessage } from './event.ts';

/** A source that returns one chunk at a time. */
interface ChunkSource {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  /** Cancels the source. A `next` that waits settles then if the source is a ReadableStream; otherwise it may wait for ever. */
  cancel(reason: unknown): Promise<void>;
}

// After so many bytes or chunks the event loop gets a turn: a source whose next chunk is always there would leave nothing else any time.
const TURN_BYTES = 256 * 1024;
const TURN_CHUNKS = 64;

// Not every runtime has the first, which is sooner.
const { setImmediate: later = setTimeout } = globalThis as { readonly setImmediate?: (run: () => void) => unknown };

/**
 * Iterates over the events of a source of chunks. A chunk is read when the events of the chunk before it have been taken. Calls of `next`
 * are answered in order; `return` and `cancel` do not wait for a `next` that waits for the source.
 */
// Not an async generator: its `return` waits for its `next`, and does not cancel the source of one that has not started.
export class EventIterator implements AsyncIterableIterator<EventMessage, void, undefined> {
  readonly #source: ChunkSource;
  readonly #decoder: EventStreamDecoder;
  /** The events of one chunk. Its size bounds their number. */
  readonly #events: EventMessage[] = [];
  #taken = 0;
  /** An error that is thrown when the events before it have been taken. */
  #failure: { error: unknown } | undefined;
  #done = false;
  /** What was read in this turn, a chunk as a part of the bytes that a turn may have. */
  #spent = 0;
  #waiting: Promise<unknown> = Promise.resolve();

  /** @throws {EventStreamError} `ERR_INVALID_OPTION`, `ERR_INVALID_SOURCE`; the source is then untouched */
  constructor(source: ByteSource, options: EventStreamOptions) {
    this.#decoder = new EventStreamDecoder({ ...options, onEvent: (event) => this.#events.push(event) });
    this.#source = chunkSource(source);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<EventMessage, void>> {
    const result = this.#waiting.then(() => this.#take());
    this.#waiting = result.catch(() => {});
    return result;
  }

  async return(): Promise<IteratorResult<EventMessage, void>> {
    await this.cancel(undefined);
    return { done: true, value: undefined };
  }

  /** Drops what has not been taken and cancels the source, unless it has ended. */
  async cancel(reason: unknown): Promise<void> {
    if (this.#done) return;
    this.#stop();
    await this.#source.cancel(reason);
  }

  async #take(): Promise<IteratorResult<EventMessage, void>> {
    while (true) {
      const event = this.#events[this.#taken++];
      if (event !== undefined) return { done: false, value: event };
      this.#events.length = 0;
      this.#taken = 0;
      if (this.#failure !== undefined) await this.#fail(this.#failure.error);
      if (this.#done) return { done: true, value: undefined };
      await this.#read();
    }
  }

  async #read(): Promise<void> {
    if (this.#spent >= TURN_BYTES) {
      this.#spent = 0;
      await new Promise<void>((resolve) => later(resolve));
      if (this.#done) return;
    }
    try {
      const { done, value } = await this.#source.next();
      if (done) this.#stop();
      if (this.#done) return;
      try {
        this.#decoder.write(value as Uint8Array);
        this.#spent += (value as Uint8Array).length + TURN_BYTES / TURN_CHUNKS;
      } catch (error) {
        this.#failure = { error };
      }
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  async #fail(error: unknown): Promise<never> {
    this.#stop();
    // The consumer gets the first error; one of cancelling the source would only hide it.
    await this.#source.cancel(error).catch(() => {});
    throw error;
  }

  #stop(): void {
    this.#done = true;
    this.#failure = undefined;
    this.#events.length = 0;
    this.#taken = 0;
  }
}

/** @throws {EventStreamError} `ERR_INVALID_SOURCE` */
function chunkSource(source: ByteSource): ChunkSource {
  // Not every runtime can iterate a ReadableStream. All have its reader, which can also be cancelled while it waits.
  if (typeof source === 'object' && source !== null) {
    if ('getReader' in source) return readerSource(source.getReader());
    if (Symbol.asyncIterator in source) return iteratorSource(source[Symbol.asyncIterator]());
  }
  refuse(
    'ERR_INVALID_SOURCE',
    'decode an event stream',
    `expected a ReadableStream or an async iterable of Uint8Array, found ${found(source)}`,
  );
}

function readerSource(reader: ByteReader): ChunkSource {
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value: value as Uint8Array };
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
