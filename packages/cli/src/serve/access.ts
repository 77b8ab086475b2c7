import type { AnonymousAccess, HubOptions, MercureDialect, MercureOptions } from '@tidings/hub';
import type { Command } from 'commander';
import {
  AGE,
  ALGORITHM_LIST,
  choiceOption,
  FILE,
  HTTP_URL,
  KEY,
  listOption,
  meaning,
  option,
  ORIGIN,
  SECRET,
  TEXT_VALUE,
  TOLERANCE,
} from '../command-line/option.ts';
import { CliError } from '../errors.ts';
import { type GivenIssuer, issuerOptions } from './issuers.ts';
import { readText } from '../command-line/read-text.ts';

const ANONYMOUS: readonly AnonymousAccess[] = ['none', 'listen', 'publish', 'all'];

/** What the command line says of who may do what. */
export interface AccessOptions {
  readonly key?: readonly string[];
  readonly adminKey?: string;
  readonly anonymous: AnonymousAccess;
  readonly jwtSecret?: string;
  readonly jwtKey?: readonly string[];
  readonly jwksUrl?: readonly string[];
  readonly jwtAlgorithms?: readonly string[];
  readonly jwtIssuer?: string;
  readonly jwtAudience?: readonly string[];
  /** Those of a file. */
  readonly issuers?: readonly GivenIssuer[];
  readonly clockTolerance?: number;
  readonly mercure?: true;
  readonly mercureDialect?: readonly MercureDialect[];
  readonly mercureSubscriptions?: true;
  readonly mercurePublishOrigin?: readonly string[];
  readonly mercureMaxConnection?: number;
}

/** Who may do what, as the hub takes it. */
export type AccessSettings = Pick<HubOptions, 'key' | 'adminKey' | 'tokens'> & { readonly anonymous: AnonymousAccess };

const DIALECTS: readonly MercureDialect[] = ['new', 'old'];

const DIALECT = {
  parse: (text: string): MercureDialect | undefined => DIALECTS.find((dialect) => dialect === text),
  allowed: `one of ${DIALECTS.join(', ')}`,
};

export function addAccessOptions(command: Command): Command {
  return command
    .addOption(
      listOption(
        '--key <key>',
        'key that publishers and listeners need, 16 characters or more (env TIDINGS_KEY). Each of several is taken, so that ' +
          'one can be replaced. Without a key the hub listens on loopback addresses only, unless --anonymous opens it',
        KEY,
      ),
    )
    .addOption(
      option(
        '--admin-key <key>',
        'key of who manages topics and administers the hub (env TIDINGS_ADMIN_KEY), which --key then does not',
        KEY,
      ),
    )
    .addOption(choiceOption('--anonymous <access>', 'what everyone may do without the key', ANONYMOUS).default('none'))
    .addOption(
      option(
        '--jwt-secret <secret>',
        'secret of signed tokens (JWT), 32 bytes or more (48 for HS384, 64 for HS512). Give it as env TIDINGS_JWT_SECRET: others on the machine see the command line',
        SECRET,
      ),
    )
    .addOption(listOption('--jwt-key <file>', 'public key of tokens: a file in PEM, a JWK or a JWKS', FILE))
    .addOption(listOption('--jwks-url <url>', 'URL of the public keys of tokens (JWKS)', HTTP_URL))
    .addOption(
      option(
        '--jwt-algorithms <list>',
        'algorithms that tokens may be signed with, separated by commas (default: those of their keys)',
        ALGORITHM_LIST,
      ),
    )
    .addOption(
      option(
        '--jwt-issuer <name>',
        'who has to have issued a token (iss; default: anyone who has the key)',
        TEXT_VALUE,
      ),
    )
    .addOption(
      listOption(
        '--jwt-audience <name>',
        'what a token has to be for (aud; default: the URL of --public-url)',
        TEXT_VALUE,
      ),
    )
    .addOption(
      meaning(
        option(
          '--clock-tolerance <duration>',
          'how far the clocks of issuer and hub may differ: up to 5m (default: 0s)',
          TOLERANCE,
        ),
        // Without tokens it is refused.
        ({ jwtSecret, jwtKey, jwksUrl, issuers }) =>
          (jwtSecret ?? jwtKey ?? jwksUrl ?? issuers) === undefined ? undefined : '0s',
      ),
    )
    .option('--mercure', 'answer clients of the Mercure protocol, at /.well-known/mercure')
    .addOption(
      listOption('--mercure-dialect <name>', 'dialect of it that is spoken: new, old (default: both)', DIALECT),
    )
    .option('--mercure-subscriptions', 'tell who subscribes there, as private events and documents')
    .addOption(
      listOption(
        '--mercure-publish-origin <origin>',
        'origin whose pages may publish there with a cookie (default: those of --cors-origin)',
        ORIGIN,
      ),
    )
    .addOption(
      option(
        '--mercure-max-connection <duration>',
        'how long a subscriber is connected at most, before it comes back (default: none)',
        AGE,
      ),
    );
}

