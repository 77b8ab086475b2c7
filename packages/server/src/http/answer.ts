import { ServerError, shown } from '../errors.ts';
import { bodySink } from '../sink/body-sink.ts';
import type { Sink } from '../sink/sink.ts';

/** An answer to a request, for any server: a head with a body, or a head with a function that starts its stream. */
export interface Answer {
  readonly status: number;
  /** All header fields except those of the transport, such as the length. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body of an answer that is no stream, or undefined for an empty body. */
  readonly body?: string | undefined;
  /**
   * Starts the stream, after the head has been sent. The listener has its place from the answer on, and for as long as the sink is open.
   * An adapter calls this once, or {@link abandon}.
   */
  readonly start?: ((sink: Sink) => void) | undefined;
  /** Frees the listener's place if the stream cannot be started. Does nothing once the stream has started. */
  readonly abandon?: (() => void) | undefined;
}

/** Whether an answer has no body by its status, not even an empty one (RFC 9110, 15.3.5, 15.3.6 and 15.4.5). A `Response` with such a status refuses one. */
export function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/**
 * Returns the answer as a `Response`. If the request was aborted before there was an answer, the place of its listener is freed at once.
 * @param signal the signal of the request
 * @param isHead whether the request's method is `HEAD`, so that the response has no body
 * @throws {ServerError} `ERR_INVALID_OPTION` if it is no answer, such as a promise of one
 */
export function toResponse(answer: Answer, signal: AbortSignal, isHead: boolean = false): Response {
  checkAnswer(answer);
  const { status, headers, body, start, abandon } = answer;
  if (!start || isHead || signal.aborted) {
    abandon?.();
    return new Response(isHead || start || hasNoBody(status) ? null : (body ?? null), { status, headers });
  }
  try {
    const stream = bodySink(signal);
    // Made before the stream is started, so that nothing is left running if the runtime refuses the head.
    const response = new Response(stream.body, { status, headers });
    start(stream.sink);
    return response;
  } catch (error) {
    abandon?.();
    throw error;
  }
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value has a status and header fields */
export function checkAnswer(answer: Answer): void {
  const { status, headers } = (answer ?? {}) as Partial<Answer>;
  if (Number.isInteger(status) && typeof headers === 'object') return;
  throw new ServerError(
    'ERR_INVALID_OPTION',
    `The answer is ${shown(answer)}, but must be an Answer with status and headers, as \`await channel.answer(head)\` gives it`,
  );
}
