import type { Channel } from '../channel/channel.ts';
import {
  eventStream as fastifyEventStream,
  respond as fastifyRespond,
  type FastifyReplyLike,
  type FastifyRequestLike,
} from './fastify.ts';
import {
  eventStream as nodeEventStream,
  respond as nodeRespond,
  type EventStreamSource,
  type NodeEventStreamOptions,
  type NodeOptions,
  type NodeRequest,
  type NodeResponse,
} from '../node/index.ts';

/** The type of `@Req()`, on Express and on Fastify. */
export type NestRequest = NodeRequest | FastifyRequestLike;

/** The type of `@Res()`, on Express and on Fastify. */
export type NestResponse = NodeResponse | FastifyReplyLike;

/**
 * Answers a request with the source's events, on Express and on Fastify. Return its promise from the controller's method, which takes
 * `@Req()` and `@Res()`: it fulfils when the source has ended or the listener has left, and rejects with what the source threw, after the
 * response was broken off.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered, so that Nest's filters answer it
 */
export async function eventStream(
  request: NestRequest,
  response: NestResponse,
  source: EventStreamSource,
  options: NodeEventStreamOptions = {},
): Promise<void> {
  if (isReply(response)) await fastifyEventStream(request as FastifyRequestLike, response, source, options);
  else await nodeEventStream(request as NodeRequest, response, source, options);
}

/**
 * Lets a listener into a channel, or refuses it. Return its promise from the controller's method.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
 */
export async function respond(
  channel: Channel,
  request: NestRequest,
  response: NestResponse,
  options: NodeOptions = {},
): Promise<void> {
  if (isReply(response)) await fastifyRespond(channel, request as FastifyRequestLike, response, options);
  else await nodeRespond(channel, request as NodeRequest, response, options);
}

function isReply(response: NestResponse | undefined): response is FastifyReplyLike {
  return typeof response === 'object' && 'hijack' in response;
}
