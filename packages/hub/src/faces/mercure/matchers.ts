import { counted, type Matcher, MAX_NAME_BYTES, type TopicSet } from '@tidings/server/log';
import { Problem } from '../../http/problem.ts';
import { subscriptionPath } from './addresses.ts';
import { isNewDialect } from './credentials.ts';
import { selectorOf } from './grants.ts';
import { checkVisible } from './names.ts';
import type { MercureDialect, MercureSettings } from './options.ts';

/** The types of matchers of the new dialect. */
export const MATCH_TYPES = ['exact', 'urlpattern'] as const;

/** One matcher of a subscriber, as it named it. */
export interface Asked {
  /** Undefined in the old dialect. */
  readonly type: (typeof MATCH_TYPES)[number] | undefined;
  readonly match: string;
}

/** What a request to subscribe asks for. */
export interface Request {
  readonly dialect: MercureDialect;
  readonly asked: readonly Asked[];
  readonly topics: TopicSet;
}

const TYPES: Readonly<Record<string, Asked['type']>> = {
  match: 'exact',
  match_exact: 'exact',
  match_urlpattern: 'urlpattern',
};

/**
 * Reads the matchers of a subscriber. Patterns are not compiled yet.
 * @param hub the URL of the hub, which patterns are resolved against
 * @throws {Problem} `invalid-parameter`, `too-many-matchers`
 */
export function readMatchers(query: URLSearchParams, hub: string, max: number, settings: MercureSettings): Request {
  const isNew = isNewDialect(query);
  if (isNew && query.has('topic')) {
    throw invalid('The query has topic, of the old dialect, and match, of the new one: use one of them');
  }
  if (!isNew && !query.has('topic')) throw invalid(`Nothing says what to subscribe to: ${howTo(settings)}`);
  const dialect = isNew ? 'new' : 'old';
  if (!settings.dialects.includes(dialect)) {
    throw invalid(`The dialect of this query is not spoken here: ${howTo(settings)}`);
  }
  const asked = isNew ? newMatchers(query) : query.getAll('topic').map((match) => ({ type: undefined, match }));
  if (asked.length > max) {
    throw new Problem('too-many-matchers', `The request has ${counted(asked.length, 'matcher')}; the limit is ${max}`);
  }
  for (const { match } of asked) {
    if (match === '') throw invalid('A matcher is empty');
    checkVisible('matcher', match, 'invalid-parameter');
  }
  if (settings.subscriptions) checkPath(asked, hub);
  return { dialect, asked, topics: topicsOf(asked, hub) };
}

function howTo({ dialects }: MercureSettings): string {
  const ways = { new: 'name topics with match, or patterns with match_urlpattern', old: 'name topics with topic' };
  return dialects.map((dialect) => ways[dialect]).join('; or ');
}

function newMatchers(query: URLSearchParams): readonly Asked[] {
  const asked: Asked[] = [];
  for (const [name, match] of query) {
    if (!/^match/i.test(name)) continue;
    const type = TYPES[name];
    if (type) asked.push({ type, match });
    else {
      const found = JSON.stringify(name.slice(0, 64));
      throw invalid(`There is no kind of matcher ${found}; allowed are ${Object.keys(TYPES).join(', ')}`);
    }
  }
  return asked;
}

function topicsOf(asked: readonly Asked[], base: string): TopicSet {
  if (asked.some(({ match }) => match === '*')) return 'all';
  const exact = asked.filter(({ type }) => type !== 'urlpattern').map(({ match }) => match);
  const selectors = asked.filter(({ type }) => type === undefined).flatMap(({ match }) => selectorOf(match));
  const patterns = asked.filter(({ type }) => type === 'urlpattern').map(({ match }) => match);
  const others: Matcher[] = selectors.filter((matcher) => typeof matcher !== 'string');
  return [...new Set(exact), ...[...new Set(patterns)].toSorted().map((pattern) => ({ pattern, base })), ...others];
}

/** The path of a subscription is a topic, so it can only be as long as one. */
function checkPath(asked: readonly Asked[], hub: string): void {
  for (const { type, match } of asked) {
    const path = subscriptionPath(hub, [...(type ? [type] : []), match, SAMPLE]);
    if (path.length <= MAX_NAME_BYTES) continue;
    throw invalid(`A matcher is too long: with it, the path of its subscription has ${path.length} characters`);
  }
}

// Every subscriber has an id of this length.
const SAMPLE = 'urn:uuid:00000000-0000-4000-8000-000000000000';

function invalid(detail: string): Problem {
  return new Problem('invalid-parameter', detail);
}
