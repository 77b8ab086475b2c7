import { pipeline, type Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { readCodings } from './content-coding.ts';

const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush, ZSTD_d_windowLogMax } = zlib.constants;

// An event stream is cut off rather than finished, so what is there counts even without the coding's end.
const ZLIB: zlib.ZlibOptions = { flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH };
const BROTLI: zlib.BrotliOptions = { flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH };

/** The largest window that a sender may use over HTTP, 8 MiB (RFC 9659). The library alone would take 128 MiB. */
const ZSTD_WINDOW_LOG = 23;

/** The first bytes of the zlib format: deflate with a window of 32 KiB. */
const ZLIB_HEADER = Uint8Array.of(0x78, 0x01);

/** What undoes each coding: one stream or several, one after the other. */
const DECODERS: Record<string, () => Transform[]> = {
  gzip: () => [zlib.createGunzip(ZLIB)],
  deflate: () => [createZlibHeader(), zlib.createInflate(ZLIB)],
  br: () => [zlib.createBrotliDecompress(BROTLI)],
  // Node has it since 22.15.
  ...(typeof zlib.createZstdDecompress === 'function' && {
    zstd: () => [
      zlib.createZstdDecompress({ finishFlush: ZSTD_e_flush, params: { [ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
    ],
  }),
};

const CODINGS = Object.keys(DECODERS);

export const ACCEPT_ENCODING: string = CODINGS.join(', ');

/**
 * Undoes the content codings of a body, event by event as they arrive.
 * @throws ClientError with the code `ERR_CONTENT_CODING` where one of them is not known
 */
export function decompress(body: Readable, contentEncoding: string | null): Readable {
  const decoders = readCodings(contentEncoding, CODINGS)
    .toReversed()
    .flatMap((coding) => DECODERS[coding]?.() ?? []);
  // The outcome is read off the last decoder, which the pipeline destroys along with the body.
  return decoders.length === 0 ? body : (pipeline([body, ...decoders], () => {}) as unknown as Readable);
}

/**
 * Puts the header of the zlib format in front of a body that lacks it: many servers send bare deflate data and call it `deflate`. The
 * trailer that such a body lacks too is not needed, because a body may end anywhere.
 */
function createZlibHeader(): Transform {
  let isBegun = false;
  return new Transform({
    transform(this: Transform, chunk: Uint8Array, _encoding, done) {
      // The first byte of the format names the method 8. Deflate data begins with it only if an encoder wastes bits.
      if (!isBegun && ((chunk[0] ?? 0) & 0x0f) !== 8) this.push(ZLIB_HEADER);
      isBegun = true;
      done(null, chunk);
    },
  });
}
