import type { Rights } from '@tidings/server';
import { checkTopic, compilePattern, type Matcher, type TopicSet } from '@tidings/server/log';
import { TokenError } from './token-error.ts';
import { shownClaim, shownJson, type VerifiedToken } from './claims.ts';

/** The type of the hub's own tokens (RFC 9068). */
export const TOKEN_TYPES: readonly string[] = ['at+jwt'];

const MAX_MATCHERS = 100;

/** What the claim `tidings` of a token has. */
export interface TokenGrant {
  /** What its sender may publish to: topics as texts, `"*"` for all of them, and `{"pattern": …}` for URL patterns. @default nothing */
  readonly publish?: readonly TokenMatcher[];
  /** What its sender may listen to, private events included. @default nothing */
  readonly listen?: readonly TokenMatcher[];
  /** The topics of which its sender may see who listens to them, as far as it may listen to them itself. @default nothing */
  readonly presence?: readonly TokenMatcher[];
  /** Whether its sender may administer the hub, see who listens to all topics it may listen to, and manage all topics. @default false */
  readonly admin?: boolean;
}

export type TokenMatcher = string | { readonly pattern: string };

const NAMES: ReadonlySet<string> = new Set(['publish', 'listen', 'presence', 'admin'] satisfies (keyof TokenGrant)[]);

/**
 * The rights of a token by its claim `tidings` (PROTOCOL §15).
 * @param base the URL that patterns are resolved against
 * @throws {TokenError} `malformed`: a token of which a part cannot be understood allows nothing
 */
export function rightsOfToken(token: VerifiedToken, base: string): Rights {
  const { claims, sender, expiresAt } = token;
  const grant = claims['tidings'] ?? {};
  if (!isRecord(grant)) throw malformed('is no object');
  const unknown = Object.keys(grant).find((name) => !NAMES.has(name));
  if (unknown !== undefined)
    throw malformed(`has the unknown member ${shownClaim(unknown)}; allowed are ${[...NAMES].join(', ')}`);
  const { admin = false } = grant;
  if (typeof admin !== 'boolean') throw malformed('has a member admin that is neither true nor false');
  const listen = topicsOf('listen', grant['listen'], base);
  return {
    allow: true,
    subject: sender,
    listen,
    publish: topicsOf('publish', grant['publish'], base),
    presence: presenceOf(admin, grant['presence'], base),
    private: listen,
    admin,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    // It is the subject that has so many listeners, wherever they are.
    key: `subject ${sender}`,
    credential: credentialOf(token),
  };
}

/** Who administers the hub has it for all topics, as long as its token does not name some. */
function presenceOf(admin: boolean, matchers: unknown, base: string): TopicSet {
  return admin && matchers === undefined ? 'all' : topicsOf('presence', matchers, base);
}

/** How rights say which token they are of. */
export function credentialOf({ id, issuer, issuedAt = 0 }: VerifiedToken): NonNullable<Rights['credential']> {
  // One that does not say when it was issued counts as issued before everything.
  return { id, issuer, issuedAt };
}

function topicsOf(name: string, matchers: unknown, base: string): TopicSet {
  if (matchers === undefined) return [];
  if (!Array.isArray(matchers)) throw malformed(`has a member ${name} that is no array`);
  if (matchers.length > MAX_MATCHERS) throw malformed(`has more than ${MAX_MATCHERS} matchers in ${name}`);
  const topics = matchers.map((matcher: unknown, index) => matcherOf(`${name} (number ${index + 1})`, matcher, base));
  return topics.includes('*') ? 'all' : topics;
}

function matcherOf(name: string, matcher: unknown, base: string): Matcher {
  try {
    if (typeof matcher === 'string') {
      checkTopic(matcher);
      return matcher;
    }
    if (isRecord(matcher) && typeof matcher['pattern'] === 'string' && Object.keys(matcher).length === 1) {
      const pattern = { pattern: matcher['pattern'], base };
      compilePattern(pattern);
      return pattern;
    }
  } catch (cause) {
    throw malformed(`has a matcher in ${name} that is not allowed${because(cause)}`, { cause });
  }
  throw malformed(`has a matcher in ${name}, ${shownJson(matcher)}, that is neither a text nor {"pattern": …}`);
}

/** Why a topic or a pattern is not allowed, which the message of the cause shows in whole. */
export function because(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  const { message } = cause;
  return `: ${message.length > 256 ? `${message.slice(0, 96)} … ${message.slice(-128)}` : message}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(what: string, options?: ErrorOptions): TokenError {
  return new TokenError('malformed', `The claim tidings of the token ${what}`, options);
}
