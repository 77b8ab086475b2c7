import { counted, type Matcher } from '@tidings/server/log';
import { Problem } from '../../http/problem.ts';
import { checkTopic } from './bodies/checks.ts';

/** The names of the query parameters that select topics (PROTOCOL §3.4). */
export const MATCHERS: readonly string[] = ['match', 'match_urlpattern'];

/**
 * Reads the matchers of a listener, each once. The patterns are not compiled yet.
 * @param base the URL against which relative patterns and tested topics are resolved
 * @throws {Problem} `too-many-matchers`, `invalid-topic`
 */
export function matchersOf(query: URLSearchParams, base: string, maxMatchers: number): Matcher[] {
  const topics = query.getAll('match');
  const patterns = query.getAll('match_urlpattern');
  const count = topics.length + patterns.length;
  if (count > maxMatchers) {
    throw new Problem('too-many-matchers', `The request has ${counted(count, 'matcher')}; the limit is ${maxMatchers}`);
  }
  const exact = [...new Set(topics)].map(checkTopic);
  const matching = [...new Set(patterns)].toSorted().map((pattern) => ({ pattern, base }));
  return [...exact, ...matching];
}
