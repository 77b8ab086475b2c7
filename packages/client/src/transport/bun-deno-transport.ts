import type { Fetch } from './fetch.ts';
import { followRedirects } from './redirects.ts';

/** The option that keeps Bun from cutting a body that is silent for 300 seconds. Deno has no such limit. */
const WITHOUT_TIMEOUT = { timeout: false };

/** The transport of Bun and Deno: their own fetch. Unlike that of a browser it can show redirects. */
export const defaultFetch: Fetch = followRedirects(async (url, parts) => {
  const response = await globalThis.fetch(url, { ...parts, ...WITHOUT_TIMEOUT, redirect: 'manual' });
  const { status, headers, body } = response;
  return {
    status,
    headers,
    open: () => body,
    discard: () => void body?.cancel().catch(() => {}),
  };
});
