import type { Rights } from '@tidings/server';
import { isTemplate, type Matcher, type TopicSet, TopicTest, URI_TEMPLATE } from '@tidings/server/log';
import { TokenError } from '../../access/tokens/token-error.ts';
import { shownJson, type VerifiedToken } from '../../access/tokens/claims.ts';
import { because, credentialOf } from '../../access/tokens/token-rights.ts';

import { Problem } from '../../http/problem.ts';
import type { MercureDialect } from './options.ts';

/** What a token of this protocol says beside its rights. */
export interface Grant {
  readonly dialect: MercureDialect;
  /** What the subscriptions of its sender to a matcher say about the sender. */
  payloadOf(match: string): unknown;
  /** The types of its details if none is of this protocol; undefined for others. */
  readonly strangeTypes?: readonly unknown[] | undefined;
}

/** The type of the details of a token that are this protocol's. */
export const DETAIL_TYPE = 'https://mercure.rocks/authorization-detail';

/** The names of the claim of the old dialect. */
const OLD_CLAIMS: readonly string[] = ['mercure', 'https://mercure.rocks/'];

// A stranger cannot make a token, but who makes them may put in what users have entered. These bound what one costs.
const MAX_DETAILS = 100;
const MAX_MATCHERS = 100;
const MAX_MATCH_LENGTH = 1024;
// It is repeated in an event for each matcher of a listener.
const MAX_PAYLOAD_LENGTH = 4096;

const grants = new WeakMap<Rights, Grant>();

/** The grant of rights that a token of this protocol has given. */
export function grantOf(rights: Rights): Grant | undefined {
  return grants.get(rights);
}

/**
 * Refuses rights of a token whose details are all of other types, which this protocol ignores.
 * @throws {Problem} `forbidden`
 */
export function requireOwnDetails(rights: Rights, allowed: TopicSet | undefined): void {
  const types = grantOf(rights)?.strangeTypes;
  if (!types || allowed === 'all' || (allowed?.length ?? 0) > 0) return;
  const found = types.slice(0, 3).map((type) => shownJson(type));
  const more = types.length > found.length ? ' and others' : '';
  throw new Problem(
    'forbidden',
    `The token allows nothing here: its authorization_details ${found.length === 0 ? 'are empty' : `are of the type ${found.join(', ')}${more}`}, and none is of ${DETAIL_TYPE}`,
  );
}

/**
 * The dialect of a token's claims; undefined if they are the hub's own.
 * @param isTyped whether its header has the type of the new dialect: of a token with the claims of both, that decides
 */
export function dialectOfClaims(
  claims: Readonly<Record<string, unknown>>,
  isTyped: boolean,
): MercureDialect | undefined {
  const isNew = claims['authorization_details'] !== undefined;
  const isOld = OLD_CLAIMS.some((name) => claims[name] !== undefined);
  if (isNew && (isTyped || !isOld)) return 'new';
  return isOld ? 'old' : undefined;
}

/**
 * The rights of a token by its claim `authorization_details`.
 * @param base the URL that patterns are resolved against
 * @throws {TokenError} `malformed`: a token of which a part cannot be understood allows nothing
 */
export function rightsOfDetails(token: VerifiedToken, base: string): Rights {
  const all = token.claims['authorization_details'] ?? [];
  if (!Array.isArray(all)) throw malformed('authorization_details is no array');
  const details = all
    .filter((detail: unknown): detail is Record<string, unknown> => isRecord(detail) && detail['type'] === DETAIL_TYPE)
    .map((detail) => readDetail(detail, base));
  if (details.length > MAX_DETAILS) throw malformed(`authorization_details has more than ${MAX_DETAILS} details`);
  const topicsFor = (action: string): TopicSet =>
    joined(details.filter(({ actions }) => actions.includes(action)).map(({ topics }) => topics));
  const subscribing = details.filter(({ actions }) => actions.includes('subscribe'));
  return rightsOf(token, details.length > 0, topicsFor('publish'), topicsFor('subscribe'), {
    dialect: 'new',
    payloadOf: (match) => subscribing.find(({ test }) => test.has(match))?.payload,
    strangeTypes: details.length > 0 ? undefined : all.map((each: unknown) => (isRecord(each) ? each['type'] : each)),
  });
}

interface Detail {
  readonly actions: readonly unknown[];
  readonly topics: TopicSet;
  readonly test: TopicTest;
  readonly payload: unknown;
}

