import type { FetchInit } from './fetch.ts';
import { basicAuthorization, encodeLastEventId, portableHeaders } from './request-headers.ts';

/** What a function for a part of the request is told. */
export interface Attempt {
  /** The number of this try in its row, from 1. */
  readonly attempt: number;
  /** Whether the try before was answered 401: what it carried is not good any more. */
  readonly unauthorized: boolean;
  /** The last event ID that this try goes on behind, `''` where there is none. */
  readonly lastEventId: string;
}

/** The caller's part of a request, asked for at every try. */
export interface RequestParts {
  /** Where it goes, unless a redirect that is kept to leads on from there. @default the connection's own URL */
  readonly url?: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** The connection's part of a request. */
export interface RequestFrame {
  /** The URL that was asked for, which `parts.url` may be a redirect's target of. */
  readonly asked: URL;
  readonly lastEventId: string;
  readonly withCredentials: boolean;
  readonly signal: AbortSignal;
}

/** [spec] 9.2.2: what is asked for. Headers meant for the origin that was asked for go to no other. */
export function makeRequest(parts: RequestParts & { readonly url: URL }, frame: RequestFrame): FetchInit {
  const headers = new Headers(parts.headers);
  if (!headers.has('accept')) headers.set('accept', 'text/event-stream');
  const authorization = basicAuthorization(frame.asked);
  if (authorization !== undefined && !headers.has('authorization')) headers.set('authorization', authorization);
  const id = encodeLastEventId(frame.lastEventId);
  if (id) headers.set('last-event-id', id);
  else headers.delete('last-event-id');
  const record = Object.fromEntries(headers);
  return {
    method: parts.method,
    headers: parts.url.origin === frame.asked.origin ? record : portableHeaders(record),
    ...(parts.body === undefined ? {} : { body: parts.body }),
    credentials: frame.withCredentials ? 'include' : 'same-origin',
    cache: 'no-store',
    redirect: 'follow',
    signal: frame.signal,
  };
}
