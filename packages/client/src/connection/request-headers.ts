/**
 * The most that is sent of an ID, in bytes: servers take 8 KiB for a header line or more. A longer one would be answered with
 * 400 or 431 each time, and nothing would ever be heard again.
 */
export const MAX_ID_BYTES = 8_000;

/** What no header can carry: control characters other than tab, and half a character. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const UNSENDABLE = /[\0-\x08\n-\x1F\x7F\uD800-\uDFFF]/u;

/**
 * The last event ID as a header value: its UTF-8 bytes, one character each ([spec] 9.2.3), because header values are
 * byte strings. `undefined` where no header can carry it.
 */
export function encodeLastEventId(id: string): string | undefined {
  const bytes = id.length > MAX_ID_BYTES || UNSENDABLE.test(id) ? undefined : byteString(encodeURIComponent(id));
  return bytes && bytes.length > MAX_ID_BYTES ? undefined : bytes;
}

/** The `Authorization` of a URL with a user name or password, which fetch refuses to take from the URL itself. */
export function basicAuthorization({ username, password }: URL): Record<string, string> {
  return username || password ? { authorization: `Basic ${btoa(byteString(`${username}:${password}`))}` } : {};
}

/** Undoes percent-encoding, one character for each byte. A stray percent sign stands for itself. */
function byteString(text: string): string {
  // oxlint-disable-next-line typescript/no-deprecated -- every platform has it, and none has another for single bytes
  return text.replace(/%[\da-f]{2}/gi, (byte) => unescape(byte));
}
