import { checkFunction, checkNames } from '../errors.ts';
import { bodySink } from '../sink/body-sink.ts';
import { codedStream } from '../coding/coded-sink.ts';
import { streamHead } from '../http/head.ts';
import { checkStream, pump, STREAM_OPTIONS, type EventStreamOptions, type EventStreamSource } from './pump.ts';
import { lastEventIdOf } from '../http/parameters.ts';
import { fetchHead } from '../http/request.ts';

export interface FetchEventStreamOptions extends EventStreamOptions {
  /** Called with the error that broke the response off, because no caller can get it once the response has been returned. @default console.error */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const NAMES: Readonly<Record<keyof FetchEventStreamOptions, true>> = { ...STREAM_OPTIONS, onError: true };

/**
 * Returns a response whose body is the events of the source.
 *
 * The source is read at the listener's pace. When the listener goes, the `finally` of the source runs. If the source is waiting for something, let the
 * handle's signal end the wait. A source that throws breaks the response off. `HEAD` and `OPTIONS` are answered without the source.
 *
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function eventStream(
  request: Request,
  source: EventStreamSource,
  options: FetchEventStreamOptions = {},
): Response {
  checkNames(options, NAMES);
  checkStream(source, options);
  checkFunction('onError', options.onError);
  const requestHead = fetchHead(request);
  const { status, headers, open, coding } = streamHead(requestHead, options);
  if (!open) return new Response(null, { status, headers });
  const { body, sink } = bodySink(request.signal);
  // Made before the source is called, so that nothing is left running if the runtime refuses the head.
  const response = new Response(body, { status, headers });
  pump(source, codedStream(sink, coding), options, lastEventIdOf(requestHead)).catch((error: unknown) =>
    report(error, options.onError),
  );
  return response;
}

function report(error: unknown, onError: ((error: unknown) => void) | undefined): void {
  try {
    if (onError) return onError(error);
  } catch (failure) {
    // A handler that fails must not end the process as an unhandled rejection.
    error = failure;
  }
  // oxlint-disable-next-line no-console -- the one place that every runtime has for an error that has no caller
  console.error(error);
}
