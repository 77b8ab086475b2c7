import type { RequestHead } from '@tidings/server/live';

/** How much a request wants a media type. */
interface Wish {
  /** From 0, not at all, to 1. */
  readonly weight: number;
  /** How exactly it names the type: 0 by everything, 1 by the first part, 2 by its name. */
  readonly exactness: number;
}

/**
 * Chooses the media type of an answer by the `Accept` of its request (RFC 9110, 12.5.1): the one with the greatest weight, of those the one that is named
 * most exactly, of those the first. If none is acceptable it is the first that is not refused by its name, or else the first: an answer of another type is better than none.
 * @param offers in small letters, the usual one first
 */
export function preferred<T extends string>(request: RequestHead, offers: readonly [T, ...T[]]): T {
  const accept = request.header('accept');
  const [usual] = offers;
  if (accept === undefined || accept === '*/*' || accept === usual) return usual;
  const ranges = rangesOf(accept);
  let best = offers.find((offer) => ranges.get(offer) !== 0) ?? usual;
  let most: Wish = { weight: 0, exactness: 0 };
  for (const offer of offers) {
    const wish = wishFor(offer, ranges);
    if (wish.weight < most.weight || (wish.weight === most.weight && wish.exactness <= most.exactness)) continue;
    if (wish.weight === 0) continue;
    most = wish;
    best = offer;
  }
  return best;
}

const EVENT_STREAM = 'text/event-stream';

/**
 * Whether a request asks for a stream where something else is the usual answer: it names the type, does not refuse it, and wants no page more. Between these two it is chosen
 * as {@link preferred} does it where a stream is usual.
 */
export function asksForStream(request: RequestHead): boolean {
  const accept = request.header('accept');
  if (accept === undefined || accept === EVENT_STREAM) return accept !== undefined;
  if ((rangesOf(accept).get(EVENT_STREAM) ?? 0) === 0) return false;
  return preferred(request, [EVENT_STREAM, 'application/json']) === EVENT_STREAM;
}

function rangesOf(accept: string): ReadonlyMap<string, number> {
  const ranges = new Map<string, number>();
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim());
    const weight = parameters.map((text) => /^q\s*=\s*([0-9.]+)$/.exec(text)?.[1]).find((found) => found !== undefined);
    ranges.set(range, weight === undefined ? 1 : Number(weight) || 0);
  }
  return ranges;
}

/** Of the ranges that cover a type, the one that names it most exactly counts. */
function wishFor(type: string, ranges: ReadonlyMap<string, number>): Wish {
  const [family = ''] = type.split('/', 1);
  for (const [index, range] of [type, `${family}/*`, '*/*'].entries()) {
    const weight = ranges.get(range);
    if (weight !== undefined) return { weight, exactness: 2 - index };
  }
  return { weight: 0, exactness: 0 };
}
