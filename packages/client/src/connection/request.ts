interface PageGlobals {
  document?: { baseURI?: string };
  location?: { href?: string };
}

/**
 * The most bytes of a last event ID that are sent. Servers take a header line of 8 KiB or more; they would answer a longer one
 * with 400 or 431 each time, and the stream would never go on.
 */
export const MAX_ID_BYTES = 8_000;

/**
 * Parses a URL against the base of the page. Without a page, the URL has to be absolute.
 * @throws TypeError when it cannot be parsed
 */
export function parseTargetUrl(url: string): URL {
  const { document, location } = globalThis as PageGlobals;
  return new URL(url, document?.baseURI ?? location?.href);
}

/** Whether a request can be made for a URL of this scheme. With any other scheme no attempt would ever succeed. */
export function hasRequestableScheme({ protocol }: URL): boolean {
  return /^(?:https?|data|blob):$/.test(protocol);
}

/** The URL as it is requested and shown. Credentials travel in a header, and a fragment does not travel at all. */
export function bareUrl(url: URL): string {
  return Object.assign(new URL(url), { username: '', password: '', hash: '' }).href;
}

/** Whether a URL leads to this machine, which can be reached without a network too. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(?:(?:.*\.)?localhost|127\.[\d.]+|\[::1\])$/.test(hostname);
}

/** The `Authorization` header for a URL with a user name or a password, which fetch does not accept in the URL itself. */
export function basicAuthorization({ username, password }: URL): Record<string, string> {
  return username || password ? { authorization: `Basic ${btoa(byteString(`${username}:${password}`))}` } : {};
}

/**
 * The last event ID as a header value: one character for each byte of its UTF-8 form ([spec] 9.2.3), because header values are
 * byte strings. `undefined` where no header can carry it.
 */
export function encodeLastEventId(id: string): string | undefined {
  // No header can carry control characters other than tab, or half of a surrogate pair.
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  if (id.length > MAX_ID_BYTES || /[\0-\x08\n-\x1F\x7F\p{Cs}]/u.test(id)) return undefined;
  const bytes = byteString(encodeURIComponent(id));
  return bytes.length > MAX_ID_BYTES ? undefined : bytes;
}

/** Undoes percent-encoding, with one character for each byte. A percent sign that encodes nothing stays. */
function byteString(text: string): string {
  // oxlint-disable-next-line typescript/no-deprecated -- every platform has it, and none has another for single bytes
  return text.replace(/%[\da-f]{2}/gi, unescape);
}
