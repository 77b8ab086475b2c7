import type { Selection } from '@tidings/server/log';
import { URLPattern as URLPatternPolyfill } from 'urlpattern-polyfill';
import { Problem } from '../../http/problem.ts';
import { checkTopic } from './topic.ts';

// Node has URLPattern of its own from 23.8 on.
const Pattern = (globalThis.URLPattern ?? URLPatternPolyfill) as typeof URLPatternPolyfill;

// A pattern compiles to a regular expression and comes from strangers. Two wildcards, one name per path segment and no
// expressions of the listener's own keep the matching of a topic at worst quadratic in its 1,024 bytes.
const MAX_PATTERN_LENGTH = 1024;
const MAX_WILDCARDS = 2;

/** What a listener asks for with its matchers (PROTOCOL §3.4). @throws {Problem} `invalid-parameter`, `invalid-topic` */
export function selectionOf(
  topics: readonly string[],
  patterns: readonly string[],
  base: string,
  includePrivate: boolean,
): Selection {
  const exact = { topics: [...new Set(topics.map(checkTopic))], private: includePrivate };
  if (patterns.length === 0) return exact;
  const compiled = patterns.map((pattern) => compile(pattern, base));
  return { ...exact, test: (topic) => compiled.some((pattern) => pattern.test(topic, base)) };
}

function compile(pattern: string, base: string): URLPatternPolyfill {
  const refuse = (why: string, cause?: unknown): Problem =>
    new Problem('invalid-parameter', `The URL pattern ${JSON.stringify(pattern)} is not allowed: ${why}`, { cause });
  if (pattern.length > MAX_PATTERN_LENGTH) throw refuse(`it is longer than ${MAX_PATTERN_LENGTH} characters`);
  if (pattern.includes('(')) throw refuse('it has a regular expression of its own');
  if ((pattern.match(/[*+]/g)?.length ?? 0) > MAX_WILDCARDS)
    throw refuse(`it has more than ${MAX_WILDCARDS} wildcards`);
  if (pattern.split('/').some((segment) => (segment.match(/:[A-Za-z_$]/g)?.length ?? 0) > 1)) {
    throw refuse('a path segment has more than one name');
  }
  try {
    return new Pattern(pattern, base);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error), error);
  }
}
