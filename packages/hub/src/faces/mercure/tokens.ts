import type { Rights } from '@tidings/server';
import { systemClock } from '@tidings/server/live';
import { type TopicSet, URI_TEMPLATE } from '@tidings/server/log';
import { checkWithoutKey, type VerifiedToken } from '../../access/tokens/claims.ts';
import { type ExplainedToken, type ExplainOptions, tokensToExplain } from '../../access/tokens/explain.ts';
import { readToken } from '../../access/tokens/read-token.ts';
import { TokenError } from '../../access/tokens/token-error.ts';
import type { TokenMatcher } from '../../access/tokens/token-rights.ts';
import type { TokenRules } from '../../access/tokens/tokens.ts';
import { ROOT } from './addresses.ts';
import { dialectOfClaims, rightsOfClaim, rightsOfDetails } from './grants.ts';
import type { MercureDialect } from './options.ts';

const AT_JWT = 'at+jwt';

/** Whether the header of a token has the type of the new dialect. */
export function hasType(typ: unknown): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === AT_JWT;
}

/** What a dialect asks of a token. @param hub the URL of the hub */
export function rulesOf(dialect: MercureDialect, hub: string): TokenRules {
  return dialect === 'new' ? { types: [AT_JWT], audience: [hub] } : { isStrict: false };
}

/** What a token of a dialect allows. @param hub the URL of the hub @throws {TokenError} `malformed` */
export function rightsOfMercure(token: VerifiedToken, dialect: MercureDialect, hub: string): Rights {
  return dialect === 'new' ? rightsOfDetails(token, hub) : rightsOfClaim(token);
}

/** What a token says to a hub that answers clients of Mercure, and why that would refuse it. */
export interface ExplainedMercureToken extends Omit<ExplainedToken, 'grant'> {
  readonly dialect: MercureDialect;
  /** What it allows; undefined if that cannot be understood. */
  readonly grant:
    | {
        readonly publish: readonly TokenMatcher[];
        /** The topics whose private updates its sender gets. */
        readonly subscribe: readonly TokenMatcher[];
        /** Whether its sender may subscribe to public updates, where not everyone may. */
        readonly listens: boolean;
      }
    | undefined;
}

/**
 * Explains a token as a hub with the face `mercure()` sees it (PROTOCOL §16.5). Undefined for a text that has no claim of that protocol.
 * @throws {HubError} (as a rejection) `ERR_INVALID_OPTION` for keys that cannot be used
 */
export async function explainMercureToken(
  text: string,
  options: ExplainOptions,
): Promise<ExplainedMercureToken | undefined> {
  const read = readOrNothing(text);
  const dialect = read && dialectOfClaims(read.claims, hasType(read.header.typ));
  if (!read || !dialect) return undefined;
  const { header, claims } = read;
  try {
    const [hub = ''] = options.audience ?? [claims.aud ?? []].flat();
    const base = URL.canParse(hub) ? hub : `http://localhost${ROOT}`;
    const rules = rulesOf(dialect, base);
    // It shows what it allows also if it does not hold.
    const allowed = rightsOfMercure(checkWithoutKey(claims, header, undefined, 0, 'any'), dialect, base);
    const { listen, publish, private: subscribe } = allowed;
    const grant = { publish: shown(publish), subscribe: shown(subscribe), listens: listen === 'all' };
    const known = { dialect, header, claims, grant };
    try {
      if (dialect === 'new') checkAudience([claims.aud ?? []].flat(), options);
      if (options.keys.length > 0) await tokensToExplain(claims, options).verify(text, rules);
      else checkWithoutKey(claims, header, rules.types, systemClock.time());
      return { ...known, refusal: undefined };
    } catch (error) {
      if (error instanceof TokenError) return { ...known, refusal: error.message };
      throw error;
    }
  } catch (error) {
    if (error instanceof TokenError) return { dialect, header, claims, grant: undefined, refusal: error.message };
    throw error;
  }
}

/** @throws {TokenError} `audience` if it is for no hub of this protocol, as far as nothing else is said */
function checkAudience(named: readonly string[], { audience }: ExplainOptions): void {
  if (audience !== undefined || named.some((name) => name.endsWith(ROOT))) return;
  throw new TokenError(
    'audience',
    `The token is not for a hub of Mercure (aud): it has to be for its URL, which ends in ${ROOT}, unless the hub has another audience`,
  );
}

function readOrNothing(text: string): ReturnType<typeof readToken> | undefined {
  try {
    return readToken(text);
  } catch {
    return undefined;
  }
}

/** A template is two matchers, and told once. */
function shown(topics: TopicSet = []): readonly TokenMatcher[] {
  if (topics === 'all') return ['*'];
  return topics
    .filter((matcher) => typeof matcher === 'string' || matcher.base !== URI_TEMPLATE)
    .map((matcher) => (typeof matcher === 'string' ? matcher : { pattern: matcher.pattern }));
}
