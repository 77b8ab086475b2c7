/** No server takes a header of so many characters. Guards against an ID that costs more with each try than it is worth. */
const MAX_ID_CHARACTERS = 65_536;

/** What no header can carry: control characters other than tab, and half a character. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the point
const UNSENDABLE = /[\0-\x08\n-\x1F\x7F\uD800-\uDFFF]/u;

/**
 * The last event ID as a header value: its UTF-8 bytes, one character each ([spec] 9.2.3), because header values are
 * byte strings. `undefined` where no header can carry it.
 */
export function encodeLastEventId(id: string): string | undefined {
  return id.length > MAX_ID_CHARACTERS || UNSENDABLE.test(id) ? undefined : byteString(encodeURIComponent(id));
}

/** The `Authorization` of a URL with a user name or password, which fetch refuses to take from the URL itself. */
export function basicAuthorization({ username, password }: URL): Record<string, string> {
  return username || password ? { authorization: `Basic ${btoa(byteString(`${username}:${password}`))}` } : {};
}

/** Undoes percent-encoding, one character for each byte. A stray percent sign stands for itself. */
function byteString(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
