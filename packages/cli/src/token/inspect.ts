import { text } from 'node:stream/consumers';
import {
  type ExplainedMercureToken,
  type ExplainedToken,
  type ExplainOptions,
  explainMercureToken,
  explainToken,
  HubError,
  type TokenKeyOptions,
} from '@tidings/hub';
import { CliError } from '../errors.ts';
import { print, visible } from '../terminal/output.ts';
import { describeGrant, describeMercure } from './describe.ts';
import { readText } from '../command-line/read-text.ts';
import { secretFromEnvironment } from './keys.ts';

export interface TokenToInspect {
  readonly secret?: string;
  readonly jwtKey?: readonly string[];
  readonly issuer?: string;
  readonly audience?: readonly string[];
}

/**
 * Prints what a token allows, and why a hub would refuse it. The exit code is 1 if it would.
 * @param given undefined for standard input
 * @throws {CliError} `ERR_USAGE`, `ERR_REFUSED` if a hub would refuse it
 */
export async function inspectToken(given: string | undefined, options: TokenToInspect): Promise<void> {
  const token = (given ?? (await text(process.stdin))).trim();
  const { issuer, audience } = options;
  const secret = options.secret ?? secretFromEnvironment();
  const keys: TokenKeyOptions[] = [
    ...(secret === undefined ? [] : [{ secret }]),
    ...(options.jwtKey ?? []).map((file) => ({ text: readText('--jwt-key', file) })),
  ];
  const places = [
    ...(secret === undefined ? [] : ['the secret']),
    ...(options.jwtKey ?? []).map((file) => `--jwt-key ${JSON.stringify(file)}`),
  ];
  const explained = await explain(token, { keys, issuer, audience }, places);
  const { header, claims, refusal } = explained;
  const time = (seconds: unknown): string =>
    typeof seconds === 'number' && Math.abs(seconds) < 8.64e12 ? new Date(seconds * 1000).toISOString() : 'no time';
  const rows: readonly (readonly [string, unknown])[] = [
    ['Subject', claims?.sub],
    ['Issuer', claims?.iss],
    ['For', Array.isArray(claims?.aud) ? claims.aud.join(', ') : claims?.aud],
    ['Id', claims?.jti],
    ['Issued', claims?.iat === undefined ? undefined : time(claims.iat)],
    ['Not before', claims?.nbf === undefined ? undefined : time(claims.nbf)],
    ['Expires', claims?.exp === undefined ? undefined : time(claims.exp)],
    [
      'Signed',
      header === undefined
        ? undefined
        : `${header.alg ?? 'by nothing'}${header.kid === undefined ? '' : `, key ${header.kid}`}`,
    ],
    ['Dialect', 'dialect' in explained ? `Mercure, ${explained.dialect}` : undefined],
    ['Allows', allowedBy(explained)],
  ];
  const known = rows.filter(([, value]) => value !== undefined);
  await print(known.map(([name, value]) => `${name.padEnd(11)}${visible(String(value))}\n`).join(''));
  if (refusal !== undefined) throw new CliError('ERR_REFUSED', `a hub would refuse it: ${refusal}`);
  const taken = 'dialect' in explained ? 'A hub with this key and --mercure takes it' : 'A hub with this key takes it';
  await print(
    keys.length === 0
      ? 'Its signature was not checked: give its secret as TIDINGS_JWT_SECRET, or a public key with --jwt-key\n'
      : `${taken}\n`,
  );
}

function allowedBy(explained: ExplainedToken | ExplainedMercureToken): string | undefined {
  if (!explained.grant) return undefined;
  return `to ${'dialect' in explained ? describeMercure(explained.grant) : describeGrant(explained.grant)}`;
}

/** @param places how an error names each of the keys @throws {CliError} `ERR_USAGE` for a key that cannot be used */
async function explain(
  token: string,
  options: ExplainOptions,
  places: readonly string[],
): Promise<ExplainedToken | ExplainedMercureToken> {
  try {
    const explained = await explainToken(token, options);
    // One with a claim of the hub's own is for its other faces.
    const isOwn = explained.claims?.['tidings'] !== undefined;
    return (isOwn ? undefined : await explainMercureToken(token, options)) ?? explained;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    const message = error.message.replace(
      /^The option tokens\.issuers\.0\.keys\.(\d+)/,
      (found, key: string) => places[Number(key)] ?? found,
    );
    throw new CliError('ERR_USAGE', message, { cause: error });
  }
}
