import type { Rights } from '@tidings/server';
import { type FanOut, fetchHead, type RequestHead } from '@tidings/server/live';
import { Problem } from './problem.ts';

/** A request in the form that the hub reads, from any server. Its `url` is absolute, with the host that the client requested. */
export interface HubRequest extends RequestHead {
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Takes the whole body if all of it has come already, which is true of most small ones. Returns undefined if it has not. To read such a body in
   * parts would cost several times as much.
   */
  received?(): Uint8Array | undefined;
}

/** A request together with its URL and its rights. */
export interface Exchange {
  readonly request: HubRequest;
  readonly url: URL;
  readonly rights: Rights;
}

/** Returns a `HEAD` request as a request with `GET`. */
export function asGet(request: HubRequest): HubRequest {
  // Not a copy: some members are made only when they are read.
  return Object.create(request, { method: { value: 'GET', enumerable: true } }) as HubRequest;
}

/** Converts the request of a Fetch server. */
export function fromRequest(request: Request): HubRequest {
  return { ...fetchHead(request), body: chunks(request.body) };
}

async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
  if (body) yield* body;
}

/** The answer to a request while the hub shuts down. */
export function draining(): Problem {
  return new Problem('draining', 'The hub is shutting down', { headers: { 'Retry-After': '1' } });
}

/** Resolves when the log of a hub has been reached. Rejects if the sender of a request leaves before. */
export async function untilReady(fanOut: FanOut, request: HubRequest): Promise<void> {
  if (fanOut.isReady) return;
  const gone = new AbortController();
  const stop = request.onGone?.(() =>
    gone.abort(new Problem('invalid-request', 'The sender left before it was answered')),
  );
  await fanOut.ready(gone.signal).finally(stop);
}

/** What was found out about a request while it was answered. */
export interface Visit {
  /** With the address and URL that it has behind proxies. */
  request: HubRequest;
  /** Why it was refused: the name of the problem, or `expired` if its rights had expired. */
  reason: string | undefined;
  subject: string | undefined;
}
