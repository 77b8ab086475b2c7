import type { EventFields } from '@tidings/wire';
import { checkClock, type Clock, systemClock } from '../clock.ts';
import { checkInteger, ServerError, shown } from '../errors.ts';
import type { HeadOptions } from '../http/head.ts';
import { DEFAULT_KEEP_ALIVE_MS } from '../sink/keep-alive.ts';
import { OpenStream, type EventStreamHandle } from './open-stream.ts';
import type { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';

/**
 * Makes the events of one response. If it returns an iterable, the response ends with that; otherwise it ends with `close()`. What it
 * throws, or its promise rejects with, breaks the response off.
 */
export type EventSourceFunction = (
  stream: EventStreamHandle,
) => AsyncIterable<EventFields> | void | Promise<AsyncIterable<EventFields> | void>;

/** The events of one response: an iterable if they come from a loop, or a function that is given a handle if they come from callbacks. */
export type EventStreamSource = AsyncIterable<EventFields> | EventSourceFunction;

type PumpedEvents = AsyncIterable<EventFields | SharedChunk>;

/** The same, which may also have events that are encoded: those that go to other responses, too. */
export type PumpSource =
  | PumpedEvents
  | ((stream: EventStreamHandle) => PumpedEvents | void | Promise<PumpedEvents | void>);

export interface PumpOptions {
  /** A comment is sent when the stream has been silent for this many milliseconds; 0 for none. @default 15000, 8000 on Bun */
  readonly keepAliveMs?: number | undefined;
  /**
   * How many bytes may wait for the listener before the response is broken off. Only a source that does not await `send` can exceed this.
   * @default 1048576
   */
  readonly maxBacklogBytes?: number | undefined;
  /** @default the system's clock */
  readonly clock?: Clock | undefined;
}

export interface EventStreamOptions extends HeadOptions, PumpOptions {}

/** The names of the options that every event stream has. */
export const STREAM_OPTIONS: Readonly<Record<keyof EventStreamOptions, true>> = {
  headers: true,
  cors: true,
  compression: true,
  keepAliveMs: true,
  maxBacklogBytes: true,
  clock: true,
};

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkStream(source: EventStreamSource, options: EventStreamOptions): void {
  if (typeof source !== 'function' && !isAsyncIterable(source)) {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      `The source of an event stream is ${shown(source)}, but must be an async iterable or a function`,
    );
  }
  if (isGeneratorFunction(source)) throw notAsync('is a function* that is not async');
  checkPump(options);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkPump(options: PumpOptions): void {
  checkClock(options.clock);
  if (options.keepAliveMs !== undefined) checkInteger('keepAliveMs', options.keepAliveMs, 0, 2 ** 31 - 1);
  if (options.maxBacklogBytes !== undefined) checkInteger('maxBacklogBytes', options.maxBacklogBytes, 0, 2 ** 31);
}

/**
 * Writes a source's events to a sink, at the sink's pace, until either ends. When the listener goes, the signal is aborted and the
 * source is returned at once, so that its `finally` runs: where it is suspended at a `yield` right then, where it waits for something
 * of its own as soon as that settles. Rejects with what the source threw, after the response was broken off.
 */
export async function pump(
  source: PumpSource,
  sink: Sink,
  options: PumpOptions = {},
  lastEventId: string = '',
): Promise<void> {
  const { keepAliveMs = DEFAULT_KEEP_ALIVE_MS, maxBacklogBytes = 1024 * 1024, clock = systemClock } = options;
  const stream = new OpenStream(sink, { keepAliveMs, maxBacklogBytes, lastEventId, clock });
  const reading = new Reading(stream);
  reading.start(source).catch((error: unknown) => stream.fail(error));
  try {
    await stream.over;
  } finally {
    reading.stop();
  }
}

/** The way of a source's events into an open stream. */
class Reading {
  readonly #stream: OpenStream;
  #iterator: AsyncIterator<EventFields | SharedChunk> | undefined;
  #stopped = false;

  constructor(stream: OpenStream) {
    this.#stream = stream;
  }

  /** Rejects with what the source throws. May never settle where the source does not, once it has been stopped. */
  async start(source: PumpSource): Promise<void> {
    const made = typeof source === 'function' ? await source(this.#stream) : source;
    if (!isAsyncIterable(made)) {
      if (isIterator(made)) throw notAsync('returned an iterator that is not async');
      if (isListOfEvents(made)) throw notAsync('returned an array of events');
      // The function ends the stream itself.
      return;
    }
    const iterator = made[Symbol.asyncIterator]();
    this.#iterator = iterator;
    while (!this.#stopped) {
      const step = await this.#next(iterator);
      if (this.#stopped) return;
      if (step.done) {
        this.#stream.close();
        return;
      }
      await this.#stream.send(step.value);
    }
    this.#return();
  }

  /** Ends the source, once. Its promise is not waited for: a source that is busy ends when it is done. */
  stop(): void {
    this.#stopped = true;
    this.#return();
  }

  async #next(iterator: AsyncIterator<EventFields | SharedChunk>): Promise<IteratorResult<EventFields | SharedChunk>> {
    let over = true;
    try {
      const step = await iterator.next();
      over = step.done === true;
      return step;
    } finally {
      // A source that has ended by itself is not to be returned.
      if (over) this.#iterator = undefined;
    }
  }

  #return(): void {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    // No caller is left for what it throws now.
    void (async () => iterator?.return?.())().catch(() => {});
  }
}

function isAsyncIterable(value: unknown): value is PumpedEvents {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A mistake that can be told before the function is called, and before a head is sent. */
function isGeneratorFunction(source: unknown): boolean {
  return Object.prototype.toString.call(source) === '[object GeneratorFunction]';
}

/** A generator is one. Callbacks may return whatever else they like, also iterables such as the set to which they have added a stream. */
function isIterator(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) return false;
  return 'next' in value && typeof value.next === 'function';
}

function isListOfEvents(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isEvent);
}

function isEvent(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return ['data', 'event', 'comment', 'retry'].some((name) => Object.hasOwn(value, name));
}

function notAsync(found: string): ServerError {
  return new ServerError(
    'ERR_INVALID_OPTION',
    `The source of an event stream ${found}, but must be an async iterable or a function; write async function*`,
  );
}
