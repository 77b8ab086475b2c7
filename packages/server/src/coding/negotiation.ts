import { builtinZlib, type Zlib } from './builtin-zlib.ts';
import type { ContentCoding } from './content-coding.ts';
import { gzip } from './gzip.ts';
import { zstd } from './zstd.ts';

/** How each coding is made, by its name. Of two with the same weight, the first is chosen. */
const CODINGS: Readonly<Record<string, (zlib: Zlib) => ContentCoding | undefined>> = { gzip, zstd };

/** The codings that were asked for, by name; undefined for one that the runtime does not have. */
const made = new Map<string, ContentCoding | undefined>();

/**
 * Chooses the coding of a stream by the `Accept-Encoding` of its request (RFC 9110, 12.5.3); undefined for none. A request without
 * such a field gets no coding, and a coding that the runtime does not have is not chosen.
 *
 * If gzip and zstd have the same weight, it is gzip: a small JSON event of 112 bytes takes 24 bytes in gzip and 44 in zstd, whose blocks
 * have more overhead. Only for chunks of eight kilobytes and more zstd is smaller and faster.
 */
export function chooseCoding(acceptEncoding: string | undefined): ContentCoding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const weights = weightsOf(acceptEncoding);
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  // If a coding and none have the same weight, the coding that the listener named is chosen.
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
