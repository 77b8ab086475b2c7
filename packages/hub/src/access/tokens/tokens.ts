import type { Clock } from '@tidings/server/live';
import { counted } from '@tidings/server/log';
import { errors, jwtVerify, type ProtectedHeaderParameters } from 'jose';
import { HubError } from '../../errors.ts';
import { checkType, refusalOf, shownClaim, verified, type VerifiedToken } from './claims.ts';
import { checkTokenOptions, type TokenIssuerOptions, type TokenKeyOptions, type TokenOptions } from './options.ts';
import { readToken } from './read-token.ts';
import { RemoteKeys } from './remote-keys.ts';
import { TokenError } from './token-error.ts';
import { describeKey, KeyError, minSecretBytes, readKeys, secretKey, type VerifyKey } from './verify-key.ts';

/** What a dialect of claims asks of a token beside its signature. */
export interface TokenRules {
  /** The values that its header `typ` may have, in lower case and without `application/`. @default any, and none */
  readonly types?: readonly string[] | undefined;
  /** Whether it must have `exp`, and `iss` and `aud` that the hub takes. @default true */
  readonly isStrict?: boolean | undefined;
  /** The values of `aud` that are taken where the issuer's options name none. @default the public URL of the hub */
  readonly audience?: readonly string[] | undefined;
}

interface Issuer {
  readonly name: string | undefined;
  readonly keys: readonly VerifyKey[];
  readonly remote: readonly RemoteKeys[];
  readonly algorithms: ReadonlySet<string> | undefined;
  readonly audience: readonly string[] | undefined;
}

// Keys without names are tried one after another.
const MAX_TRIES = 16;

export interface TokensHost {
  readonly clock: Clock;
  /** What tokens have to be for if nothing else is said; undefined if the hub has no public URL. */
  readonly audience: string | undefined;
  /** Is told why keys of an issuer could not be got, or were left out. */
  readonly warn: (about: object, message: string) => void;
}

/** Checks signed tokens (JWT) by the keys of their issuers. */
export class Tokens {
  readonly #issuers: readonly Issuer[];
  readonly #tolerance: number;
  readonly #host: TokensHost;

  /** @throws {HubError} `ERR_INVALID_OPTION` */
  constructor(options: TokenOptions, host: TokensHost) {
    checkTokenOptions(options);
    this.#host = host;
    const { issuers } = options;
    this.#issuers = issuers.map((issuer, index) => this.#issuerOf(issuer, index, issuers.length));
    this.#tolerance = (options.clockToleranceMs ?? 0) / 1000;
  }

  /** The issuers whose tokens are taken, by their names. */
  get issuers(): readonly string[] {
    return this.#issuers.flatMap(({ name }) => name ?? []);
  }

  /** How far the clocks of issuer and hub may differ, in milliseconds. */
  get toleranceMs(): number {
    return this.#tolerance * 1000;
  }

  /** @throws {TokenError} (as a rejection) */
  async verify(token: string, rules: TokenRules = {}): Promise<VerifiedToken> {
    const { header, claims } = readToken(token);
    checkType(header.typ, rules.types);
    const { isStrict = true } = rules;
    const issuer = this.#findIssuer(claims.iss, isStrict);
    const { keys, missing } = await keysFor(issuer, header);
    const audience = issuer.audience ?? rules.audience ?? [this.#host.audience ?? ''];
    const taken = audience.flatMap(withAndWithoutSlash);
    for (const { key, algorithms } of keys.slice(0, MAX_TRIES)) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [...algorithms],
          clockTolerance: this.#tolerance,
          currentDate: new Date(this.#host.clock.time()),
          ...(isStrict ? { audience: taken, requiredClaims: ['exp', 'aud'] } : {}),
        });
        return verified(payload, { tolerance: this.#tolerance, isOneOfSeveral: this.#issuers.length > 1 });
      } catch (error) {
        if (error instanceof TokenError) throw error;
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw refusalOf(error, audience);
      }
    }
    throw missing ?? new TokenError('signature', 'The signature of the token is not of a key of its issuer');
  }

