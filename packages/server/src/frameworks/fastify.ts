import type { Channel } from '../channel/channel.ts';
import { checkChannel, checkGiven } from '../node/call-check.ts';
import {
  eventStream as nodeEventStream,
  respond as nodeRespond,
  type EventStreamSource,
  type NodeEventStreamOptions,
  type NodeOptions,
  type NodeRequest,
  type NodeResponse,
} from '../node/index.ts';

/** The part of Fastify's request that is used. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest;
}

/** The part of Fastify's reply that is used. */
export interface FastifyReplyLike {
  readonly raw: NodeResponse;
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>;
  hijack(): unknown;
}

/**
 * Answers a request with the source's events, together with the header fields that were put on the reply before. Return its promise from
 * the handler: it fulfils when the source has ended or the listener has left, and rejects with what the source threw, after the response was
 * broken off.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered, so that Fastify answers it
 */
export async function eventStream(
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  source: EventStreamSource,
  options: NodeEventStreamOptions = {},
): Promise<void> {
  checkPair(request, reply);
  passHeaders(reply);
  const over = nodeEventStream(request.raw, reply.raw, source, options);
  hijackAnswered(reply);
  await over;
}

/**
 * Lets a listener into a channel, or refuses it. Return its promise from the handler.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
 */
export async function respond(
  channel: Channel,
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  options: NodeOptions = {},
): Promise<void> {
  checkChannel(channel);
  checkPair(request, reply);
  passHeaders(reply);
  await nodeRespond(channel, request.raw, reply.raw, options);
  hijackAnswered(reply);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkPair(request: FastifyRequestLike, reply: FastifyReplyLike): void {
  checkGiven('request', request, ['raw', 'raw.headers'], "Fastify's request");
  checkGiven('reply', reply, ['raw', 'getHeaders', 'hijack'], "Fastify's reply");
}

/** Copies the header fields, which Fastify keeps in the reply until it answers. */
function passHeaders(reply: FastifyReplyLike): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, typeof value === 'number' ? String(value) : value);
  }
}

/** Hijacks only a reply that has been answered. Fastify answers what failed before that. */
function hijackAnswered(reply: FastifyReplyLike): void {
  if (reply.raw.headersSent) reply.hijack();
}
