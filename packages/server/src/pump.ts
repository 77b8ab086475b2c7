import { encodeEvent, type EventFields } from '@tidings/wire';
import { COMMENT } from './control-events.ts';
import { checkInteger } from './errors.ts';
import { SharedChunk } from './shared-chunk.ts';
import type { Sink } from './sink.ts';

/** The events of one response: an iterable, or a function that is given a signal and returns one. */
export type EventSourceFunction = (signal: AbortSignal) => AsyncIterable<EventFields>;
export type EventStreamSource = AsyncIterable<EventFields> | EventSourceFunction;

export interface EventStreamOptions {
  /** Header fields beside those of an event stream. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** A comment after so many milliseconds without an event; 0 for none. @default 15000 */
  readonly keepAliveMs?: number;
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
export function checkStreamOptions({ keepAliveMs }: EventStreamOptions): void {
  if (keepAliveMs !== undefined) checkInteger('keepAliveMs', keepAliveMs, 0, 2 ** 31 - 1);
}

/**
 * Writes a source's events to a sink, at the sink's pace, until either ends. When the listener goes, the signal is aborted and the
 * source is returned, so that its `finally` runs. When the source throws, the response is broken off: it must not look finished.
 * Rejects with what the source threw.
 */
export async function pump(source: EventStreamSource, sink: Sink, options: EventStreamOptions): Promise<void> {
  const { keepAliveMs = 15_000 } = options;
  const aborted = new AbortController();
  // What the loop waits for, one promise at a time: racing against one long-lived promise would keep every event's alive.
  let drained = (): void => {};
  let left = (): void => {};
  sink.onDrain = () => drained();
  sink.onClose = () => {
    aborted.abort();
    drained();
    left();
  };
  sink.write(COMMENT);
  let quiet = false;
  const beat = (): void => {
    if (quiet && !sink.needsDrain) sink.write(COMMENT);
    quiet = true;
  };
  const keepAlive = keepAliveMs > 0 ? setInterval(beat, keepAliveMs) : undefined;

  let iterator: AsyncIterator<EventFields> | undefined;
  try {
    iterator = (typeof source === 'function' ? source(aborted.signal) : source)[Symbol.asyncIterator]();
    while (!aborted.signal.aborted) {
      const next = iterator.next();
      const step = await new Promise<IteratorResult<EventFields> | undefined>((resolve, reject) => {
        left = () => resolve(undefined);
        // Who has left no longer hears of a failure, so it is not an unhandled one.
        next.then(resolve, reject);
        if (aborted.signal.aborted) left();
      });
      if (!step) return;
      if (step.done) {
        iterator = undefined;
        sink.end();
        return;
      }
      sink.write(SharedChunk.fromText(encodeEvent(step.value)));
      quiet = false;
      if (sink.needsDrain && !aborted.signal.aborted) {
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      }
    }
  } catch (error) {
    sink.destroy();
    throw error;
  } finally {
    clearInterval(keepAlive);
    aborted.abort();
    // Not awaited: a source that is busy ends when it is done, the response has ended already.
    iterator?.return?.()?.catch(() => {});
  }
}
