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

/** The part of Koa's context that is used. */
export interface KoaContextLike {
  readonly req: NodeRequest;
  readonly res: NodeResponse;
  /** Whether Koa answers by itself when its middleware is done. */
  respond?: boolean | undefined;
}

/**
 * Answers a request with the source's events. Await it in the middleware: it fulfils when the source has ended or the listener has left,
 * and rejects with what the source threw, after the response was broken off; Koa's `error` event then reports it.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`, with the request unanswered, so that Koa answers it
 */
export async function eventStream(
  context: KoaContextLike,
  source: EventStreamSource,
  options: NodeEventStreamOptions = {},
): Promise<void> {
  checkContext(context);
  const over = nodeEventStream(context.req, context.res, source, options);
  takeAnswered(context);
  await over;
}

/**
 * Lets a listener into a channel, or refuses it. Await it in the middleware.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION`
 */
export async function respond(channel: Channel, context: KoaContextLike, options: NodeOptions = {}): Promise<void> {
  checkChannel(channel);
  checkContext(context);
  await nodeRespond(channel, context.req, context.res, options);
  takeAnswered(context);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkContext(context: KoaContextLike): void {
  checkGiven('context', context, ['req.headers', 'res.writeHead'], "Koa's context");
}

/** Takes over only a response that has been answered. Koa answers what failed before that. */
function takeAnswered(context: KoaContextLike): void {
  if (context.res.headersSent) context.respond = false;
}
