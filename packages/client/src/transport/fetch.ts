import type { Body } from '../platform/body.ts';
import type { Bytes, PlatformBody, PlatformHeaders, PlatformSignal } from '../globals.ts';

/** A body that can be sent again with each request. A stream cannot be. */
export type RequestBody = string | ArrayBuffer | ArrayBufferView | PlatformBody;

/** Request headers: by their names, as pairs, or the platform's `Headers`. */
export type RequestHeaders = Readonly<Record<string, string>> | Iterable<readonly [string, string]> | PlatformHeaders;

/** The options of one request: a part of the platform's `RequestInit`. */
export interface FetchInit {
  method: string;
  /** Names in lower case. Values are byte strings: one character per byte. */
  headers: Record<string, string>;
  /** Bytes may come as any view of an `ArrayBuffer`, as they were given. */
  body?: string | ArrayBuffer | Bytes;
  credentials: 'same-origin' | 'include';
  cache: 'no-store';
  signal: PlatformSignal;
}

/** The part of a response that is used. The platform's `Response` has all of it. */
export interface FetchResponse {
  readonly status: number;
  /** The final URL, after redirects. */
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: { get(name: string): string | null };
  /** A web stream, or another stream that can be iterated, such as one of Node. */
  readonly body: Body | null;
}

/**
 * Makes a request: the platform's `fetch`, or anything that behaves like it. It must follow redirects, settle once the
 * head of the response is there, hand over the body as it arrives, and give both up when the signal aborts.
 */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** The transport of browsers and their workers: their own fetch, looked up at each request. */
export const defaultFetch: Fetch = (url, init) => fetch(url, init);
