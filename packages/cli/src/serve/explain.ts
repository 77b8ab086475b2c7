import { HubError } from '@tidings/hub';
import type { LmdbError } from '@tidings/lmdb';
import { CliError } from '../errors.ts';

/** Where settings come from that the hub knows by other names. */
export interface Places {
  /** The file that has the issuers of tokens; undefined if options name the one. */
  readonly issuersIn: string | undefined;
  /** How an error names each key of each issuer. */
  readonly keyPlaces: readonly (readonly string[])[];
}

/** The options of the hub, by the names that they have here. */
const FLAGS: Readonly<Record<string, string>> = {
  publicUrl: '--public-url',
  trustedProxies: '--trusted-proxies',
  proxyHeader: '--proxy-header',
  allowedOrigins: '--cors-origin',
  key: '--key',
  adminKey: '--admin-key',
  anonymous: '--anonymous',
  'tokens.clockToleranceMs': '--clock-tolerance',
};

/** What a hub says of its options, by the names that they have here. */
function asOptions(message: string, { issuersIn, keyPlaces }: Places): string {
  const advice =
    issuersIn === undefined
      ? 'use --public-url or --jwt-audience'
      : `use --public-url, or give each of the issuers in ${issuersIn} an audience`;
  return message
    .replace('give the hub its publicUrl, or the issuer its audience', advice)
    .replace(/ \(tokens\.issuers\.(\d+)\)$/, ` (issuers[$1] in ${issuersIn})`)
    .replace(
      /^The option tokens\.issuers\.(\d+)\.keys\.(\d+)/,
      (found, issuer: string, key: string) => keyPlaces[Number(issuer)]?.[Number(key)] ?? found,
    )
    .replace(/^The option tokens\.issuers\.(\d+)\.(\w+)/, (_, issuer: string, name: string) =>
      issuersIn === undefined ? `--jwt-${name}` : `issuers[${issuer}].${name} in ${issuersIn}`,
    )
    .replace(/^The option ([\w.]+)/, (found, name: string) => FLAGS[name] ?? found);
}

/** Why a hub cannot be started, by the names of the command, if that is why it failed. */
export function explained(error: unknown, places: Places): unknown {
  return error instanceof HubError || isLmdbError(error) ? explain(error, places) : error;
}

/** Its package is not loaded for this. */
function isLmdbError(error: unknown): error is LmdbError {
  return error instanceof Error && error.name === 'LmdbError';
}

function explain(error: HubError | LmdbError, places: Places): CliError {
  const { code } = error;
  const message = asOptions(error.message, places);
  switch (code) {
    case 'ERR_INVALID_OPTION':
    case 'ERR_NOT_LOOPBACK':
      return new CliError('ERR_USAGE', `cannot start the hub: ${message}`, { cause: error });
    case 'ERR_DATA_IN_USE':
      return new CliError(
        'ERR_DATA',
        `cannot start the hub: ${message}: stop that one, or choose another folder with --data`,
        { cause: error },
      );
    case 'ERR_DATA_FOLDER':
    case 'ERR_DATA_DAMAGED':
    case 'ERR_DATA_FORMAT':
    case 'ERR_NOT_TRIMMED':
      return new CliError('ERR_DATA', `cannot start the hub: ${message}; choose another folder with --data`, {
        cause: error,
      });
  }
}
