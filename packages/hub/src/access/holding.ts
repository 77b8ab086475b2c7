import type { Rights } from '@tidings/server';
import { Problem } from '../http/problem.ts';
import { problemOfToken } from './refusal.ts';
import type { Revocations } from './revocations.ts';
import { TokenError } from './tokens/token-error.ts';

/**
 * Refuses rights that do not hold any more.
 * @param time milliseconds since 1970
 * @throws {Problem} `unauthorized` for those of a token, `forbidden` for others
 */
export function requireHolding(rights: Rights, revocations: Revocations | undefined, time: number): void {
  if (revocations?.covers(rights)) throw problemOfToken(revoked());
  if (rights.expiresAt === undefined || rights.expiresAt > time) return;
  if (rights.credential) throw problemOfToken(new TokenError('expired', 'The token has expired (exp)'));
  throw new Problem('forbidden', 'The rights of this request have expired');
}

/** The refusal of a token that was revoked. */
export function revoked(): TokenError {
  return new TokenError('revoked', 'The token has been revoked');
}