function readDetail({ actions, topics, payload }: Record<string, unknown>, base: string): Detail {
  if (!Array.isArray(actions) || actions.length === 0 || !actions.every((action) => typeof action === 'string')) {
    throw malformed('a detail has no actions, or actions that are no texts');
  }
  if (!Array.isArray(topics) || topics.length === 0) throw malformed('a detail has no topics');
  checkPayload(payload);
  const set = setOf(topics.map((entry: unknown) => entryOf(entry, base)));
  return { actions, topics: set, test: compiled(set), payload };
}

function entryOf(entry: unknown, base: string): Matcher {
  const { match, match_type: type = 'exact' } = isRecord(entry) ? entry : {};
  checkMatch(match);
  if (type === 'exact' || match === '*') {
    if (type === 'exact' || type === 'urlpattern') return match;
  } else if (type === 'urlpattern') return { pattern: match, base };
  throw malformed(`a topic of a detail has the match_type ${shownJson(type)}; known are exact and urlpattern`);
}

/** The rights of a token by its claim `mercure`. @throws {TokenError} `malformed` */
export function rightsOfClaim(token: VerifiedToken): Rights {
  const name = OLD_CLAIMS.find((each) => token.claims[each] !== undefined);
  const claim = name === undefined ? {} : token.claims[name];
  if (!isRecord(claim)) throw malformed('mercure is no object');
  const { payload } = claim;
  checkPayload(payload);
  const [publish, subscribe] = ['publish', 'subscribe'].map((action) => setOf(selectorsOf(claim[action] ?? [])));
  return rightsOf(token, name !== undefined, publish ?? [], subscribe ?? [], {
    dialect: 'old',
    payloadOf: () => payload,
  });
}

function selectorsOf(selectors: unknown): readonly Matcher[] {
  if (!Array.isArray(selectors)) throw malformed('publish or subscribe is no array');
  return selectors.flatMap((selector: unknown) => {
    checkMatch(selector);
    return selectorOf(selector);
  });
}

/** What a topic selector of the old dialect matches: the topic with its very text, and what it can be expanded to if it is a URI template. */
export function selectorOf(selector: string): readonly Matcher[] {
  return isTemplate(selector) ? [selector, { pattern: selector, base: URI_TEMPLATE }] : [selector];
}

function rightsOf(
  token: VerifiedToken,
  isGranted: boolean,
  publish: TopicSet,
  subscribe: TopicSet,
  grant: Grant,
): Rights {
  const { subject, sender, expiresAt } = token;
  for (const topics of [publish, subscribe]) compiled(topics);
  const rights: Rights = {
    allow: true,
    subject: sender,
    // Public events are for whoever is let in. A token that was made for something else lets nobody in.
    listen: isGranted ? 'all' : [],
    publish,
    private: subscribe,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    // It is the subject that has so many listeners, wherever they are. Of tokens without one many may have the same.
    ...(subject === undefined ? {} : { key: `subject ${sender}` }),
    credential: credentialOf(token),
  };
  grants.set(rights, grant);
  return rights;
}

/** The same rights with other members, and the same grant. */
export function changedRights(rights: Rights, members: Partial<Rights>): Rights {
  const changed = { ...rights, ...members };
  const grant = grants.get(rights);
  if (grant) grants.set(changed, grant);
  return changed;
}

function joined(sets: readonly TopicSet[]): TopicSet {
  return sets.includes('all') ? 'all' : setOf(sets.flatMap((set) => (set === 'all' ? [] : set)));
}

function setOf(matchers: readonly Matcher[]): TopicSet {
  if (matchers.includes('*')) return 'all';
  // A template counts once, and is two matchers.
  const count = matchers.filter((matcher) => typeof matcher === 'string' || matcher.base !== URI_TEMPLATE).length;
  if (count > MAX_MATCHERS) throw malformed(`it has more than ${MAX_MATCHERS} topics for an action`);
  return matchers;
}

function compiled(topics: TopicSet): TopicTest {
  try {
    return new TopicTest(topics);
  } catch (cause) {
    throw malformed(`a topic of it is a pattern that is not allowed${because(cause)}`, { cause });
  }
}

function checkMatch(match: unknown): asserts match is string {
  if (typeof match !== 'string' || match === '') throw malformed('a topic of it has no text to match');
  if (match.length > MAX_MATCH_LENGTH) throw malformed(`a topic of it has more than ${MAX_MATCH_LENGTH} characters`);
}

function checkPayload(payload: unknown): void {
  if (payload === undefined || JSON.stringify(payload).length <= MAX_PAYLOAD_LENGTH) return;
  throw malformed(`its payload has more than ${MAX_PAYLOAD_LENGTH} characters`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(what: string, options?: ErrorOptions): TokenError {
  return new TokenError(
    'malformed',
    `The token says what it allows in a form that is not understood: ${what}`,
    options,
  );
}
