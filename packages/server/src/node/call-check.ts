import type { Channel } from '../channel/channel.ts';
import { ServerError } from '../errors.ts';
import { isFetchRequest, isNodeRequest, isObject, memberOf, shownObject } from '../http/request-check.ts';

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is a channel */
export function checkChannel(channel: Channel): void {
  if (typeof memberOf(channel, 'answer') === 'function') return;
  throw invalid('channel', channel, 'a Channel, and is the first argument of respond()');
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is a request of Node */
export function checkNodeRequest(request: unknown): void {
  if (isNodeRequest(request)) return;
  throw invalid('request', request, `a request of node:http, node:https or node:http2${requestHint(request)}`);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` unless the value is a response of Node */
export function checkNodeResponse(response: unknown): void {
  if (isNodeResponse(response)) return;
  throw invalid('response', response, `a response of node:http, node:https or node:http2${responseHint(response)}`);
}

/**
 * Checks what a handler of a framework was given.
 * @param members what is used of it, all of them objects or functions
 * @param allowed what it must be, for the message
 * @throws {ServerError} `ERR_INVALID_OPTION`
 */
export function checkGiven(name: string, value: unknown, members: readonly string[], allowed: string): void {
  if (isObject(value) && members.every((member) => isObject(memberOf(value, member)))) return;
  const isNode = isNodeRequest(value) || isNodeResponse(value);
  const hint = isNode ? '; requests and responses of Node are for @tidings/server/node' : '';
  throw invalid(name, value, `${allowed}${hint}`);
}

function isNodeResponse(value: unknown): boolean {
  return typeof memberOf(value, 'writeHead') === 'function';
}

function requestHint(found: unknown): string {
  if (isFetchRequest(found)) return '; a Request is answered by the functions of @tidings/server';
  if (isNodeResponse(found)) return '; the request comes before the response';
  return frameworkHint(found);
}

function responseHint(found: unknown): string {
  return isNodeRequest(found) ? '; the request comes before the response' : frameworkHint(found);
}

/** Frameworks wrap what Node gives them. */
function frameworkHint(found: unknown): string {
  if (isNodeRequest(memberOf(found, 'req'))) return '; a context of Koa is for @tidings/server/koa';
  const raw = memberOf(found, 'raw');
  if (isNodeRequest(raw) || isNodeResponse(raw))
    return '; requests and replies of Fastify are for @tidings/server/fastify';
  return '';
}

function invalid(name: string, found: unknown, allowed: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', `The ${name} is ${shownObject(found)}, but must be ${allowed}`);
}
