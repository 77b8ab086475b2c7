import { createPrivateKey, createSecretKey, type KeyObject } from 'node:crypto';
import { parseValue, SECRET } from '../command-line/option.ts';
import { readText } from '../command-line/read-text.ts';
import { variable } from '../command-line/variable.ts';
import { CliError } from '../errors.ts';

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/** How many bytes a secret needs for an algorithm (PROTOCOL §15.2). */
const SECRET_BYTES: ReadonlyMap<string, number> = new Map([
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
]);

export interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: string;
}

/** What a token is signed with. @throws {CliError} `ERR_USAGE` */
export function signingKey(options: {
  readonly secret?: string;
  readonly privateKey?: string;
  readonly algorithm?: string;
}): SigningKey {
  const { privateKey, algorithm } = options;
  const secret = options.secret ?? (privateKey === undefined ? secretFromEnvironment() : undefined);
  if (secret !== undefined && privateKey !== undefined) {
    throw new CliError('ERR_USAGE', '--secret cannot be used with --private-key, because a token has one signature');
  }
  if (secret !== undefined) return secretKey(secret, algorithm);
  if (privateKey === undefined) {
    throw new CliError(
      'ERR_USAGE',
      'a token has to be signed: set TIDINGS_JWT_SECRET, or give a key with --private-key',
    );
  }
  const key = readPrivateKey(privateKey);
  const fitting = algorithmsOf(key);
  if (algorithm === undefined || fitting.includes(algorithm)) return { key, algorithm: algorithm ?? fitting[0] ?? '' };
  throw new CliError(
    'ERR_USAGE',
    `--algorithm is "${algorithm}", but the key of --private-key can only sign with ${fitting.join(', ')}`,
  );
}

/** The secret that the environment has. @throws {CliError} `ERR_USAGE` */
export function secretFromEnvironment(): string | undefined {
  const secret = variable('TIDINGS_JWT_SECRET');
  return secret === undefined ? undefined : parseValue('TIDINGS_JWT_SECRET', secret, SECRET);
}

function readPrivateKey(file: string): KeyObject {
  const text = readText('--private-key', file);
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new CliError(
      'ERR_USAGE',
      `--private-key is ${JSON.stringify(file)}, which holds no private key in PEM without a passphrase`,
      {
        cause: error,
      },
    );
  }
}

/** @throws {CliError} `ERR_USAGE` for an algorithm that no hub takes with this secret */
function secretKey(secret: string, algorithm = 'HS256'): SigningKey {
  const bytes = Buffer.from(secret);
  const needed = SECRET_BYTES.get(algorithm);
  if (needed === undefined) {
    throw new CliError(
      'ERR_USAGE',
      `--algorithm is "${algorithm}", but a secret can only sign with ${[...SECRET_BYTES.keys()].join(', ')}: give a key with --private-key`,
    );
  }
  if (bytes.length >= needed) return { key: createSecretKey(bytes), algorithm };
  throw new CliError(
    'ERR_USAGE',
    `--algorithm is ${algorithm}, which needs a secret of ${needed} bytes or more, and this one has ${bytes.length}: a hub would refuse the token`,
  );
}

/** What a private key can sign with; the first is usual. @throws {CliError} `ERR_USAGE` for a key that no hub takes */
function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    if (bits >= 2048) return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    throw new CliError('ERR_USAGE', `--private-key has an RSA key of ${bits} bits, but 2048 are the least`);
  }
  if (type === 'ed25519') return ['EdDSA'];
  const curve = CURVES[details?.namedCurve ?? ''];
  if (curve !== undefined) return [curve];
  throw new CliError(
    'ERR_USAGE',
    `--private-key has a key of the kind ${details?.namedCurve ?? type ?? 'unknown'}; allowed are RSA, P-256, P-384, P-521 and Ed25519`,
  );
}
