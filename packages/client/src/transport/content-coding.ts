import { lasting } from '../errors.ts';

/** The most codings of one body. Each takes memory of its own, and a header has room for a thousand. */
const MAX_CODINGS = 5;

/**
 * Reads a `Content-Encoding` header: the codings in the order in which they were applied (RFC 9110 §8.4).
 * @throws ClientError with the code `ERR_CONTENT_CODING` where the body cannot be decoded
 */
export function readCodings(value: string | null, known: readonly string[]): string[] {
  const codings = (value ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim().replace(/^x-gzip$/, 'gzip'))
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > MAX_CODINGS)
    throw lasting('ERR_CONTENT_CODING', `${codings.length} content codings, at most ${MAX_CODINGS} are allowed`);
  const unknown = codings.find((coding) => !known.includes(coding));
  if (unknown !== undefined) {
    throw lasting(
      'ERR_CONTENT_CODING',
      `the content coding ${JSON.stringify(unknown.slice(0, 100))}, expected ${known.join(', ')}`,
    );
  }
  return codings;
}
