import type { Credential } from '@tidings/server';
import type { RequestHead } from '@tidings/server/live';
import { bearerOf, cookieOf } from '../../access/credentials.ts';
import type { Problem } from '../../http/problem.ts';
import { malformedPresentation } from './challenges.ts';
import type { MercureSettings } from './options.ts';

/** What a request has to show who sends it, and where. */
export interface MercureCredentials {
  readonly carrier: NonNullable<Credential['carrier']>;
  readonly text: string;
}

/**
 * Finds the token of a request: in `Authorization`, else in the query (old dialect), else in a cookie. Undefined if it has none.
 * @throws {Problem} `invalid-parameter` for a token in a form that is not allowed
 */
export function mercureCredentials(
  request: RequestHead,
  { searchParams: query }: URL,
  { dialects, cookies }: MercureSettings,
): MercureCredentials | undefined {
  const header = bearerOf(request, malformedPresentation);
  if (header !== undefined) return { carrier: 'header', text: header };
  const inQuery = query.get('authorization');
  if (inQuery !== null) {
    const isOld = request.method !== 'QUERY' && !isNewDialect(query);
    if (dialects.includes('old') && isOld) return { carrier: 'query', text: inQuery };
    throw tokenInUrl();
  }
  for (const dialect of dialects) {
    const text = cookieOf(request, cookies[dialect]);
    if (text !== undefined) return { carrier: 'cookie', text };
  }
  return undefined;
}

export function tokenInUrl(): Problem {
  return malformedPresentation(
    'The query parameter authorization is not taken here, because URLs end up in logs and histories: send the token as Authorization: Bearer, or in a cookie',
  );
}

/** Whether a query has a name that begins with `match`. */
export function isNewDialect(query: URLSearchParams): boolean {
  return [...query.keys()].some((name) => /^match/i.test(name));
}
