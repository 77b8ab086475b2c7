import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Channel } from '../channel/channel.ts';
import { checkChoice, checkNames } from '../errors.ts';
import type { Answer } from '../http/answer.ts';
import { joinHeaders } from '../http/head.ts';
import { STREAM_OPTIONS, type EventStreamOptions, type EventStreamSource } from '../response/pump.ts';
import { nodeSink } from '../sink/node-sink.ts';
import type { Sink } from '../sink/sink.ts';
import { checkChannel, checkNodeRequest, checkNodeResponse } from './call-check.ts';
import { Connection } from './connection.ts';
import { nodeHead, type NodeRequest } from './node-head.ts';
import {
  checkStreamNames,
  contentLength,
  sendAnswer as sendTo,
  sendChannel,
  sendEventStream,
  type Outlet,
} from './outlet.ts';

export type { EventStreamHandle } from '../response/open-stream.ts';
export type { EventSourceFunction, EventStreamOptions, EventStreamSource } from '../response/pump.ts';
export { nodeHead, type NodeRequest } from './node-head.ts';
export { createServer, type StreamServerOptions } from './stream-server.ts';

/** A response of node:http, node:https or node:http2. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

export interface NodeOptions {
  /**
   * Whether events may be written to a plain socket past its stream, by one system call. Turn it off if other code has to see every write, such as
   * a tracing agent or a reader of `socket.bytesWritten`. @default true
   */
  readonly directWrites?: boolean | undefined;
}

export interface NodeEventStreamOptions extends EventStreamOptions, NodeOptions {}

/**
 * Answers a request with the source's events. Fulfils when the source has ended or the listener has left; rejects with
 * what the source threw, after the response was broken off. `HEAD` and `OPTIONS` are answered without the source.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered
 */
export async function eventStream(
  request: NodeRequest,
  response: NodeResponse,
  source: EventStreamSource,
  options: NodeEventStreamOptions = {},
): Promise<void> {
  checkStreamNames(options, STREAM_NAMES);
  const { directWrites, ...others } = options;
  return sendEventStream(nodeOutlet(request, response, { directWrites }), source, others);
}

/**
 * Lets a listener into a channel, or refuses it. Fulfils when the request has been answered, and rejects with what a hook of the channel threw, with
 * the request unanswered.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
 */
export async function respond(
  channel: Channel,
  request: NodeRequest,
  response: NodeResponse,
  options: NodeOptions = {},
): Promise<void> {
  checkChannel(channel);
  return sendChannel(nodeOutlet(request, response, options), channel);
}

/**
 * Sends an answer, and starts its stream if it has one.
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function sendAnswer(
  request: NodeRequest,
  response: NodeResponse,
  answer: Answer,
  options: NodeOptions = {},
): void {
  sendTo(nodeOutlet(request, response, options), answer);
}

const NAMES: Readonly<Record<keyof NodeOptions, true>> = { directWrites: true };
const STREAM_NAMES: Readonly<Record<keyof NodeEventStreamOptions, true>> = { ...STREAM_OPTIONS, ...NAMES };

function nodeOutlet(request: NodeRequest, response: NodeResponse, options: NodeOptions): Outlet {
  checkNodeRequest(request);
  checkNodeResponse(response);
  checkNames(options, NAMES);
  checkChoice('directWrites', options.directWrites ?? true, [true, false]);
  return {
    head: nodeHead(request),
    send: (status, headers, body) => void sendHead(response, status, { ...headers, ...contentLength(body) }).end(body),
    open: (status, headers) => startResponse(response, status, headers, options),
  };
}

/** Sends the head of a stream and returns the sink for its body. */
export function startResponse(
  response: NodeResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  { directWrites = true }: NodeOptions = {},
): Sink {
  // A stream may be silent for longer than a server's idle time.
  response.socket?.setTimeout(0);
  const connection = 'chunkedEncoding' in response ? Connection.of(response) : undefined;
  sendHead(response, status, connection ? { ...headers, Connection: 'close' } : headers).flushHeaders();
  return nodeSink(response, { coded: 'Content-Encoding' in headers, directWrites, connection });
}

function sendHead(response: NodeResponse, status: number, headers: Readonly<Record<string, string>>): ServerResponse {
  // The response of HTTP/2 has the same methods, which its type does not show.
  const sender = response as ServerResponse;
  // Header fields that a middleware has put on the response are sent with it. Its `Vary` is kept beside the one for the coding.
  const vary = sender.getHeader('vary');
  const all = vary === undefined ? headers : joinHeaders({ Vary: String(vary) }, headers);
  return sender.writeHead(status, all);
}
