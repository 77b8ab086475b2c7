import { compilePatterns, type Matcher } from '@tidings/server/log';
import { Problem } from '../../http/problem.ts';
import { checkTopic } from './topic.ts';

/** The names of the query parameters that select topics (PROTOCOL §3.4). */
export const MATCHERS: readonly string[] = ['match', 'match_urlpattern'];

/**
 * What a listener asks for with its matchers, each once.
 * @param base what relative patterns, and topics that are tested against patterns, are resolved against
 * @throws {Problem} `too-many-matchers`, `invalid-topic` @throws {ServerError} `ERR_INVALID_PATTERN`
 */
export function matchersOf(query: URLSearchParams, base: string, maxMatchers: number): Matcher[] {
  const topics = query.getAll('match');
  const patterns = query.getAll('match_urlpattern');
  const count = topics.length + patterns.length;
  if (count > maxMatchers) {
    throw new Problem('too-many-matchers', `The request has ${count} matchers; at most ${maxMatchers} are allowed`);
  }
  const exact = [...new Set(topics)].map(checkTopic);
  const matching = [...new Set(patterns)].toSorted().map((pattern) => ({ pattern, base }));
  compilePatterns(matching);
  return [...exact, ...matching];
}
