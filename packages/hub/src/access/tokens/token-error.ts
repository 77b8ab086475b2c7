/**
 * Why a token is refused:
 * - `malformed`: it is no signed token, or a claim that says what it allows is malformed;
 * - `algorithm`: its algorithm is not one of those that its key may be used with;
 * - `type`, `issuer`, `audience`: it is of another type, from another issuer, or for somebody else;
 * - `key`, `signature`: none of the keys can check it, or its signature is wrong;
 * - `expired`, `early`: its time is over, or has not come;
 * - `revoked`: it was revoked;
 * - `unavailable`: the keys of its issuer cannot be got at present.
 */
export type TokenErrorCode =
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'issuer'
  | 'audience'
  | 'key'
  | 'signature'
  | 'expired'
  | 'early'
  | 'revoked'
  | 'unavailable';

/** Why a token is refused, in a sentence that may be shown to its sender. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly code: TokenErrorCode;

  constructor(code: TokenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
