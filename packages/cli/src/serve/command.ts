import type { AnonymousAccess, Retention } from '@tidings/hub';
import { Command, Option } from 'commander';
import { keyFromEnvironment } from '../command-line/hub-options.ts';
import { AGE, choiceOption, COUNT, KEY, listOption, option, ORIGIN, PORT, SIZE } from '../command-line/option.ts';
import { CliError } from '../errors.ts';

const HELP = `
Examples:
  tidings serve                                        serve this machine only, keep events in ./.tidings
  tidings serve --port 8080 --memory                   write nothing to disk
  TIDINGS_KEY=… tidings serve --host 0.0.0.0           serve everyone who has the key
  tidings serve --anonymous listen --key …             let everyone listen, require the key to publish
  tidings serve --retain-age 30d --retain-bytes none   keep 30 days of events, whatever their size`;

const DEFAULT_FOLDER = '.tidings';
/** How many bytes are kept unless the options say something else. In memory a process has much less room. */
const DISK_BYTES = 2 ** 30;
const MEMORY_BYTES = 2 ** 27;
const ANONYMOUS: readonly AnonymousAccess[] = ['none', 'listen', 'publish', 'all'];

interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly data?: string;
  readonly memory?: true;
  readonly key?: string;
  readonly anonymous: AnonymousAccess;
  readonly corsOrigin?: readonly string[];
  readonly compress?: true;
  readonly retainAge: number;
  readonly retainBytes?: number;
  readonly retainEvents: number;
  readonly verbose?: true;
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('run a hub')
    .description('Runs a hub until Ctrl-C. The first line of its output holds the URL of the hub and of its page.')
    .addOption(option('--port <number>', 'port to listen on, 0 for any free one', PORT).default(4000))
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
    .option('--data <folder>', `folder to keep events in (default: "${DEFAULT_FOLDER}")`)
    .option('--memory', 'keep events in memory only, until the hub stops')
    .addOption(
      option(
        '--key <key>',
        'key that publishers and listeners need, 16 characters or more (env TIDINGS_KEY). Without a key the hub ' +
          'listens on loopback addresses only, unless --anonymous opens it',
        KEY,
      ),
    )
    .addOption(choiceOption('--anonymous <access>', 'what everyone may do without the key', ANONYMOUS).default('none'))
    .addOption(listOption('--cors-origin <origin>', 'origin whose pages may use the hub', ORIGIN))
    .option(
      '--compress',
      'compress streams with gzip or zstd for listeners that accept it. Do not use it where one stream holds ' +
        "secrets and other people's text",
    )
    .addOption(option('--retain-age <duration>', 'how long events are kept', AGE).default(604_800_000, '7d'))
    .addOption(option('--retain-bytes <size>', 'how many bytes are kept (default: 1GiB, 128MiB with --memory)', SIZE))
    .addOption(option('--retain-events <number>', 'how many events are kept', COUNT).default(Infinity, 'none'))
    .option('--verbose', 'log more than warnings and errors')
    .addHelpText('after', HELP)
    .action(async (options: ServeOptions) => {
      const { port, host, data, memory, key, anonymous, corsOrigin, compress, verbose } = options;
      if (memory === true && data !== undefined) {
        throw new CliError('ERR_USAGE', '--memory cannot be used with --data, because it writes nothing to disk');
      }
      // Loaded only here, so that the other commands need not load a database.
      const { serve } = await import('./serve.ts');
      await serve({
        port,
        host,
        data: memory === true ? undefined : (data ?? DEFAULT_FOLDER),
        key: key ?? keyFromEnvironment(),
        anonymous,
        origins: corsOrigin ?? [],
        compression: compress === true,
        retention: retentionOf(options),
        verbose: verbose === true,
      });
    });
}

function retentionOf({ memory, retainAge, retainBytes, retainEvents }: ServeOptions): Retention {
  const maxBytes = retainBytes ?? (memory === true ? MEMORY_BYTES : DISK_BYTES);
  return {
    ...(retainAge === Infinity ? {} : { maxAgeMs: retainAge }),
    ...(maxBytes === Infinity ? {} : { maxBytes }),
    ...(retainEvents === Infinity ? {} : { maxEvents: retainEvents }),
  };
}
