import type { HubRequest } from './request.ts';

/** A Fetch server's request as the hub reads it. */
export function fromRequest(request: Request): HubRequest {
  return {
    method: request.method,
    url: new URL(request.url),
    header: (name) => request.headers.get(name) ?? undefined,
    body: chunks(request.body),
    address: undefined,
  };
}

async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncIterable<Uint8Array> {
  if (body) yield* body;
}
