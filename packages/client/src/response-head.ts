import type { FetchResponse } from './fetch.ts';

/** What the head of a response says, with the body ready to be read. */
export interface ResponseHead {
  readonly status: number;
  readonly contentType: string | null;
  readonly retryAfter: string | null;
  readonly date: string | null;
  readonly finalUrl: URL;
  readonly redirected: boolean;
  readonly permanentUrl: URL | undefined;
  readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
}

/** Takes a response apart. Throws where a `fetch` that was passed in answers with something else. */
export function readHead(response: FetchResponse, target: URL): ResponseHead {
  const { status, redirected, permanentUrl, headers } = response;
  return {
    status,
    contentType: headers.get('content-type'),
    retryAfter: headers.get('retry-after'),
    date: headers.get('date'),
    finalUrl: new URL(response.url || target),
    redirected,
    permanentUrl: permanentUrl === undefined ? undefined : new URL(permanentUrl),
    reader: response.body?.getReader(),
  };
}
