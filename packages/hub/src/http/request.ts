import type { Rights } from '@tidings/server';
import { fetchHead, type RequestHead } from '@tidings/server/live';
import { Problem } from './problem.ts';

/** A request as the hub reads it, whichever server it came through. Its `url` is absolute, with the host that the client asked for. */
export interface HubRequest extends RequestHead {
  readonly body: AsyncIterable<Uint8Array>;
}

/** A request on its way through the hub: what was found out about it so far. */
export interface Exchange {
  readonly request: HubRequest;
  readonly url: URL;
  readonly rights: Rights;
}

/** A Fetch server's request. */
export function fromRequest(request: Request): HubRequest {
  return { ...fetchHead(request), body: chunks(request.body) };
}

async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
  if (body) yield* body;
}

/** What a request is answered while the hub shuts down. */
export function draining(): Problem {
  return new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' } });
}
