import { builtinZlib, type Zlib } from './builtin-zlib.ts';
import type { ContentCoding } from './content-coding.ts';
import { gzip } from './gzip.ts';
import { zstd } from './zstd.ts';

/** How each coding is made, by its name. Of two that are wanted alike, the first is chosen. */
const CODINGS: Readonly<Record<string, (zlib: Zlib) => ContentCoding | undefined>> = { gzip, zstd };

/** The codings that were asked for, by name; undefined for one that the runtime does not have. */
const made = new Map<string, ContentCoding | undefined>();

/**
 * Chooses the coding of a stream by the `Accept-Encoding` of its request (RFC 9110, 12.5.3); undefined for none. A listener that sent no
 * such field has not asked for a coding, and a coding that the runtime does not have is not chosen.
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

/** The header fields of a stream whose coding was chosen by its request. `Vary` is also there without a coding, for caches. */
export function codedHeaders(coding: ContentCoding | undefined): Readonly<Record<string, string>> {
  return { Vary: 'Accept-Encoding', ...(coding ? { 'Content-Encoding': coding.name } : {}) };
}

/** The weights of an `Accept-Encoding`, by the coding's name in small letters. An item that is not well-formed counts as not sent. */
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
