import { constants, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Duplex } from 'node:stream';
import type { ContentCoding } from '../src/coding/content-coding.ts';
import { chooseCoding } from '../src/coding/negotiation.ts';

/** A content coding, and how Node's zlib decodes it. */
export interface DecodedCoding {
  readonly name: 'gzip' | 'zstd';
  readonly coding: ContentCoding;
  /** What a decoder has of a stream that goes on. */
  readonly open: (coded: Uint8Array) => string;
  /** A whole stream; throws where its end is missing or wrong. */
  readonly whole: (coded: Uint8Array) => string;
  readonly decoder: () => Duplex;
}

export const CODINGS: readonly DecodedCoding[] = [
  {
    name: 'gzip',
    coding: chooseCoding('gzip')!,
    open: (coded) => gunzipSync(coded, { finishFlush: constants.Z_SYNC_FLUSH }).toString(),
    whole: (coded) => gunzipSync(coded).toString(),
    decoder: createGunzip,
  },
  {
    name: 'zstd',
    coding: chooseCoding('zstd')!,
    open: (coded) => zstdDecompressSync(coded, { finishFlush: constants.ZSTD_e_flush }).toString(),
    whole: (coded) => zstdDecompressSync(coded).toString(),
    decoder: createZstdDecompress,
  },
];

/** Without the blank lines that a coding puts between events. */
export function withoutBlankLines(text: string): string {
  return text.replaceAll(/\n{3,}/g, '\n\n');
}
