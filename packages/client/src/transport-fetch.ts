import type { Fetch } from './fetch.ts';

/** The transport of browsers, workers, Deno and Bun: their own fetch, looked up at each request. */
export const defaultFetch: Fetch = (url, init) => globalThis.fetch(url, init);
