import { bodySink } from './body-sink.ts';
import { EVENT_STREAM_HEADERS } from './head.ts';
import { checkStreamOptions, pump, type EventStreamOptions, type EventStreamSource } from './pump.ts';

/**
 * A response whose body is the source's events.
 *
 * The source is read at the listener's pace. When the listener goes its `finally` runs; where it waits for something of its own, give a
 * function and let the signal end the wait. A source that throws breaks the response off.
 *
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function eventStream(request: Request, source: EventStreamSource, options: EventStreamOptions = {}): Response {
  checkStreamOptions(options);
  const { body, sink } = bodySink(request.signal);
  // The response has been broken off; there is nobody else here to tell.
  pump(source, sink, options).catch(() => {});
  return new Response(body, { headers: { ...EVENT_STREAM_HEADERS, ...options.headers } });
}
