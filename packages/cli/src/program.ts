import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Anonymous } from './announcement.ts';
import { CliError } from './cli-error.ts';
import { LISTEN_HELP, PROGRAM_HELP, PUBLISH_HELP, SERVE_HELP } from './help-text.ts';
import { type HubAddress, parseHubUrl } from './hub-address.ts';
import { listen } from './listen.ts';
import {
  ageValue,
  countValue,
  keyValue,
  lastValue,
  listValue,
  originValue,
  portValue,
  sizeValue,
} from './option-value.ts';
import { publishEvent, publishInput } from './publish.ts';

const DEFAULT_HUB = 'http://127.0.0.1:4000';

interface HubOptions {
  readonly hub?: string;
  readonly key?: string;
}

interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly memory?: true;
  readonly key?: string;
  readonly anonymous: Anonymous;
  readonly corsOrigin?: readonly string[];
  readonly compress?: true;
  readonly retainAge: number;
  readonly retainBytes: number;
  readonly retainEvents: number;
  readonly verbose?: true;
}

interface PublishOptions extends HubOptions {
  readonly type?: string;
  readonly id?: string;
  readonly format: 'lines' | 'event-stream';
}

interface ListenOptions extends HubOptions {
  readonly matchUrlpattern?: readonly string[];
  readonly since?: string;
  readonly last?: number;
  readonly json?: true;
}

/** The commands, their options and their help. Throws a CommanderError instead of ending the process. */
export function makeProgram(): Command {
  const program = new Command('tidings')
    .description('Server-sent events that arrive: run a hub, publish to it, listen to it.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', PROGRAM_HELP);
  addServe(program);
  addPublish(program);
  addListen(program);
  return program;
}

function addServe(program: Command): void {
  program
    .command('serve')
    .summary('run a hub')
    .description('Runs a hub until Ctrl-C. The first line that it prints holds its URL, where its page is, too.')
    .option('--port <number>', 'port to listen on, 0 for any free one', portValue, 4000)
    .option('--host <address>', 'address to listen on; others than loopback need a key', '127.0.0.1')
    .addOption(new Option('--data <folder>', 'where events are kept').default('.tidings'))
    .addOption(new Option('--memory', 'keep events in memory only, until the hub stops').conflicts('data'))
    .option(
      '--key <key>',
      'key that publishers and listeners need, 16 characters or more (or env TIDINGS_KEY)',
      keyValue,
    )
    .addOption(
      new Option('--anonymous <access>', 'what everyone may do without the key')
        .choices(['none', 'listen', 'publish', 'all'])
        .default('none'),
    )
    .addOption(
      new Option('--cors-origin <origin>', 'origin whose pages may use the hub (repeatable)').argParser(originValue),
    )
    .option('--compress', 'send gzip or zstd to who accepts it; not where secrets and others’ text share a stream')
    .addOption(
      new Option('--retain-age <duration>', 'how long events are kept').argParser(ageValue).default(604_800_000, '7d'),
    )
    .addOption(new Option('--retain-bytes <size>', 'how much is kept').argParser(sizeValue).default(2 ** 30, '1GiB'))
    .addOption(
      new Option('--retain-events <number>', 'how many events are kept')
        .argParser(countValue)
        .default(Infinity, 'none'),
    )
    .option('--verbose', 'log more than warnings and errors')
    .addHelpText('after', SERVE_HELP)
    .action(async (options: ServeOptions) => {
      // Here, so that the other commands need not load a database.
      const { serve } = await import('./serve.ts');
      await serve({
        port: options.port,
        host: options.host,
        data: options.memory === true ? undefined : options.data,
        key: options.key ?? keyFromEnvironment(),
        anonymous: options.anonymous,
        origins: options.corsOrigin ?? [],
        compression: options.compress === true,
        retention: {
          maxAgeMs: options.retainAge,
          maxBytes: options.retainBytes,
          maxEvents: options.retainEvents,
        },
        verbose: options.verbose === true,
      });
    });
}

