import type { AnonymousAccess, LogRetention, ProxyHeader } from '@tidings/hub';
import { Command } from 'commander';
import { keyFromEnvironment } from '../command-line/hub-options.ts';
import {
  AGE,
  choiceOption,
  COUNT,
  FOLDER,
  HOST,
  KEY,
  listOption,
  option,
  ORIGIN,
  PORT,
  PROXIES,
  PUBLIC_URL,
  SIZE,
} from '../command-line/option.ts';
import { CliError } from '../errors.ts';
import type { Address, GivenSocket } from '../sockets/binding.ts';
import { inheritedSockets } from '../sockets/inherited.ts';
import { supervise } from '../supervise/supervisor.ts';
import { supervisor } from '../supervise/supervised.ts';
import { retainOption, type RetainRule } from './retain.ts';
import { leaveOutput } from '../terminal/output.ts';

const HELP = `
Examples:
  tidings serve                                        serve this machine only, keep events in ./.tidings
  tidings serve --port 8080 --memory                   write nothing to disk
  TIDINGS_KEY=… tidings serve --host 0.0.0.0           serve everyone who has the key
  tidings serve --anonymous listen --key …             let everyone listen, require the key to publish
  tidings serve --retain-age 30d --retain-bytes none   keep 30 days of events, whatever their size
  tidings serve --retain 'logs/*=age:1d,bytes:100MiB' --retain 'prices/*=keep:latest'
                                                       keep a day and 100 MiB of each topic that begins with logs/, and of those that
                                                       begin with prices/ the newest event of each key`;

const DEFAULT_FOLDER = '.tidings';
const PROXY_HEADERS: readonly ProxyHeader[] = ['x-forwarded', 'forwarded'];
/** How many bytes are kept by default. In memory a process has much less room. */
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
  readonly publicUrl?: string;
  readonly trustedProxies?: readonly string[];
  readonly proxyHeader: ProxyHeader;
  readonly compress?: true;
  readonly supervise?: true;
  readonly retainAge: number;
  readonly retainBytes?: number;
  readonly retainEvents: number;
  readonly retain?: readonly RetainRule[];
  readonly verbose?: true;
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('run a hub')
    .description(
      'Runs a hub until Ctrl-C. The first line of its output holds the URL of the hub, which is also the URL of its page.',
    )
    .addOption(option('--port <number>', 'port to listen on, or 0 for any free one', PORT).default(4000))
    .addOption(option('--host <address>', 'address to listen on', HOST).default('127.0.0.1'))
    .addOption(option('--data <folder>', `folder to keep events in (default: "${DEFAULT_FOLDER}")`, FOLDER))
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
    .addOption(
      option(
        '--public-url <url>',
        'URL by which others reach the hub, if it is behind a proxy. It may have a path',
        PUBLIC_URL,
      ),
    )
    .addOption(
      option(
        '--trusted-proxies <list>',
        'addresses and networks of proxies that are trusted to give the address of a client, separated by commas; also the ' +
          'words loopback, private and unix',
        PROXIES,
      ),
    )
    .addOption(
      choiceOption(
        '--proxy-header <name>',
        'header in which proxies give the address of a client',
        PROXY_HEADERS,
      ).default('x-forwarded'),
    )
    .option(
      '--compress',
      'compress streams with gzip or zstd for listeners that accept it. Do not use it where one stream holds ' +
        "a listener's secrets and text that others publish",
    )
    .addOption(
      option(
        '--retain-age <duration>',
        'how long events are kept: a number with ms, s, m, h, d or w, or none',
        AGE,
      ).default(604_800_000, '7d'),
    )
    .addOption(
      option(
        '--retain-bytes <size>',
        'how many bytes are kept: a number with B, kB, MB, GB, KiB, MiB or GiB, or none (default: 1GiB, 128MiB with --memory)',
        SIZE,
      ),
    )
    .addOption(
      option('--retain-events <number>', 'how many events are kept, or none for no limit', COUNT).default(
        Infinity,
        'none',
      ),
    )
    .addOption(retainOption())
    .option(
      '--supervise',
      'hold the socket and run the hub in a process of its own. SIGHUP, or the end of that process, starts the next one, ' +
        'and connections wait meanwhile',
    )
    .option('--verbose', 'also log publishes, refused requests, and listeners that come and go')
    .addHelpText('after', HELP)
    .action(async (options: ServeOptions, command: Command) => {
      const { data, memory, key, anonymous, corsOrigin, publicUrl, trustedProxies, proxyHeader, compress, verbose } =
        options;
      if (memory === true && data !== undefined) {
        throw new CliError('ERR_USAGE', '--memory cannot be used with --data, because it writes nothing to disk');
      }
      // Here, so that a supervisor checks it, too, before it starts a hub.
      const ownKey = key ?? keyFromEnvironment(KEY);
      const by = supervisor();
      const places = placesOf(options, command);
      if (options.supervise === true && by === undefined) {
        process.exitCode = await supervise(places);
        leaveOutput();
        return;
      }
      // Loaded only here, so that the other commands need not load a database. The files of what is imported together are open together, so
      // the log comes first: a process may have few file descriptors.
      await import('@tidings/lmdb');
      const { serve } = await import('./serve.ts');
      const settings = {
        places: 'host' in places ? [places] : places,
        data: memory === true ? undefined : (data ?? DEFAULT_FOLDER),
        key: ownKey,
        anonymous,
        origins: corsOrigin ?? [],
        publicUrl,
        trustedProxies: trustedProxies ?? [],
        proxyHeader,
        compression: compress === true,
        retention: retentionOf(options),
        verbose: verbose === true,
      };
      try {
        await serve(settings, by);
      } finally {
        // The connection to the supervisor keeps the process alive.
        by?.leave();
        leaveOutput();
      }
    });
}

/** The sockets that the command was started with, else the address that it is to listen on. */
function placesOf({ port, host, supervise: isSupervised }: ServeOptions, command: Command): Address | GivenSocket[] {
  if (isSupervised === true && process.platform === 'win32') {
    throw new CliError(
      'ERR_USAGE',
      '--supervise cannot be used on Windows, because a socket cannot be passed to another process there',
    );
  }
  const sockets = inheritedSockets(process.env, process.pid);
  if (sockets.length === 0) return { port, host };
  for (const name of ['port', 'host']) {
    if (command.getOptionValueSource(name) !== 'cli') continue;
    throw new CliError(
      'ERR_USAGE',
      `--${name} cannot be used with the sockets of LISTEN_FDS, which already have addresses: leave it out`,
    );
  }
  return sockets;
}

function retentionOf({ memory, retainAge, retainBytes, retainEvents, retain }: ServeOptions): LogRetention {
  const maxBytes = retainBytes ?? (memory === true ? MEMORY_BYTES : DISK_BYTES);
  return {
    ...(retainAge === Infinity ? {} : { maxAgeMs: retainAge }),
    ...(maxBytes === Infinity ? {} : { maxBytes }),
    ...(retainEvents === Infinity ? {} : { maxEvents: retainEvents }),
    ...(retain === undefined ? {} : { perTopic: retain }),
  };
}
