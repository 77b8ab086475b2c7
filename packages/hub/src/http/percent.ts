/** A percent sign that encodes nothing stands for itself, as the URL standard has it. */
const ALONE = /%(?![\da-f]{2})/gi;

const NOT_ASCII = /%[89a-f][\da-f]/i;

/** Decodes a part of a query or form. @throws {URIError} if it is not valid UTF-8 */
export function decodePart(part: string): string {
  return decodeURIComponent(part.replaceAll('+', ' ').replaceAll(ALONE, '%25'));
}

/** Whether a query or form is valid UTF-8 after decoding. `URLSearchParams` would put U+FFFD where it is not. */
export function isUtf8(query: string): boolean {
  if (!NOT_ASCII.test(query)) return true;
  try {
    decodePart(query);
    return true;
  } catch {
    return false;
  }
}
