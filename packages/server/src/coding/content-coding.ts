import { builtinZlib, type Zlib } from './builtin-zlib.ts';
import { gzip } from './gzip.ts';
import type { PlainTotal } from './plain-total.ts';
import { zstd } from './zstd.ts';

/** How each is made, by its name. Of two that are wanted alike it is the first. */
const CODINGS: Readonly<Record<string, (zlib: Zlib) => ContentCoding | undefined>> = { gzip, zstd };

/** Those that were asked for: undefined is what the runtime has not. */
const made = new Map<string, ContentCoding | undefined>();

/**
 * A content coding (RFC 9110, 8.4.1) that can be cut after each event. It keeps no state between two calls, so that a stream
 * costs nothing while it is silent, and listeners who have got the same can share what is coded next.
 */
export interface ContentCoding {
  /** Its name in header fields, in small letters. */
  readonly name: string;
  /** How many of the plain bytes before a chunk its coded form may refer to. */
  readonly historyBytes: number;
  /** What a coded stream begins with. */
  readonly head: Uint8Array;
  /** What a decoder gives behind each chunk, besides: nothing, or lines that are blank. It is a part of the history. */
  readonly trail: Uint8Array;
  /**
   * Codes a chunk so that all of it can be decoded as soon as it has come. `history` is the end of what the decoder has been given
   * before, at most {@link historyBytes} of it; empty where nothing of it may be referred to.
   */
  code(bytes: Uint8Array, history: Uint8Array): Uint8Array;
  /** The CRC-32 of bytes behind others that have this one; 0 where the end of a coded stream does not tell it. */
  checksum(bytes: Uint8Array, before: number): number;
  /** What a coded stream of these plain bytes ends with. */
  end(total: PlainTotal): Uint8Array;
}

/**
 * Chooses the coding of a stream by the `Accept-Encoding` of its request (RFC 9110, 12.5.3); undefined for none. A listener that sent no
 * such field has not asked for one, and what the runtime cannot code, nobody is given.
 *
 * Where gzip and zstd are wanted alike, it is gzip: small events of JSON, 112 bytes each, come in 24 of gzip and in 44 of zstd, whose blocks
 * have more around them. Only of chunks of eight kilobytes and more zstd makes less, in less time.
 */
export function chooseCoding(acceptEncoding: string | undefined): ContentCoding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const weights = weightsOf(acceptEncoding);
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  // Where a coding and none are wanted alike, what was asked for by name is what the listener came for.
  const least = weights.get('identity') ?? 0;
  const wanted = Object.keys(CODINGS).filter((name) => weightOf(name) > 0 && weightOf(name) >= least);
  for (const name of wanted.toSorted((one, other) => weightOf(other) - weightOf(one))) {
    const coding = codingOf(name);
    if (coding) return coding;
  }
  return undefined;
}

function codingOf(name: string): ContentCoding | undefined {
  if (!made.has(name)) {
    const zlib = builtinZlib();
    made.set(name, zlib && CODINGS[name]?.(zlib));
  }
  return made.get(name);
}

/** The header fields of a stream whose coding was chosen by its request: also where none was, for caches to know. */
export function codedHeaders(coding: ContentCoding | undefined): Readonly<Record<string, string>> {
  return { Vary: 'Accept-Encoding', ...(coding ? { 'Content-Encoding': coding.name } : {}) };
}

/** The weights of an `Accept-Encoding`, by the coding's name in small letters. What is not well-formed counts as not sent. */
function weightsOf(field: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const item of field.toLowerCase().split(',')) {
    const [, name = '', weight = '1'] =
      /^[ \t]*([\w!#$%&'*+.^`|~-]+)[ \t]*(?:;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?$/.exec(item) ?? [];
    // The old name means the same (RFC 9110, 8.4.1.3).
    if (name !== '') weights.set(name === 'x-gzip' ? 'gzip' : name, Number(weight));
  }
  return weights;
}
