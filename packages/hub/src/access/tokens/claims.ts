import { errors, type JWTPayload, type ProtectedHeaderParameters } from 'jose';
import { senderOf } from './sender.ts';
import { TokenError } from './token-error.ts';
import { ALGORITHMS } from './verify-key.ts';

/** A token whose signature, issuer, audience and time hold. */
export interface VerifiedToken {
  readonly claims: JWTPayload;
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  /** Who sends it, by a name that no other sender has: made of its subject, or else of what there is. */
  readonly sender: string;
  /** Its claim `jti`. */
  readonly id: string | undefined;
  /** Milliseconds since 1970. */
  readonly issuedAt: number | undefined;
  /** When it is taken no more, with the tolerance, in milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

// What names an issuer, a subject or a token, in characters.
const MAX_NAME_LENGTH = 512;

// The end of the year 9999. A later time is one in milliseconds: a token with such an end would never end.
const MAX_SECONDS = 253_402_300_799;

const TIMES = ['iat', 'nbf', 'exp'] as const;

/** Checks the type of a token. @throws {TokenError} `type` */
export function checkType(type: unknown, allowed: readonly string[] | undefined): void {
  const plain = typeof type === 'string' ? type.toLowerCase().replace(/^application\//, '') : undefined;
  if (allowed === undefined || (plain !== undefined && allowed.includes(plain))) return;
  const found =
    plain === undefined ? 'The token has no type (typ)' : `The type of the token (typ) is ${shownClaim(String(type))}`;
  throw new TokenError('type', `${found}, but must be ${allowed.join(' or ')}`);
}

/** Every value of `alg` that a hub takes: that of Ed25519 has two names (RFC 9864). */
const TAKEN: ReadonlySet<string> = new Set([...ALGORITHMS, 'Ed25519']);

/** Checks what no key can make right in the header of a token. @throws {TokenError} `algorithm`, `malformed` */
function checkHeader({ alg, crit, b64 }: ProtectedHeaderParameters): void {
  if (typeof alg !== 'string' || !TAKEN.has(alg)) {
    const found =
      typeof alg === 'string'
        ? `The algorithm of the token (alg) is ${shownClaim(alg)}, which no hub takes`
        : 'The token has no algorithm (alg)';
    throw new TokenError('algorithm', `${found}; allowed are ${ALGORITHMS.join(', ')}`);
  }
  if (crit === undefined) return;
  // A hub has to understand each of them (RFC 7515, 4.1.11), and of a token this one has to be true (RFC 7797, 7).
  if (Array.isArray(crit) && crit.length > 0 && crit.every((name) => name === 'b64') && b64 === true) return;
  throw new TokenError(
    'malformed',
    `The token has the critical parameters (crit) ${shownClaim([crit].flat().join(', '))}, which no hub knows`,
  );
}

/**
 * What can be checked of a token without its key.
 * @param types the types that it may have, and then needs an end; undefined for any
 * @param time milliseconds since 1970
 * @param until 'any' if it may be of any time
 * @throws {TokenError}
 */
export function checkWithoutKey(
  claims: JWTPayload,
  header: ProtectedHeaderParameters,
  types: readonly string[] | undefined,
  time: number,
  until?: 'any',
): VerifiedToken {
  checkType(header.typ, types);
  const token = verified(claims, { tolerance: 0, isOneOfSeveral: false });
  if (until === 'any') return token;
  checkHeader(header);
  const { exp, nbf } = claims;
  if (exp === undefined && types !== undefined)
    throw new TokenError('malformed', 'The token has no exp, which it needs');
  if (exp !== undefined && exp * 1000 <= time) throw new TokenError('expired', 'The token has expired (exp)');
  if (nbf !== undefined && nbf * 1000 > time) throw new TokenError('early', 'The token is not valid yet (nbf)');
  return token;
}

/**
 * Reads the claims that every token has.
 * @param tolerance seconds
 * @param isOneOfSeveral whether there are several issuers
 * @throws {TokenError} `malformed`
 */
export function verified(
  claims: JWTPayload,
  { tolerance, isOneOfSeveral }: { readonly tolerance: number; readonly isOneOfSeveral: boolean },
): VerifiedToken {
  const { iss: issuer, sub: subject, jti: id, iat, exp } = claims;
  for (const name of ['iss', 'sub', 'jti'] as const) checkName(name, claims[name]);
  for (const name of TIMES) checkTime(name, claims[name]);
  const ms = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000);
  return {
    claims,
    issuer,
    subject,
    sender: senderOf({ issuer, subject, id }, isOneOfSeveral),
    id,
    issuedAt: ms(iat),
    expiresAt: ms(exp === undefined ? exp : exp + tolerance),
  };
}

function checkName(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value.length <= MAX_NAME_LENGTH)) return;
  throw new TokenError('malformed', `The token has a ${name} that is no text of at most ${MAX_NAME_LENGTH} characters`);
}

function checkTime(name: (typeof TIMES)[number], value: unknown): void {
  if (value === undefined) return;
  const found = `The token has ${name === 'nbf' ? 'a' : 'an'} ${name}`;
  if (typeof value !== 'number' || !(value >= 0 && value <= MAX_SECONDS * 1000)) {
    throw new TokenError('malformed', `${found} that is no time in seconds since 1970`);
  }
  if (value <= MAX_SECONDS) return;
  throw new TokenError(
    'malformed',
    `${found} of ${value}, which can only be milliseconds, but has to be seconds since 1970: divide it by 1000`,
  );
}

/**
 * Why a token is refused whose claims jose did not take.
 * @param audience what it has to be for
 */
export function refusalOf(error: unknown, audience: readonly string[]): TokenError {
  const options = { cause: error };
  if (error instanceof errors.JWTExpired) return new TokenError('expired', 'The token has expired (exp)', options);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason, payload } = error;
    if (claim === 'aud' && reason !== 'missing') {
      return new TokenError(
        'audience',
        `The token is not for this hub (aud): it has to be for ${audience.join(' or ')}`,
        options,
      );
    }
    if (reason === 'missing') return new TokenError('malformed', `The token has no ${claim}, which it needs`, options);
    try {
      for (const name of TIMES) checkTime(name, payload[name]);
    } catch (malformed) {
      if (malformed instanceof TokenError) return malformed;
    }
    if (claim === 'nbf') return new TokenError('early', 'The token is not valid yet (nbf)', options);
  }
  return new TokenError('malformed', 'What was sent as a token is no signed token (JWT)', options);
}

/** What a token says may be of any length. */
export function shownClaim(text: string): string {
  return JSON.stringify(shortened(text));
}

/** A value of a claim as an error shows it, which an issuer may have made as long as it likes. */
export function shownJson(value: unknown): string {
  return typeof value === 'string' ? shownClaim(value) : shortened(JSON.stringify(value) ?? 'none');
}

function shortened(text: string): string {
  return text.length > 128 ? `${text.slice(0, 64)}…` : text;
}
