/** How many bytes the text has in UTF-8. A lone surrogate counts 3, as the U+FFFD that takes its place. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      bytes += 1;
    } else {
      bytes += 2;
      if (unit >= 0xd800 && unit < 0xdc00) {
        const low = text.charCodeAt(i + 1);
        if (low >= 0xdc00 && low < 0xe000) i++; // A pair is two units and four bytes
      }
    }
  }
  return bytes;
}
