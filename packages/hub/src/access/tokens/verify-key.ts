import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { counted, shown } from '@tidings/server/log';

/** Why a key cannot be used: what completes the sentence "the option has …". */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

/** A key that checks signatures, with what it may be used for. */
export interface VerifyKey {
  /** Its name in a set of keys (`kid`). */
  readonly id: string | undefined;
  /** The algorithms of JWS that it may be used with, and no others: no key can be taken for one of another kind. */
  readonly algorithms: ReadonlySet<string>;
  readonly key: KeyObject;
}

const HASHES = ['256', '384', '512'] as const;
const HMAC = HASHES.map((bits) => `HS${bits}`);
const RSA = [...HASHES.map((bits) => `RS${bits}`), ...HASHES.map((bits) => `PS${bits}`)];

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** Every algorithm that a token may be signed with. */
export const ALGORITHMS: readonly string[] = [...HMAC, ...RSA, ...Object.values(CURVES), 'EdDSA'];

// Of HS256 (RFC 7518, 3.2).
const MIN_SECRET_BYTES = 32;
const MIN_RSA_BITS = 2048;

/** How many bytes a secret needs for an algorithm: as many as its hash has (RFC 7518, 3.2). Undefined for one without a secret. */
export function minSecretBytes(algorithm: string): number | undefined {
  return HMAC.includes(algorithm) ? Number(algorithm.slice(2)) / 8 : undefined;
}

/**
 * A secret that issuer and hub share.
 * @throws {KeyError}
 */
export function secretKey(secret: string): VerifyKey {
  const bytes = Buffer.from(secret);
  if (bytes.length < MIN_SECRET_BYTES) {
    throw invalid(
      `a secret of ${counted(bytes.length, 'byte')}, but a secret needs ${MIN_SECRET_BYTES} or more, 48 for HS384 and 64 for HS512: whoever guesses it can make tokens`,
    );
  }
  const usable = HMAC.filter((name) => bytes.length >= (minSecretBytes(name) ?? Infinity));
  return { id: undefined, algorithms: new Set(usable), key: createSecretKey(bytes) };
}

/**
 * Reads the keys of a text: one or more public keys or certificates in PEM, a JWK or a JWKS.
 * @throws {KeyError} also for private and secret keys, which public ones were asked for
 */
export function readKeys(text: string): readonly VerifyKey[] {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    const { keys, refused } = readKeySet(parseJson(trimmed));
    for (const error of refused) throw error;
    if (keys.length === 0) throw invalid('a JWKS without a key for signatures, but must have one or more');
    return keys;
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(trimmed)) throw privateKey();
  const blocks = trimmed.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? [];
  if (blocks.length === 0)
    throw invalid('a text that is neither PEM nor JSON; allowed are public keys in PEM, a JWK and a JWKS');
  return blocks.map((block) => publicKey(read(() => createPublicKey(block))));
}

/** The keys of a JWKS. */
export interface KeySet {
  readonly keys: readonly VerifyKey[];
  /** Why others were left out that are private or secret, and so should not be there. */
  readonly refused: readonly KeyError[];
}

/**
 * Reads a JWK, or the keys of a JWKS. Keys of a set that are not for signatures or of an unknown kind are left out (RFC 7517, 5).
 * @throws {KeyError}
 */
export function readKeySet(json: unknown): KeySet {
  if (typeof json !== 'object' || json === null) throw invalid(`${shown(json)}; allowed are a JWK and a JWKS`);
  if (!('keys' in json)) return { keys: [keyOfJwk(json as JsonWebKey)], refused: [] };
  if (!Array.isArray(json.keys)) throw invalid('a JWKS whose keys are no array');
  const keys: VerifyKey[] = [];
  const refused: KeyError[] = [];
  for (const each of json.keys as readonly unknown[]) {
    if (typeof each !== 'object' || each === null) continue;
    const jwk = each as JsonWebKey;
    const unsafe = unsafeIn(jwk);
    try {
      if (unsafe) refused.push(unsafe);
      else keys.push(keyOfJwk(jwk));
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
    }
  }
  return { keys, refused };
}

/** Why a key should not be where public keys are. */
function unsafeIn({ kty, d }: JsonWebKey): KeyError | undefined {
  if (kty === 'oct') {
    return invalid(
      'a secret (a JWK of the kind oct), but must have public keys: who reads them could make tokens. Give a secret as one',
    );
  }
  return d === undefined ? undefined : privateKey();
}

function privateKey(): KeyError {
  return invalid(
    'a private key, but the hub only checks tokens: give it the public key, and keep the private one where tokens are made',
  );
}

/** Why a key is for something else; undefined if it is for signatures. */
function otherUseOf({ use, key_ops: operations }: JsonWebKey): string | undefined {
  if (use !== undefined && use !== 'sig') return `use is ${shown(use)}`;
  if (operations === undefined || (Array.isArray(operations) && operations.includes('verify'))) return undefined;
  return 'key_ops has no "verify"';
}

function keyOfJwk(jwk: JsonWebKey): VerifyKey {
  const unsafe = unsafeIn(jwk);
  if (unsafe) throw unsafe;
  const otherUse = otherUseOf(jwk);
  if (otherUse !== undefined) throw invalid(`a key that is not for checking signatures: its ${otherUse}`);
  const id = typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined;
  const bound = typeof jwk['alg'] === 'string' ? [jwk['alg']] : undefined;
  return publicKey(
    read(() => createPublicKey({ key: jwk, format: 'jwk' })),
    id,
    bound,
  );
}

function publicKey(key: KeyObject, id?: string, bound?: readonly string[]): VerifyKey {
  const fitting = algorithmsOf(key);
  return { id, algorithms: new Set(bound ? fitting.filter((name) => bound.includes(name)) : fitting), key };
}

/** Which key it is, and of what kind. */
export function describeKey({ id, algorithms }: VerifyKey): string {
  const usable = `one for ${[...algorithms].join(', ') || 'no algorithm that a hub takes'}`;
  return id === undefined ? usable : `${shown(id)} (${usable})`;
}

function algorithmsOf(key: KeyObject): readonly string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return ['EdDSA', 'Ed25519'];
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS) throw invalid(`an RSA key of ${bits} bits, but ${MIN_RSA_BITS} are the least`);
    return RSA;
  }
  const curve = type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
  if (curve !== undefined) return [curve];
  throw invalid(
    `a key of the kind ${details?.namedCurve ?? type ?? 'unknown'}; allowed are RSA, P-256, P-384, P-521 and Ed25519`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not its message, which may show a part of a secret.
    throw invalid('a text that begins like JSON and is none');
  }
}

function read(make: () => KeyObject): KeyObject {
  try {
    return make();
  } catch (cause) {
    throw new KeyError('a key that cannot be read', { cause });
  }
}

function invalid(found: string): KeyError {
  return new KeyError(found);
}
