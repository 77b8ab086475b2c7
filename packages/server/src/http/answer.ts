import { bodySink } from '../sink/body-sink.ts';
import type { Sink } from '../sink/sink.ts';

/** An answer to a request, whichever server it is sent by: a head and a body, or a head and what starts its stream. */
export interface Answer {
  readonly status: number;
  /** All header fields but those of the transport, such as the length. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body of an answer that is no stream; undefined for an empty one. */
  readonly body?: string;
  /**
   * Starts the stream, after the head was sent. The listener has its place from the answer on, and for as long as the sink is open.
   * An adapter calls this once, or {@link abandon}.
   */
  readonly start?: (sink: Sink) => void;
  /** Gives the listener's place back where the stream cannot be started. It does nothing once the stream was started. */
  readonly abandon?: () => void;
}

/**
 * The answer as a Fetch response. Where the request was aborted before there was an answer, the place of its listener is given back at once.
 * @param signal the signal of the request
 * @param isHead whether the request's method is `HEAD`, so that the response has no body
 */
export function toResponse(answer: Answer, signal: AbortSignal, isHead: boolean = false): Response {
  const { status, headers, body, start, abandon } = answer;
  if (!start || isHead || signal.aborted) {
    abandon?.();
    return new Response(isHead || start ? null : (body ?? null), { status, headers });
  }
  try {
    const stream = bodySink(signal);
    // Made before the stream is started: a head that the runtime refuses leaves nothing running.
    const response = new Response(stream.body, { status, headers });
    start(stream.sink);
    return response;
  } catch (error) {
    abandon?.();
    throw error;
  }
}
