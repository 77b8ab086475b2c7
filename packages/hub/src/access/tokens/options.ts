import { shown } from '@tidings/server/log';
import { checkNames, HubError } from '../../errors.ts';
import { ALGORITHMS } from './verify-key.ts';

/** Where keys are that check tokens. Exactly one member is given. */
export interface TokenKeyOptions {
  /** A secret that the hub shares with who makes tokens: 32 bytes or more, 48 for HS384 and 64 for HS512. */
  readonly secret?: string | undefined;
  /** The text of one or more public keys or certificates in PEM, of a JWK or of a JWKS. Private and secret ones are refused. */
  readonly text?: string | undefined;
  /**
   * The URL of a JWKS, of https. It is asked again after ten minutes, and at most every 30 seconds for a key that is not known. If it cannot be reached, the
   * keys that it gave last are used for up to 24 hours.
   */
  readonly url?: string | undefined;
}

/** Whose tokens a hub takes. */
export interface TokenIssuerOptions {
  /**
   * The claim `iss` of its tokens, usually a URL. Without it only one issuer can be given, and its tokens may name any. Of several, none has `#` or white space, because
   * senders are named by issuer and subject. @default any
   */
  readonly issuer?: string | undefined;
  readonly keys: readonly TokenKeyOptions[];
  /** The algorithms that its tokens may be signed with. A key is used with those that are meant for its kind alone. @default those of its keys */
  readonly algorithms?: readonly string[] | undefined;
  /** What the claim `aud` of its tokens must have one of. A URL that ends in a slash, or has no path, stands for both forms. @default the public URL of the hub */
  readonly audience?: string | readonly string[] | undefined;
}

/** How a hub decides rights by signed tokens (JWT, PROTOCOL §15). */
export interface TokenOptions {
  /** One or more. A key checks the tokens of its own issuer alone. */
  readonly issuers: readonly TokenIssuerOptions[];
  /** How far the clocks of issuer and hub may differ, in milliseconds: 0 to 300000. @default 0 */
  readonly clockToleranceMs?: number | undefined;
  /** The name of the cookie in which pages of the hub's own site may send a token. @default 'tidings_token' */
  readonly cookie?: string | undefined;
}

const NAMES: Readonly<Record<keyof TokenOptions, true>> = { issuers: true, clockToleranceMs: true, cookie: true };
const ISSUER_NAMES: Readonly<Record<keyof TokenIssuerOptions, true>> = {
  issuer: true,
  keys: true,
  algorithms: true,
  audience: true,
};
const KEY_NAMES: Readonly<Record<keyof TokenKeyOptions, true>> = { secret: true, text: true, url: true };

const MAX_TOLERANCE_MS = 300_000;

/** Checks options of tokens. @throws {HubError} `ERR_INVALID_OPTION` */
export function checkTokenOptions(options: TokenOptions): void {
  checkNames('tokens.', options, NAMES);
  const { issuers, clockToleranceMs = 0, cookie = 'a' } = options;
  if (!Array.isArray(issuers) || issuers.length === 0)
    throw invalid('issuers', issuers, 'an array of one or more issuers');
  if (!(Number.isInteger(clockToleranceMs) && clockToleranceMs >= 0 && clockToleranceMs <= MAX_TOLERANCE_MS)) {
    throw invalid('clockToleranceMs', clockToleranceMs, `a whole number from 0 to ${MAX_TOLERANCE_MS}`);
  }
  if (typeof cookie !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(cookie))
    throw invalid('cookie', cookie, 'the name of a cookie');
  const names = new Set<string | undefined>();
  for (const [index, issuer] of (issuers as readonly TokenIssuerOptions[]).entries()) {
    checkIssuer(`issuers.${index}.`, issuer);
    if (names.has(issuer.issuer))
      throw invalid(`issuers.${index}.issuer`, issuer.issuer, 'another one than that of the issuers before it');
    names.add(issuer.issuer);
  }
  if (issuers.length === 1) return;
  for (const [index, name] of [...names].entries()) {
    if (name === undefined)
      throw invalid('issuers', 'several, one of them without a name', 'issuers that each have the option issuer');
    // The subject `b#c` of an issuer `a` would be taken for the subject `c` of one called `a#b`. The URL of an issuer has no fragment (RFC 8414, 2).
    if (/[#\s]/.test(name))
      throw invalid(`issuers.${index}.issuer`, name, 'a text without # and white space, as there are several issuers');
  }
}

function checkIssuer(prefix: string, options: TokenIssuerOptions): void {
  checkNames(`tokens.${prefix}`, options, ISSUER_NAMES);
  const { issuer, keys, algorithms, audience } = options;
  if (issuer !== undefined && !isText(issuer)) throw invalid(`${prefix}issuer`, issuer, 'a text');
  if (!Array.isArray(keys) || keys.length === 0) throw invalid(`${prefix}keys`, keys, 'an array of one or more keys');
  for (const [index, key] of (keys as readonly TokenKeyOptions[]).entries()) {
    const name = `${prefix}keys.${index}`;
    checkNames(`tokens.${name}.`, key, KEY_NAMES);
    const given = Object.values(key).filter((value) => value !== undefined);
    // Not what is given: it may be a secret.
    if (given.length !== 1 || !isText(given[0]))
      throw invalid(name, 'something else', 'an object with one text as secret, text or url');
  }
  const unknown = algorithms?.find((name) => !ALGORITHMS.includes(name));
  if (unknown !== undefined || algorithms?.length === 0) {
    throw invalid(`${prefix}algorithms`, unknown ?? 'empty', `one or more of ${ALGORITHMS.join(', ')}`);
  }
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience ?? 'default'];
  if (audiences.length === 0 || !audiences.every(isText))
    throw invalid(`${prefix}audience`, audience, 'a text or an array of texts');
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function invalid(name: string, found: unknown, allowed: string): HubError {
  return new HubError('ERR_INVALID_OPTION', `The option tokens.${name} is ${shown(found)}, but must be ${allowed}`);
}
