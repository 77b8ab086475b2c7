import type { Production } from './production.ts';
import { ServerError, shown } from '../errors.ts';
import { failureText } from './store/failure-text.ts';
import { fieldsOfChunk } from './store/chunk-form.ts';
import { codeOf } from './store/run-over.ts';
import type { NewChunk } from './store/run.ts';

/** What a producer is given. */
export interface RunContext {
  readonly id: string;
  /** Aborted when somebody stops the run, and when it is over in another way before its producer is. */
  readonly signal: AbortSignal;
  /**
   * Appends a chunk. Chunks are stored in small batches, and readers get them when they are stored. Resolves when there is room for more, which is at once unless
   * the producer is faster than the log.
   * @throws {ServerError} `ERR_INVALID_EVENT`; as a rejection, `ERR_RUN_OVER` if the run was stopped, is lost or was deleted
   */
  append(this: void, chunk: NewChunk): Promise<void>;
  /**
   * Resolves when everything is stored that was appended.
   * @throws {ServerError} (as a rejection) `ERR_RUN_OVER`
   */
  flush(this: void): Promise<void>;
}

type Chunks = AsyncIterable<NewChunk> | ReadableStream<NewChunk>;

/** A producer: a function that appends, or returns chunks, or the chunks themselves. Where it throws, or returns something else, the run has failed. */
export type RunProducer = Chunks | ((context: RunContext) => Chunks | void | Promise<Chunks | void>);

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkProducer(producer: RunProducer): RunProducer {
  const isObject = typeof producer === 'object' && producer !== null;
  if (typeof producer === 'function' || (isObject && (isStream(producer) || isIterable(producer)))) return producer;
  const allowed = 'a function, a ReadableStream or an async iterable';
  throw new ServerError('ERR_INVALID_OPTION', `The producer of a run is ${shown(producer)}, but must be ${allowed}`);
}

/**
 * Checks what a function has returned as its chunks. What is neither would be an empty run, and nobody would notice.
 * @throws {TypeError}
 */
export function checkChunks<T extends object>(
  who: string,
  made: T,
  allowed: string = 'after append() undefined, or a ReadableStream or an async iterable',
): T {
  const isObject = typeof made === 'object' && made !== null;
  if (isObject && (isStream(made) || isIterable(made))) return made;
  const name = isObject ? madeBy(made) : undefined;
  throw new TypeError(`${who} has returned ${name ?? shown(made)}, but may return ${allowed}`);
}

/** What has made an object, if that says more than that it is one. */
function madeBy(made: object): string | undefined {
  if (Array.isArray(made)) return undefined;
  if (Symbol.iterator in made) return 'an iterable that is not async';
  const name: unknown = made.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an object of ${name}` : undefined;
}

/** Runs a producer to its end, and ends its run. Never rejects. */
export async function produce(id: string, producer: RunProducer, production: Production): Promise<void> {
  const { signal } = production;
  const context: RunContext = {
    id,
    signal,
    append(chunk) {
      // Thrown at once, so that a chunk that is refused is noticed also where nobody waits for the promise.
      fieldsOfChunk(chunk);
      return handled(production.append(chunk));
    },
    flush: () => handled(production.flush()),
  };
  try {
    const made = typeof producer === 'function' ? await producer(context) : producer;
    if (made !== undefined) await pump(checkChunks('A producer', made), context);
    production.end({ state: 'done' });
  } catch (error) {
    production.end({ state: 'failed', error: failureText(error) });
  }
}

/** Lets go of chunks that nobody will read. */
export function abandon(producer: RunProducer): void {
  if (typeof producer === 'function') return;
  const leave = async (): Promise<unknown> =>
    isStream(producer) ? producer.cancel() : producer[Symbol.asyncIterator]().return?.();
  // What it throws now has no meaning.
  leave().catch(() => {});
}

async function pump(chunks: Chunks, { signal, append }: RunContext): Promise<void> {
  const iterator = isStream(chunks) ? iteratorOf(chunks) : chunks[Symbol.asyncIterator]();
  const leave = (): void => {
    // It may be waiting for something of its own: then this is done when that settles.
    (async () => iterator.return?.())().catch(() => {});
  };
  if (signal.aborted) {
    // It was stopped before it had any chunks.
    leave();
    return;
  }
  signal.addEventListener('abort', leave, { once: true });
  try {
    for (;;) {
      const step = await iterator.next();
      if (step.done === true || signal.aborted) return;
      await append(step.value);
    }
  } catch (error) {
    leave();
    // A run that is over has ended in its own way.
    if (codeOf(error) !== 'ERR_RUN_OVER') throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Not every runtime can iterate over its streams. */
function iteratorOf(stream: ReadableStream<NewChunk>): AsyncIterator<NewChunk, undefined> {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done: false, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** A promise that nobody waits for does not end the process when it rejects: the signal says the same. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function isStream(value: object): value is ReadableStream<NewChunk> {
  return 'getReader' in value && typeof value.getReader === 'function';
}

function isIterable(value: object): value is AsyncIterable<NewChunk> {
  return Symbol.asyncIterator in value;
}
