import { decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from 'jose';
import { TokenError } from './token-error.ts';

// A token that is longer is no token: header fields have to fit it.
const MAX_TOKEN_LENGTH = 16 * 1024;

/** Reads a token without trust in it. @throws {TokenError} `malformed` */
export function readToken(token: string): { readonly header: ProtectedHeaderParameters; readonly claims: JWTPayload } {
  try {
    if (token.length <= MAX_TOKEN_LENGTH) return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    // The message could show a part of it.
  }
  throw new TokenError('malformed', 'What was sent as a token is no signed token (JWT)');
}
