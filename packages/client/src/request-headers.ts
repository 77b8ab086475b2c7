/** The request headers that go on to another origin. Any other may hold a secret meant for the first one only. */
const PORTABLE_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-type',
  'last-event-id',
  'pragma',
]);

/** What is left of the request headers when a redirect leads to another origin. */
export function portableHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => PORTABLE_HEADERS.has(name)));
}

/**
 * The last event ID as a header value: its UTF-8 bytes, one character each ([spec] 9.2.3), because header values are
 * byte strings. `undefined` where it holds a control character other than tab, which no header can carry.
 */
export function encodeLastEventId(id: string): string | undefined {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  if (/[\u0000-\u0008\u000A-\u001F\u007F]/.test(id)) return undefined;
  let value = '';
  for (const byte of new TextEncoder().encode(id)) value += String.fromCharCode(byte);
  return value;
}

/** The `Authorization` of a URL with a user name or password, which fetch refuses to take from the URL itself. */
export function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const bytes = new TextEncoder().encode(`${decode(url.username)}:${decode(url.password)}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray percent sign stands for itself
  }
}
