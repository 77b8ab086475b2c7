import type { Fetch } from './fetch.ts';

/** The transport of browsers and workers, and of runtimes not known here: their own fetch, looked up at each request. */
export const defaultFetch: Fetch = (url, init) => globalThis.fetch(url, init);
