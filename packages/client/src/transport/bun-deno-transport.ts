import { readCodings } from './content-coding.ts';
import type { Fetch } from './fetch.ts';
import { followRedirects } from './redirects.ts';

/** The option that keeps Bun from cutting a body that is silent for 300 seconds. Deno has no such limit. */
const WITHOUT_TIMEOUT = { timeout: false };

/** The codings that their fetch undoes. It gives out a body in any other coding as it came. */
const CODINGS = ['gzip', 'deflate', 'br', 'zstd'];

/** The transport of Bun and Deno: their own fetch. Unlike that of a browser it can show redirects. */
export const defaultFetch: Fetch = followRedirects(async (url, parts) => {
  const response = await globalThis.fetch(url, { ...parts, ...WITHOUT_TIMEOUT, redirect: 'manual' });
  const { status, headers, body } = response;
  return {
    status,
    headers,
    open() {
      readCodings(headers.get('content-encoding'), CODINGS);
      return body;
    },
    discard: () => void body?.cancel().catch(() => {}),
  };
});
