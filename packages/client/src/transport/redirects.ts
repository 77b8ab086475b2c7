import type { Fetch, FetchInit, FetchResponse } from './fetch.ts';

/** How many redirects are followed, as in [fetch]. Guards against a loop of them. */
const MAX_REDIRECTS = 20;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The request headers that go on to another origin. Any other may hold a secret meant for the first one only. */
const PORTABLE = /^(?:accept(?:-encoding|-language)?|cache-control|content-type|last-event-id|pragma)$/;

/** The headers for the cache mode no-store. Outside browsers the only caches are those on the way. */
export const UNCACHED = { 'cache-control': 'no-cache', pragma: 'no-cache' };

/** The request to one server. */
export type RequestParts = Pick<FetchInit, 'method' | 'headers' | 'body' | 'signal'>;

/** A response as a server gave it. It may be a redirect. Either `open` or `discard` has to be called. */
export interface RawResponse {
  readonly status: number;
  readonly headers: FetchResponse['headers'];
  /** @throws ClientError with the code `ERR_CONTENT_CODING` where the body cannot be decoded */
  open(): FetchResponse['body'];
  /** Discards a body that is not needed. */
  discard(): void;
}

/**
 * Makes a fetch that follows redirects itself and takes no secret to another origin. A runtime's own fetch would take along
 * all headers but a few. Schemes other than HTTP are left to the runtime.
 */
export function followRedirects(request: (url: URL, parts: RequestParts) => Promise<RawResponse>): Fetch {
  return async (url, init) => {
    let target = new URL(url);
    if (!isHttp(target)) return globalThis.fetch(url, init);

    let { method, body } = init;
    let headers: Record<string, string> = { ...UNCACHED, ...init.headers };
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const content = body === undefined ? {} : { body };
      const response = await request(target, { method, headers, signal: init.signal, ...content });
      const { status } = response;
      const location = REDIRECTS.has(status) ? response.headers.get('location') : null;
      const next = location === null ? undefined : new URL(location, target);
      // A redirect to another scheme is the answer, because it would come again each time.
      if (next === undefined || !isHttp(next)) {
        return {
          status,
          url: target.href,
          redirected: redirects > 0,
          headers: response.headers,
          body: openBody(response),
        };
      }

      response.discard();
      next.username = '';
      next.password = '';
      const becomesGet = (status === 303 && method !== 'HEAD') || (status <= 302 && method === 'POST');
      if (becomesGet && method !== 'GET') {
        method = 'GET';
        body = undefined;
        const { 'content-type': _, ...others } = headers;
        headers = others;
      }
      if (next.origin !== target.origin) headers = portable(headers);
      target = next;
    }
    throw new TypeError(`more than ${MAX_REDIRECTS} redirects, the last one to ${target.href}`);
  };
}

/** The body of a response. A refusal whose body cannot be decoded is a refusal all the same, and only its body is missing. */
function openBody(response: RawResponse): FetchResponse['body'] {
  try {
    return response.open();
  } catch (error) {
    response.discard();
    if (response.status === 200) throw error;
    return null;
  }
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

/** The request headers that are kept when a redirect leads to another origin. Their names are in lower case. */
function portable(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => PORTABLE.test(name)));
}
