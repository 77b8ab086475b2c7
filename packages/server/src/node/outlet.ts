import type { Channel } from '../channel/channel.ts';
import { codedStream } from '../coding/coded-sink.ts';
import { checkNames, ServerError } from '../errors.ts';
import { checkAnswer, hasNoBody, type Answer } from '../http/answer.ts';
import { streamHead } from '../http/head.ts';
import { lastEventIdOf } from '../http/parameters.ts';
import type { RequestHead } from '../http/request.ts';
import { checkStream, pump, type EventStreamOptions, type EventStreamSource } from '../response/pump.ts';
import type { Sink } from '../sink/sink.ts';

/** One request of a server that answers through an object of its own, and the ways to answer it. */
export interface Outlet {
  readonly head: RequestHead;
  /** Sends a whole answer. */
  send(status: number, headers: Readonly<Record<string, string>>, body?: string): void;
  /** Sends the head of a stream and returns the sink for its body. */
  open(status: number, headers: Readonly<Record<string, string>>): Sink;
}

/**
 * Checks the names of the options of an event stream on Node.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkStreamNames(options: object, names: Readonly<Record<string, true>>): void {
  // Who comes from a `Response` may look for it here.
  if (Object.hasOwn(options ?? {}, 'onError')) {
    throw new ServerError(
      'ERR_INVALID_OPTION',
      'The option onError is only for streams that are a Response; here the promise of eventStream() rejects with the error',
    );
  }
  checkNames(options, names);
}

/**
 * Answers with the source's events. Fulfils when the source has ended or the listener has left; rejects with what the source threw,
 * after the response was broken off. `HEAD` and `OPTIONS` are answered without the source.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered
 */
export async function sendEventStream(
  outlet: Outlet,
  source: EventStreamSource,
  options: EventStreamOptions,
): Promise<void> {
  checkStream(source, options);
  const { status, headers, open, coding } = streamHead(outlet.head, options);
  if (!open) {
    outlet.send(status, headers);
    return;
  }
  const sink = codedStream(outlet.open(status, headers), coding);
  // Not waited for here: that would keep the request and the response for as long as the stream is open.
  return pump(source, sink, options, lastEventIdOf(outlet.head));
}

/** Lets a listener into a channel, or refuses it. Rejects with what a hook of the channel threw, with the request unanswered. */
export async function sendChannel(outlet: Outlet, channel: Channel): Promise<void> {
  sendAnswer(outlet, await channel.answer(outlet.head));
}

/** Sends an answer, and starts its stream if it has one. */
export function sendAnswer(outlet: Outlet, answer: Answer): void {
  checkAnswer(answer);
  const { status, headers, body, start, abandon } = answer;
  const isHead = outlet.head.method === 'HEAD';
  if (!start || isHead) {
    abandon?.();
    outlet.send(status, headers, isHead || hasNoBody(status) ? undefined : body);
    return;
  }
  let sink: Sink;
  try {
    sink = outlet.open(status, headers);
  } catch (error) {
    abandon?.();
    throw error;
  }
  start(sink);
}

/** How long a whole answer's body is. */
export function contentLength(body: string | undefined): Readonly<Record<string, string>> {
  return body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
}
