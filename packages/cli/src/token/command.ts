import { Command } from 'commander';
import {
  ALGORITHM,
  FILE,
  listOption,
  option,
  SECRET,
  TEXT_VALUE,
  TOKEN_LIFE,
  TOKEN_NAME,
} from '../command-line/option.ts';
import { variable } from '../command-line/variable.ts';
import { unknownCommand } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';
import { signingKey } from './keys.ts';
import type { TokenToMake } from './make.ts';

const HELP = `
Examples:
  export TIDINGS_JWT_SECRET=$(openssl rand -hex 32)
  tidings token --subject web --listen news --audience https://example.com/events/
  tidings token --subject jobs --publish-pattern 'jobs/:id' --expires 30d --private-key signing.pem
  tidings token --subject ops --admin --publish '*' --listen '*' --expires 10m
  tidings token inspect eyJ…`;

/** The options of the command, from which its action finds the key and the audience. */
type MakeOptions = Omit<TokenToMake, 'key' | 'algorithm' | 'audience'> & {
  readonly audience?: readonly string[];
  readonly secret?: string;
  readonly privateKey?: string;
  readonly algorithm?: string;
};

interface InspectOptions {
  readonly secret?: string;
  readonly jwtKey?: readonly string[];
  readonly issuer?: string;
  readonly audience?: readonly string[];
}

/** `tidings token`, which makes tokens, with `tidings token inspect`. */
export function tokenCommand(): Command {
  const command = new Command('token')
    .summary('make a token for a hub, or explain one')
    .description(
      'Prints a signed token (JWT) that says what its sender may do at a hub, and until when. It asks no hub.',
    )
    .helpCommand(false)
    .argument('[words...]')
    .usage('[options]')
    .addOption(listOption('--publish <topic>', 'topic to publish to, or "*" for all', TEXT_VALUE))
    .addOption(listOption('--publish-pattern <pattern>', 'URL pattern of topics to publish to', TEXT_VALUE))
    .addOption(
      listOption('--listen <topic>', 'topic to listen to, private events included, or "*" for all', TEXT_VALUE),
    )
    .addOption(listOption('--listen-pattern <pattern>', 'URL pattern of topics to listen to', TEXT_VALUE))
    .addOption(
      listOption(
        '--presence <topic>',
        'topic that it listens to and may see who else does, or "*" for all',
        TEXT_VALUE,
      ),
    )
    .addOption(listOption('--presence-pattern <pattern>', 'URL pattern of such topics', TEXT_VALUE))
    .option('--admin', 'let it manage topics, revoke tokens and administer the hub')
    .addOption(option('--subject <name>', 'whose token it is (sub)', TOKEN_NAME))
    .addOption(option('--id <id>', 'the id by which it can be revoked (jti; default: a random one)', TOKEN_NAME))
    .addOption(
      option('--expires <duration>', 'how long it is good for: a number with ms, s, m, h, d or w', TOKEN_LIFE).default(
        3_600_000,
        '1h',
      ),
    )
    .addOption(option('--issuer <name>', 'who issues it (iss), if the hub asks for it with --jwt-issuer', TOKEN_NAME))
    .addOption(
      listOption(
        '--audience <name>',
        'what it is for (aud): the URL of --public-url of the hub (env TIDINGS_HUB)',
        TEXT_VALUE,
      ),
    )
    .addOption(option('--secret <secret>', 'secret to sign with (env TIDINGS_JWT_SECRET)', SECRET))
    .addOption(option('--private-key <file>', 'private key to sign with, in PEM', FILE))
    .addOption(option('--algorithm <name>', 'algorithm to sign with (default: that of the key)', ALGORITHM))
    .addHelpText('after', HELP)
    .action(async ([name]: readonly string[], options: MakeOptions) => {
      if (name !== undefined) throw unknownCommand(name, command);
      // Loaded only here, so that the other commands need not load a hub.
      const { makeToken } = await import('./make.ts');
      await makeToken({ ...options, ...signingKey(options), audience: audienceOf(options.audience) });
    });
  return command.addCommand(inspectCommand());
}

function inspectCommand(): Command {
  return new Command('inspect')
    .summary('say what a token allows')
    .description(
      'Says in words what a token allows, until when, and why a hub would refuse it. With the secret or a public key it checks the signature, too. Without TOKEN it reads standard input.',
    )
    .argument('[token]', 'token to inspect')
    .addOption(option('--secret <secret>', 'secret of the token (env TIDINGS_JWT_SECRET)', SECRET))
    .addOption(listOption('--jwt-key <file>', 'public key of the token: a file in PEM, a JWK or a JWKS', FILE))
    .addOption(option('--issuer <name>', 'who has to have issued it (iss)', TEXT_VALUE))
    .addOption(listOption('--audience <name>', 'what it has to be for (aud)', TEXT_VALUE))
    .action(async (token: string | undefined, options: InspectOptions, command: Command) => {
      const { inspectToken } = await import('./inspect.ts');
      // The options of the command above have the same names.
      await inspectToken(token, { ...command.optsWithGlobals<InspectOptions>(), ...options });
    });
}

/** @throws {CliError} `ERR_USAGE` */
function audienceOf(given: readonly string[] | undefined): readonly string[] {
  // Without a path it has a slash at its end, as the public URL of a hub has.
  if (given !== undefined) return given.map((name) => (/^https?:\/\/[^/?#]+$/i.test(name) ? `${name}/` : name));
  const hub = variable('TIDINGS_HUB');
  if (hub !== undefined && URL.canParse(hub)) return [new URL(hub).href.replace(/\/?$/, '/')];
  throw new CliError(
    'ERR_USAGE',
    'a token has to say what it is for: give the URL of the hub (its --public-url) as --audience or TIDINGS_HUB',
  );
}
