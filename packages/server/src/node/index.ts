import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Channel } from '../channel/channel.ts';
import { Connection } from './connection.ts';
import { joinHeaders } from '../http/head.ts';
import { nodeHead, type NodeRequest } from './node-head.ts';
import { nodeSink } from '../sink/node-sink.ts';
import { contentLength, sendChannel, sendEventStream, type Outlet } from './outlet.ts';
import type { EventStreamOptions, EventStreamSource } from '../response/pump.ts';
import type { Sink } from '../sink/sink.ts';

export { nodeHead, type NodeRequest } from './node-head.ts';
export type { EventStreamHandle } from '../response/open-stream.ts';
export type { EventSourceFunction, EventStreamOptions, EventStreamSource } from '../response/pump.ts';
export { createServer } from './stream-server.ts';

/** A response as node:http, node:https and node:http2 give it. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/**
 * Answers a request with the source's events. Fulfils when the source has ended or the listener has left; rejects with
 * what the source threw, after the response was broken off. `HEAD` and `OPTIONS` are answered without the source.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered
 */
export function eventStream(
  request: NodeRequest,
  response: NodeResponse,
  source: EventStreamSource,
  options: EventStreamOptions = {},
): Promise<void> {
  return sendEventStream(nodeOutlet(request, response), source, options);
}

/**
 * Lets a listener into a channel, or refuses it. Fulfils when it has been answered, and rejects with what a hook of the channel threw, with
 * the request unanswered.
 */
export function respond(channel: Channel, request: NodeRequest, response: NodeResponse): Promise<void> {
  return sendChannel(nodeOutlet(request, response), channel);
}

function nodeOutlet(request: NodeRequest, response: NodeResponse): Outlet {
  return {
    head: nodeHead(request),
    send: (status, headers, body) => void sendHead(response, status, { ...headers, ...contentLength(body) }).end(body),
    open: (status, headers) => startResponse(response, status, headers),
  };
}

/** Sends the head of a stream and gives the sink for its body. */
export function startResponse(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>): Sink {
  // A stream may be silent for longer than a server's idle time.
  response.socket?.setTimeout(0);
  const connection = 'chunkedEncoding' in response ? Connection.of(response) : undefined;
  sendHead(response, status, connection ? { ...headers, Connection: 'close' } : headers).flushHeaders();
  return nodeSink(response, 'Content-Encoding' in headers, connection);
}

function sendHead(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>): ServerResponse {
  // The one of HTTP/2 has the same methods, which its type does not say.
  const sender = response as ServerResponse;
  // What was put on the response before, by a middleware, goes with it; a `Vary` of it must not be lost to ours.
  const vary = sender.getHeader('vary');
  const all = vary === undefined ? headers : joinHeaders({ Vary: String(vary) }, headers);
  return sender.writeHead(status, all);
}
