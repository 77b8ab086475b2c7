import { systemClock } from '@tidings/server/live';
import type { JWTPayload, ProtectedHeaderParameters } from 'jose';
import { checkWithoutKey } from './claims.ts';
import { readToken } from './read-token.ts';
import type { TokenKeyOptions } from './options.ts';
import { TokenError } from './token-error.ts';
import { rightsOfToken, TOKEN_TYPES, type TokenGrant } from './token-rights.ts';
import { Tokens } from './tokens.ts';

// Which host it has makes no difference for what is allowed.
const BASE = 'http://localhost/topics/';

/** What is known of a hub that a token is for. */
export interface ExplainOptions {
  /** Its keys. Without any the signature is not checked. */
  readonly keys: readonly TokenKeyOptions[];
  /** @default any */
  readonly issuer?: string | undefined;
  /** @default any */
  readonly audience?: readonly string[] | undefined;
}

/** What a token says, and why a hub would refuse it. */
export interface ExplainedToken {
  readonly header: ProtectedHeaderParameters | undefined;
  readonly claims: JWTPayload | undefined;
  /** What it allows; undefined if that cannot be understood. */
  readonly grant: TokenGrant | undefined;
  /** Why it would be refused; undefined if it would not, as far as could be checked. */
  readonly refusal: string | undefined;
}

/**
 * Explains a token as a hub sees it (PROTOCOL §15).
 * @throws {HubError} (as a rejection) `ERR_INVALID_OPTION` for keys that cannot be used
 */
export async function explainToken(token: string, options: ExplainOptions): Promise<ExplainedToken> {
  try {
    const { header, claims } = readToken(token);
    const known = { header, claims };
    try {
      const verified =
        options.keys.length === 0
          ? checkWithoutKey(claims, header, TOKEN_TYPES, systemClock.time())
          : await tokensToExplain(claims, options).verify(token, { types: TOKEN_TYPES });
      rightsOfToken(verified, BASE);
      return { ...known, grant: claims['tidings'] ?? {}, refusal: undefined };
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      const grant = claims['tidings'];
      const isReadable = typeof grant === 'object' && grant !== null && error.code !== 'malformed';
      return { ...known, grant: isReadable ? grant : undefined, refusal: error.message };
    }
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return { header: undefined, claims: undefined, grant: undefined, refusal: error.message };
  }
}

/** What checks a token as a hub with these keys does. @throws {HubError} `ERR_INVALID_OPTION` */
export function tokensToExplain(claims: JWTPayload, { keys, issuer, audience }: ExplainOptions): Tokens {
  return new Tokens(
    { issuers: [{ keys, issuer, audience: audience ?? audienceOf(claims) }] },
    { clock: systemClock, audience: undefined, warn: () => {} },
  );
}

/** What the token says it is for, if nothing says what it has to be for. */
function audienceOf({ aud }: JWTPayload): readonly string[] {
  const named = Array.isArray(aud) ? aud : [aud ?? ''];
  return named.length === 0 ? [''] : named.map((name) => (name === '' ? '?' : name));
}

/**
 * Checks what a token is to allow, before it is made.
 * @throws {TokenError} `malformed`: a hub would refuse such a token
 */
export function checkGrant(grant: TokenGrant): void {
  const token = { claims: { tidings: grant }, issuer: undefined, subject: undefined, sender: '', id: undefined };
  rightsOfToken({ ...token, issuedAt: undefined, expiresAt: undefined }, BASE);
}
