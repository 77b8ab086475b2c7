interface PageGlobals {
  document?: { baseURI?: string };
  location?: { href?: string };
}

/** Schemes that a request can be made for. Others fail at once: no try will ever succeed. */
const SCHEMES = /^(?:https?|data|blob):$/;

/**
 * Parses a URL, against the page's base where there is one, else it has to be absolute.
 * @throws TypeError when it cannot be parsed
 */
export function parseTargetUrl(url: string): URL {
  const { document, location } = globalThis as PageGlobals;
  return new URL(url, document?.baseURI ?? location?.href);
}

export function hasListenableScheme({ protocol }: URL): boolean {
  return SCHEMES.test(protocol);
}

/** The URL as it is asked for and shown: credentials travel in a header, a fragment not at all. */
export function bareUrl(url: URL): string {
  return Object.assign(new URL(url), { username: '', password: '', hash: '' }).href;
}

/** Whether a URL leads to this machine, which is there without a network too. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(?:(?:.*\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
