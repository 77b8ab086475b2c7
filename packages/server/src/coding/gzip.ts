import type { Zlib } from './builtin-zlib.ts';
import type { ContentCoding } from './content-coding.ts';
import { concat } from '../sink/shared-chunk.ts';

/**
 * How far back an event may refer, in bytes. Measured on small events of JSON: 1,024 are 4.7 times smaller, 4,096 are 5.0, 16,384
 * are 5.1 and cost twice the time.
 */
const HISTORY_BYTES = 4096;

// A chunk without history that is shorter than this gains next to nothing: 117 bytes become 112 in 50 µs. What each listener is greeted
// with is shorter, so a storm of them costs no more than without a coding.
const STORED_BYTES = 128;

// Up to here the highest level costs no more than a low one; above, it would hold up the event loop.
const BEST_BYTES = 4096;

// RFC 1952, 2.3: deflate, no flags, no time, no extra flags, an unknown system.
const HEAD = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** gzip, where the runtime's zlib has all that is needed. */
export function gzip(zlib: Zlib): ContentCoding | undefined {
  if (!keepsPromise(zlib)) return undefined;
  return {
    name: 'gzip',
    historyBytes: HISTORY_BYTES,
    head: HEAD,
    trail: new Uint8Array(),
    code: (bytes, history) => deflate(zlib, bytes, history),
    checksum: (bytes, before) => zlib.crc32(bytes, before),
    end: ({ crc, length }) => {
      const end = new Uint8Array(10);
      // The last block, which is empty; then the trailer (RFC 1952, 2.3.1).
      end.set([0x03, 0x00]);
      const view = new DataView(end.buffer);
      view.setUint32(2, crc, true);
      view.setUint32(6, length % 2 ** 32, true);
      return end;
    },
  };
}

/**
 * Blocks of DEFLATE (RFC 1951) that end on a byte. A block refers to what was decoded before it by distance alone, so what is coded with
 * a dictionary can be decoded by any decoder that was given the bytes of the dictionary last, in whichever blocks.
 */
function deflate(zlib: Zlib, bytes: Uint8Array, history: Uint8Array): Uint8Array {
  if (history.length === 0 && bytes.length < STORED_BYTES) return stored(bytes);
  const blocks = zlib.deflateRawSync(bytes, {
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
    level: bytes.length <= BEST_BYTES ? 9 : 3,
    // Small windows, which are quicker to make: 8 KiB hold the history and an event.
    windowBits: 13,
    memLevel: 5,
    // One buffer for the whole.
    chunkSize: bytes.length + 64,
    ...(history.length > 0 ? { dictionary: history } : {}),
  });
  // A copy, so that bytes that wait for a slow socket do not keep the larger buffer.
  return Uint8Array.prototype.slice.call(blocks);
}

/** The bytes as they are, as a block. RFC 1951, 3.2.4 */
function stored(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(5 + bytes.length);
  const { length } = bytes;
  block.set([0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff]);
  block.set(bytes, 5);
  return block;
}

/** Whether blocks with a dictionary are coded as expected. Another implementation of `node:zlib` may code them differently. */
function keepsPromise(zlib: Zlib): boolean {
  try {
    const text = new TextEncoder().encode(
      'id: 1\nevent: reading\ndata: {"sensor":"boiler","celsius":64.5,"on":true}\n\n',
    );
    const blocks = [deflate(zlib, text, new Uint8Array()), deflate(zlib, text, text), Uint8Array.of(0x03, 0x00)];
    const decoded = zlib.inflateRawSync(concat(blocks));
    const twice = zlib.crc32(text, zlib.crc32(text));
    return decoded.length === 2 * text.length && twice === zlib.crc32(decoded);
  } catch {
    return false;
  }
}