  #findIssuer(name: unknown, isStrict: boolean): Issuer {
    const found = this.#issuers.find((issuer) => issuer.name === undefined || issuer.name === name);
    const [only] = this.#issuers;
    // Old tokens name no issuer.
    if (found ?? (!isStrict && name === undefined && this.#issuers.length === 1 && only))
      return (found ?? only) as Issuer;
    const what =
      typeof name === 'string'
        ? `The issuer of the token (iss) is ${shownClaim(name)}`
        : 'The token names no issuer (iss)';
    throw new TokenError('issuer', `${what}, whose tokens this hub does not take`);
  }

  #issuerOf({ issuer: name, keys, algorithms, audience }: TokenIssuerOptions, index: number, count: number): Issuer {
    const { clock, warn } = this.#host;
    if (audience === undefined && this.#host.audience === undefined) {
      throw new HubError(
        'ERR_INVALID_OPTION',
        `Tokens have to say that they are for this hub (aud), and nothing says what that is: give the hub its publicUrl, or the issuer its audience${count === 1 ? '' : ` (tokens.issuers.${index})`}`,
      );
    }
    const own: VerifyKey[] = [];
    const remote: RemoteKeys[] = [];
    for (const [number, key] of keys.entries()) {
      try {
        own.push(...keysOf(key, algorithms));
        if (key.url === undefined) continue;
        remote.push(new RemoteKeys(key.url, clock, (about, what) => warn({ issuer: name, ...about }, what)));
      } catch (error) {
        if (!(error instanceof KeyError)) throw error;
        const option = `tokens.issuers.${index}.keys.${number}`;
        throw new HubError('ERR_INVALID_OPTION', `The option ${option} has ${error.message}`, { cause: error });
      }
    }
    return {
      name,
      keys: own,
      remote,
      algorithms: algorithms && new Set(algorithms),
      audience: typeof audience === 'string' ? [audience] : audience,
    };
  }
}

/** The keys that options have themselves: of several, those that can be used with the algorithms. @throws {KeyError} if none can be */
function keysOf({ secret, text }: TokenKeyOptions, algorithms: readonly string[] | undefined): readonly VerifyKey[] {
  const keys = secret !== undefined ? [secretKey(secret)] : text === undefined ? [] : readKeys(text);
  if (algorithms === undefined) return keys;
  const fitting = keys.filter((key) => algorithms.some((each) => key.algorithms.has(each)));
  if (fitting.length > 0 || keys.length === 0) return fitting;
  const what = keys.length === 1 ? 'a key' : 'no key';
  const can = keys.length === 1 ? 'cannot' : 'can';
  const needed = secret === undefined ? undefined : algorithms.map(minSecretBytes).find((bytes) => bytes !== undefined);
  const why =
    needed === undefined
      ? secret === undefined
        ? `; found ${keys.map(describeKey).join(', ')}`
        : ''
      : `, which needs a secret of ${counted(needed, 'byte')} or more`;
  throw new KeyError(`${what} that ${can} be used with ${algorithms.join(', ')}${why}`);
}

/** A URL that ends in a slash, or has no path, is named with its last slash and without it: people write both. */
function withAndWithoutSlash(name: string): readonly string[] {
  if (/^https?:\/\/[^/?#]+$/i.test(name)) return [name, `${name}/`];
  return /^https?:\/\/[^/?#][^?#]*\/$/i.test(name) ? [name, name.slice(0, -1)] : [name];
}

/** The keys that may have signed a token. */
interface FoundKeys {
  readonly keys: readonly VerifyKey[];
  /** Why other keys of the issuer cannot be got, if they cannot. */
  readonly missing: TokenError | undefined;
}

/** Finds the keys that may have signed a token: of those that it may be signed with by its algorithm, the one that it names, or all that have no name. */
async function keysFor(issuer: Issuer, { alg, kid }: ProtectedHeaderParameters): Promise<FoundKeys> {
  const isAllowed = alg !== undefined && issuer.algorithms?.has(alg) !== false;
  const fits = (key: VerifyKey): boolean =>
    isAllowed && key.algorithms.has(alg) && (kid === undefined || key.id === undefined || key.id === kid);
  const isKnown = (keys: readonly VerifyKey[]): boolean => keys.some(fits);
  const asked =
    isAllowed && alg !== 'none' ? await Promise.all(issuer.remote.map((keys) => askRemote(keys, isKnown))) : [];
  const missing = asked.find((each) => each instanceof TokenError);
  const all = [...issuer.keys, ...asked.flatMap((each) => (each instanceof TokenError ? [] : each))];
  const keys = all.filter(fits).map((key) => ({ ...key, algorithms: new Set([alg ?? '']) }));
  if (keys.length > 0) return { keys, missing };
  if (missing) throw missing;
  if (all.some(({ algorithms }) => alg !== undefined && isAllowed && algorithms.has(alg))) {
    throw new TokenError('key', `The token names a key (kid) that its issuer does not have`);
  }
  const needed = isAllowed && all.some(({ key }) => key.type === 'secret') ? minSecretBytes(alg) : undefined;
  const why =
    needed === undefined
      ? 'which no key of its issuer is for'
      : `which needs a secret of ${counted(needed, 'byte')} or more, and that of its issuer is shorter`;
  throw new TokenError('algorithm', `The algorithm of the token (alg) is ${shownClaim(alg ?? 'missing')}, ${why}`);
}

/** Keys at a URL, or why they cannot be got: others of the issuer may do. */
async function askRemote(
  remote: RemoteKeys,
  isKnown: (keys: readonly VerifyKey[]) => boolean,
): Promise<readonly VerifyKey[] | TokenError> {
  try {
    return await remote.find(isKnown);
  } catch (error) {
    if (error instanceof TokenError) return error;
    throw error;
  }
}