function addPublish(program: Command): void {
  const command = program
    .command('publish')
    .summary('publish an event, or what standard input holds')
    .description(
      'Publishes DATA as one event and prints its id. Without DATA, publishes standard input as it comes: ' +
        'one event a line, sent again until the hub has it, each once and in order.',
    )
    .argument('<topic>', 'topic to publish to')
    .argument('[data]', "the event's data")
    .option('--type <type>', 'event type')
    .option('--id <id>', 'id of the event, to resume from (only with DATA)')
    .addOption(
      new Option('--format <format>', 'what standard input holds').choices(['lines', 'event-stream']).default('lines'),
    );
  addHubOptions(command)
    .addHelpText('after', PUBLISH_HELP)
    .action(async (topic: string, data: string | undefined, options: PublishOptions) => {
      const { type, id, format } = options;
      const hub = hubAddress(options);
      checkPublish(data, options, command.getOptionValueSource('format') === 'cli');
      if (data === undefined) await publishInput({ hub, topic, format, type });
      else await publishEvent({ hub, topic, data, type, id });
    });
}

function addListen(program: Command): void {
  const command = program
    .command('listen')
    .summary('print events as they come')
    .description(
      'Prints the events of topics as they come, until Ctrl-C. A lost connection is taken up again ' +
        'where it broke off, and what can no longer be had is told.',
    )
    .argument('[topics...]', 'topics to listen to')
    .addOption(
      new Option(
        '--match-urlpattern <pattern>',
        'listen to the topics that a URL pattern matches (repeatable)',
      ).argParser(listValue),
    )
    .addOption(
      new Option('--since <cursor>', 'go on behind a cursor or id, "earliest" for all that is kept').conflicts('last'),
    )
    .option('--last <number>', 'begin with so many events that are kept', lastValue)
    .option('--json', 'print one JSON object a line: {topic, time, id, type, data}');
  addHubOptions(command)
    .addHelpText('after', LISTEN_HELP)
    .action(async (topics: readonly string[], options: ListenOptions) => {
      const patterns = options.matchUrlpattern ?? [];
      if (topics.length + patterns.length === 0) throw new CliError('ERR_USAGE', 'nothing to listen to: name a topic');
      const { since, last, json } = options;
      await listen({ hub: hubAddress(options), matchers: { topics, patterns }, since, last, json: json === true });
    });
}

function addHubOptions(command: Command): Command {
  return command
    .option('--hub <url>', `the hub's URL (or env TIDINGS_HUB, default: "${DEFAULT_HUB}")`)
    .option('--key <key>', "the hub's key (or env TIDINGS_KEY)", keyValue)
    .option('--verbose', 'print the stack of an error');
}

function checkPublish(data: string | undefined, { type, id, format }: PublishOptions, asksForFormat: boolean): void {
  if (data !== undefined && asksForFormat) {
    throw new CliError('ERR_USAGE', '--format is for standard input, which is not read where DATA is given');
  }
  if (data === undefined && id !== undefined) {
    throw new CliError('ERR_USAGE', '--id is for one event: give its DATA, too');
  }
  if (format === 'event-stream' && type !== undefined) {
    throw new CliError('ERR_USAGE', '--type is for lines: the events of an event stream have types of their own');
  }
}

function hubAddress({ hub, key }: HubOptions): HubAddress {
  // An empty variable counts as none, as shells make it easy to set one.
  const url = hub ?? (process.env['TIDINGS_HUB'] || DEFAULT_HUB);
  return { url: parseHubUrl(url), key: key ?? keyFromEnvironment() };
}

function keyFromEnvironment(): string | undefined {
  const key = process.env['TIDINGS_KEY'];
  if (key === undefined || key === '') return undefined;
  try {
    return keyValue(key);
  } catch (error) {
    throw new CliError('ERR_USAGE', `TIDINGS_KEY cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
