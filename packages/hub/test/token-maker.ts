import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'https://hub.example/';
export const SECRET = 'a secret of at least thirty-two bytes';

export interface TokenParts {
  /** Claims beside or in place of the usual ones. One that is undefined is left out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: KeyObject | Uint8Array;
}

/** A token that a hub of the tests takes, unless its parts say otherwise. */
export async function makeToken(tidings: unknown, { claims = {}, header = {}, key }: TokenParts = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: ISSUER, aud: AUDIENCE, sub: 'ann', jti: 'token-1', iat: now, exp: now + 3600, tidings };
  const all = Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined);
  const heads = Object.entries({ alg: 'HS256', typ: 'at+jwt', ...header }).filter(([, value]) => value !== undefined);
  return await new SignJWT(Object.fromEntries(all) as JWTPayload)
    .setProtectedHeader(Object.fromEntries(heads) as { alg: string })
    .sign(key ?? Buffer.from(SECRET));
}

/** A token whose parts are put together by hand, as only an attacker does it. */
export function forge(header: object, claims: object, signature = ''): string {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Public keys in PEM, with their private ones, of every kind. */
export const KEY_PAIRS = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519'),
};

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}
