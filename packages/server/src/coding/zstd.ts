import type { Zlib } from './builtin-zlib.ts';
import type { ContentCoding } from './content-coding.ts';
import { concat } from '../sink/shared-chunk.ts';

/** How far back an event may refer, in bytes. As for gzip. */
const HISTORY_BYTES = 4096;

/** A chunk without history that is shorter than this gains next to nothing. */
const STORED_BYTES = 128;

/** The binary logarithm of how far back, in bytes, a chunk may refer within itself. */
const WINDOW_LOG = 16;

// RFC 8878, 3.1.1: the magic number, then no content size, no checksum and no dictionary, then the window. It is announced as
// twice as large as a chunk needs, so that it holds the history too; RFC 9659 allows 8 MiB.
const HEAD = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, (WINDOW_LOG + 1 - 10) << 3);

/** A block of the bytes as they are, which are none, and the last one. RFC 8878, 3.1.1.2 */
const END = Uint8Array.of(1, 0, 0);

/**
 * What makes blocks independent of those before them: a block that puts the three repeat offsets back to what they are when a frame
 * begins, 1, 4 and 8 (RFC 8878, 3.1.2.5). All else that a block may take over from the one before, it takes over only where the
 * compressor has made that one, too.
 *
 * Three sequences, each of eight literals and a match of three bytes, by the offsets 8, 4 and 1; all of it LF.
 */
const RESET = Uint8Array.of(
  // A compressed block of 9 bytes that is not the last.
  (9 << 3) | 0b10_0,
  0,
  0,
  // 24 literals, which are one byte repeated: LF.
  (24 << 3) | 0b01,
  0x0a,
  // Three sequences. One code for all their literals' lengths (8: eight) and one for all their matches' (0: three); the codes of the
  // offsets by the predefined table.
  3,
  0b01_00_01_00,
  8,
  0,
  // Read backwards, behind the highest bit that is set: state 5 (code 3) and 3 more bits, offset 8; state 14 (code 2) and 2 more bits,
  // offset 4; state 14 and 2 more bits, offset 1.
  0b1011_1000,
  0b1101_1101,
  0b0100_1010,
);

/** What a decoder makes of {@link RESET}: lines that are blank, which between two events mean nothing. */
const TRAIL = new Uint8Array(33).fill(0x0a);

const decoder = new TextDecoder();

/** zstd, where the runtime's zlib has all that is needed. */
export function zstd(zlib: Zlib): ContentCoding | undefined {
  if (!keepsPromise(zlib)) return undefined;
  return {
    name: 'zstd',
    historyBytes: HISTORY_BYTES,
    head: HEAD,
    trail: TRAIL,
    code: (bytes, history) => compress(zlib, bytes, history),
    checksum: () => 0,
    end: () => END,
  };
}

/**
 * Blocks of zstd, and a block that makes the next ones independent of them. A stream is one frame, because common decoders, such as Node's, lose
 * what follows a frame in the same read. So a frame is made for each chunk, and its blocks are taken out of it: with a
 * dictionary they can be decoded by any decoder that was given the bytes of the dictionary last, in whichever blocks.
 */
function compress(zlib: Zlib, bytes: Uint8Array, history: Uint8Array): Uint8Array {
  if (history.length === 0 && bytes.length < STORED_BYTES) return concat([storedHead(bytes.length), bytes, RESET]);
  const { constants } = zlib;
  const frame = zlib.zstdCompressSync(bytes, {
    params: {
      [constants.ZSTD_c_compressionLevel]: 1,
      [constants.ZSTD_c_windowLog]: WINDOW_LOG,
      // Small tables, which are quicker to make.
      [constants.ZSTD_c_hashLog]: 12,
      [constants.ZSTD_c_chainLog]: 12,
      [constants.ZSTD_c_contentSizeFlag]: 0,
      [constants.ZSTD_c_checksumFlag]: 0,
    },
    // One buffer for the whole.
    chunkSize: bytes.length + 64,
    // Text, which cannot begin as a dictionary with tables of its own does (RFC 8878, 5).
    ...(history.length > 0 ? { dictionary: history } : {}),
  });
  return concat([blocksOf(frame), RESET]);
}

/** The blocks of a frame, none of them the last one of its stream. */
function blocksOf(frame: Uint8Array): Uint8Array {
  const descriptor = frame[4] ?? 0;
  const isOneSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [isOneSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const begin = 5 + (isOneSegment ? 0 : 1) + dictionaryBytes + sizeBytes;
  for (let at = begin; ;) {
    const [low = 0, middle = 0, high = 0] = frame.subarray(at, at + 3);
    const size = (low >> 3) | (middle << 5) | (high << 13);
    const isRepeated = (low & 0b110) === 0b010;
    const end = at + 3 + (isRepeated ? 1 : size);
    if (end > frame.length) throw new Error('The zstd of this runtime makes frames that end within a block');
    if ((low & 1) !== 0) {
      frame[at] = low & ~1;
      return frame.subarray(begin, end);
    }
    at = end;
  }
}

/** The header of a block that is not compressed. */
function storedHead(length: number): Uint8Array {
  return Uint8Array.of((length << 3) & 0xff, length >> 5, 0);
}

/** Whether blocks are coded as expected. Another implementation of `node:zlib` may code them differently. */
function keepsPromise(zlib: Zlib): boolean {
  try {
    // As much in a row as there can be of what a block might take over from another one.
    const text = new TextEncoder().encode(
      `data: ${'0'.repeat(99)}\n\nid: 1\ndata: {"celsius":64.5,"celsius":64.5}\n\n`,
    );
    const blocks = [new Uint8Array(), concat([text, TRAIL])].map((history) => compress(zlib, text, history));
    const decoded = zlib.zstdDecompressSync(concat([HEAD, ...blocks, END]));
    return decoder.decode(decoded) === decoder.decode(concat([text, TRAIL, text, TRAIL]));
  } catch {
    return false;
  }
}