/** How a hub gets what its users have to show, as the end of a sentence about one that has nothing. */
export const CREDENTIALS =
  'set a key with --key or TIDINGS_KEY, or take tokens (--jwt-key, --jwks-url or TIDINGS_JWT_SECRET)';

/** Reads keys of tokens from their files. @throws {CliError} `ERR_USAGE` */
export function accessSettings(options: AccessOptions): AccessSettings {
  const { anonymous, jwtAlgorithms, jwtIssuer, jwtAudience, clockTolerance } = options;
  const { key, adminKey, jwtSecret: secret } = options;
  const keys = [
    ...(secret === undefined ? [] : [{ secret }]),
    ...(options.jwtKey ?? []).map((file) => ({ text: readText('--jwt-key', file) })),
    ...(options.jwksUrl ?? []).map((url) => ({ url })),
  ];
  const settings = {
    anonymous,
    ...(key === undefined ? {} : { key }),
    ...(adminKey === undefined ? {} : { adminKey }),
  };
  const tolerance = clockTolerance === undefined ? {} : { clockToleranceMs: clockTolerance };
  if (options.issuers) {
    checkAlone(options);
    return { ...settings, tokens: { issuers: issuerOptions(options.issuers), ...tolerance } };
  }
  if (keys.length === 0) {
    const unused = Object.entries({ jwtAlgorithms, jwtIssuer, jwtAudience, clockTolerance }).find(
      ([, value]) => value !== undefined,
    );
    if (unused === undefined) return settings;
    throw new CliError(
      'ERR_USAGE',
      `${flagOf(unused[0])} needs a key of tokens: --jwt-key, --jwks-url or TIDINGS_JWT_SECRET`,
    );
  }
  const issuer = {
    keys,
    ...(jwtIssuer === undefined ? {} : { issuer: jwtIssuer }),
    ...(jwtAlgorithms === undefined ? {} : { algorithms: jwtAlgorithms }),
    ...(jwtAudience === undefined ? {} : { audience: jwtAudience }),
  };
  return { ...settings, tokens: { issuers: [issuer], ...tolerance } };
}

/** How an error names each key of each issuer, in the order of the settings. */
export function keyPlaces({ issuers, jwtSecret, jwtKey, jwksUrl }: AccessOptions): readonly (readonly string[])[] {
  if (issuers) {
    return issuers.map(({ keys }) =>
      keys.map(({ name, value, label }) => (name === 'file' ? `${label} (${JSON.stringify(value)})` : label)),
    );
  }
  const shown = (flag: string, values: readonly string[] = []): readonly string[] =>
    values.map((value) => `${flag} ${JSON.stringify(value)}`);
  return [
    [
      ...(jwtSecret === undefined ? [] : ['--jwt-secret']),
      ...shown('--jwt-key', jwtKey),
      // The hub tells the URL, without its query.
      ...(jwksUrl ?? []).map(() => '--jwks-url'),
    ],
  ];
}

/** Refuses options of one issuer beside the issuers of a file. @throws {CliError} `ERR_USAGE` */
function checkAlone({ jwtSecret, jwtKey, jwksUrl, jwtAlgorithms, jwtIssuer, jwtAudience }: AccessOptions): void {
  const single = { jwtSecret, jwtKey, jwksUrl, jwtAlgorithms, jwtIssuer, jwtAudience };
  const found = Object.entries(single).find(([, value]) => value !== undefined);
  if (found === undefined) return;
  throw new CliError(
    'ERR_USAGE',
    `${flagOf(found[0])} is for one issuer of tokens, and cannot be used with the issuers of --config: give it to one of them`,
  );
}

function flagOf(attribute: string): string {
  return `--${attribute.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The face for clients of Mercure; undefined if there is none. @throws {CliError} `ERR_USAGE` */
export function mercureSettings(options: AccessOptions): MercureOptions | undefined {
  const { mercureDialect, mercureSubscriptions, mercurePublishOrigin, mercureMaxConnection } = options;
  if (options.mercure === true) {
    return {
      subscriptions: mercureSubscriptions === true,
      ...(mercureDialect === undefined ? {} : { dialects: [...new Set(mercureDialect)] }),
      ...(mercurePublishOrigin === undefined ? {} : { publishOrigins: mercurePublishOrigin }),
      // One without an end is the default.
      ...(mercureMaxConnection === undefined || mercureMaxConnection === Infinity
        ? {}
        : { maxConnectionMs: mercureMaxConnection }),
    };
  }
  const others = { mercureDialect, mercureSubscriptions, mercurePublishOrigin, mercureMaxConnection };
  const unused = Object.entries(others).find(([, value]) => value !== undefined);
  if (unused === undefined) return undefined;
  throw new CliError('ERR_USAGE', `${flagOf(unused[0])} needs --mercure`);
}

/** Whether anybody is kept out by more than an address. */
export function hasCredentials({ key, adminKey, tokens }: AccessSettings): boolean {
  return (key ?? adminKey ?? tokens) !== undefined;
}
