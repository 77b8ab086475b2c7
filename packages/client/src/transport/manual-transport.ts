import type { Fetch } from './fetch.ts';
import { followRedirects } from './redirects.ts';

/** Bun cuts a body that is silent for 300 seconds unless it is told not to. Deno has no such limit. */
const WITHOUT_TIMEOUT = { timeout: false };

/** The transport of Bun and Deno: their own fetch, which there, unlike in a browser, shows a redirect when asked to. */
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
