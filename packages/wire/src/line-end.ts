const LF = 0x0a;
const CR = 0x0d;

/** Most chunks have a line end this near to their end, and looking at the bytes one by one finds it fastest. */
const NEAR_BYTES = 128;

const probe = new TextDecoder('utf-8', { ignoreBOM: true });

/** The index of the first LF or CR, -1 where there is none. */
export function firstLineEnd(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) {
    if (isLineEnd(bytes[i] as number)) return i;
  }
  return -1;
}

/** The index of the last LF or CR, -1 where there is none. `unlikely` says that there is probably none. */
export function lastLineEnd(bytes: Uint8Array, unlikely: boolean): number {
  const { length } = bytes;
  if (length <= NEAR_BYTES) return lastLineEndWithin(bytes, 0, length);
  // Decoding costs as much as looking at a hundred bytes
  const near = unlikely ? length : length - NEAR_BYTES;
  const index = lastLineEndWithin(bytes, near, length);
  if (index !== -1 || !hasLineEnd(bytes.subarray(0, near))) return index;
  return lastLineEndWithin(bytes, 0, near);
}

/** The middle of a long line has none: to decode and to search it as text takes a tenth of the time of looking at each byte. */
function hasLineEnd(bytes: Uint8Array): boolean {
  const text = probe.decode(bytes);
  return text.includes('\n') || text.includes('\r');
}

function lastLineEndWithin(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i >= start; i--) {
    if (isLineEnd(bytes[i] as number)) return i;
  }
  return -1;
}

function isLineEnd(byte: number): boolean {
  // The first comparison alone decides for nearly every byte
  return byte <= CR && (byte === LF || byte === CR);
}
