import { lasting } from '../errors.ts';
import type { Fetch, FetchInit } from './fetch.ts';
import { UNCACHED } from './redirects.ts';

/** What differs between the platforms that this transport is for. It is found with the first request. */
interface Traits {
  /** The options that are refused. Workers refuse `cache` before the compatibility date 2024-11-11. */
  readonly refused: readonly ('cache' | 'credentials')[];
  /** Whether the values of headers are text, which is sent in UTF-8, and not byte strings as in the standard. */
  readonly hasTextHeaders: boolean;
}

let traits: Traits | undefined;

/** The transport of workers outside of browsers, of React Native, and of runtimes not known here: their own fetch. */
export const defaultFetch: Fetch = async (url, init) => {
  const { refused, hasTextHeaders } = (traits ??= findTraits(url, init));
  const accepted: Partial<FetchInit> = { ...init };
  for (const name of refused) delete accepted[name];
  const headers: Record<string, string> = refused.includes('cache')
    ? { ...UNCACHED, ...init.headers }
    : { ...init.headers };
  const id = headers['last-event-id'];
  // oxlint-disable-next-line typescript/no-deprecated -- every platform has it, and none has another for single bytes
  if (id && hasTextHeaders) headers['last-event-id'] = decodeURIComponent(escape(id));
  const response = await globalThis.fetch(url, { ...accepted, headers });
  const { status, headers: received, body, redirected, url: final } = response;
  // Vercel's edge does not say that it has followed a redirect.
  if (redirected || !final || final === url) return response;
  return { status, headers: received, body, redirected: true, url: final };
};

/** @throws ClientError where the platform has no fetch that streams */
function findTraits(url: string, init: FetchInit): Traits {
  const { fetch, Request, Response, Headers } = globalThis as Partial<typeof globalThis>;
  if (!fetch) throw lasting('ERR_UNSUPPORTED', 'no fetch on this platform, expected one as an option');
  // Such a fetch answers when the body has ended, which that of a stream may never do (React Native).
  if (Response && !('body' in new Response(''))) {
    throw lasting(
      'ERR_UNSUPPORTED',
      'a fetch that does not stream on this platform, expected another one as an option',
    );
  }
  return {
    refused: (['cache', 'credentials'] as const).filter(
      (name) => Request && refuses(() => new Request(url, { [name]: init[name] })),
    ),
    hasTextHeaders: Headers !== undefined && !refuses(() => new Headers({ 'last-event-id': '\u0100' })),
  };
}

function refuses(make: () => unknown): boolean {
  try {
    make();
    return false;
  } catch {
    return true;
  }
}
