import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Channel } from './channel.ts';
import { EVENT_STREAM_HEADERS } from './head.ts';
import { nodeSink } from './node-sink.ts';
import { checkStreamOptions, pump, type EventStreamOptions, type EventStreamSource } from './pump.ts';
import type { Sink } from './sink.ts';

export type { EventStreamOptions, EventStreamSource, EventSourceFunction } from './pump.ts';

/** A request as node:http, node:https and node:http2 give it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** Its response. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/**
 * Answers a request with the source's events. Fulfils when the source has ended or the listener has left; rejects with
 * what the source threw, after the response was broken off.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered
 */
export async function eventStream(
  _request: NodeRequest,
  response: NodeResponse,
  source: EventStreamSource,
  options: EventStreamOptions = {},
): Promise<void> {
  checkStreamOptions(options);
  await pump(source, startResponse(response, 200, { ...EVENT_STREAM_HEADERS, ...options.headers }), options);
}

/** Lets a listener into a channel. */
export async function respond(channel: Channel, request: NodeRequest, response: NodeResponse): Promise<void> {
  const sent = request.headers['last-event-id'];
  // Node gives header bytes as Latin-1; an id is UTF-8. [spec] 9.2.3
  const lastEventId = typeof sent === 'string' ? Buffer.from(sent, 'latin1').toString('utf8') : undefined;
  const { status, headers, start } = await channel.answer(lastEventId);
  if (start) start(startResponse(response, status, headers));
  else sendHead(response, status, headers).end();
}

/** Sends the head of a stream and gives the sink for its body. */
export function startResponse(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>): Sink {
  // A stream may be silent for longer than a server's idle time.
  response.socket?.setTimeout(0);
  sendHead(response, status, headers).flushHeaders();
  return nodeSink(response);
}

function sendHead(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>): ServerResponse {
  // The one of HTTP/2 has the same methods, which its type does not say.
  return (response as ServerResponse).writeHead(status, headers);
}
