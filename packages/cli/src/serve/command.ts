import type { ProxyHeader } from '@tidings/hub';
import { Command } from 'commander';
import {
  choiceOption,
  FILE,
  HOST,
  listOption,
  option,
  ORIGIN,
  PORT,
  PROXIES,
  PUBLIC_URL,
  WORKERS,
} from '../command-line/option.ts';
import { CliError } from '../errors.ts';
import type { Address, GivenSocket } from '../sockets/binding.ts';
import { inheritedSockets } from '../sockets/inherited.ts';
import { supervisor } from '../supervise/supervised.ts';
import { type AccessOptions, accessSettings, addAccessOptions, keyPlaces, mercureSettings } from './access.ts';
import { configurationText, configure, namedByPlace } from './configuration.ts';
import { addPlaceOptions, addRetainOptions, type KeepOptions, keepSettings } from './keeping.ts';
import { addLimitOptions, limitSettings } from './limits.ts';
import { addTlsOptions, type TlsOptions, tlsSettings } from './tls/options.ts';
import { leaveOutput, print } from '../terminal/output.ts';
import { type WorkerOf, workerOf } from '../workers/worker.ts';
import type { WorkerSettings } from './as-worker.ts';
import type { Serve } from './serve.ts';

const HELP = `
Examples:
  tidings serve                                        serve this machine only, keep events in ./.tidings
  tidings serve --port 8080 --memory                   write nothing to disk
  TIDINGS_KEY=… tidings serve --host 0.0.0.0           serve everyone who has the key
  tidings serve --anonymous listen --key …             let everyone listen, require the key to publish
  tidings serve --log postgres://hub:…@db/events       share the events with other hubs, in a database
  tidings serve --tls-cert cert.pem --tls-key key.pem  speak HTTP/1.1 and HTTP/2 over TLS
  tidings serve --retain-age 30d --retain-bytes none   keep 30 days of events, whatever their size
  tidings serve --retain 'logs/*=age:1d,bytes:100MiB' --retain 'prices/*=keep:latest'
                                                       keep a day and 100 MiB of each topic that begins with logs/, and of those that
                                                       begin with prices/ the newest event of each key

More limits, and several issuers of tokens, are set in the file of --config.`;

const PROXY_HEADERS: readonly ProxyHeader[] = ['x-forwarded', 'forwarded'];

interface ServeOptions extends AccessOptions, TlsOptions, KeepOptions {
  readonly port: number;
  readonly host: string;
  readonly corsOrigin?: readonly string[];
  readonly publicUrl?: string;
  readonly trustedProxies?: readonly string[];
  readonly proxyHeader: ProxyHeader;
  readonly metrics?: true;
  readonly compress?: true;
  readonly supervise?: true;
  readonly workers: number;
  readonly verbose?: true;
  readonly config?: string;
  readonly printConfig?: true;
  readonly check?: true;
}

export function serveCommand(): Command {
  const serve = new Command('serve');
  serve
    .summary('run a hub')
    .description(
      'Runs a hub until Ctrl-C. The first line of its output holds the URL of the hub, which is also the URL of its page.',
    )
    .addOption(option('--port <number>', 'port to listen on, or 0 for any free one', PORT).default(4000))
    .addOption(option('--host <address>', 'address to listen on', HOST).default('127.0.0.1'));
  addTlsOptions(addAccessOptions(addPlaceOptions(serve)))
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
    .option('--metrics', 'answer Prometheus at /metrics, for those who may administer the hub')
    .option(
      '--compress',
      'compress streams with gzip or zstd for listeners that accept it. Do not use it where one stream holds ' +
        "a listener's secrets and text that others publish",
    );
  return addLimitOptions(addRetainOptions(serve))
    .option(
      '--supervise',
      'hold the socket and run the hub in a process of its own. SIGHUP, or the end of that process, starts the next one, ' +
        'and connections wait meanwhile',
    )
    .addOption(
      option(
        '--workers <number>',
        'how many processes serve connections, each on a core of its own, or auto for one on each core. With more than 1 one more process has the log',
        WORKERS,
      ).default(1),
    )
    .option('--verbose', 'also log publishes, refused requests, and listeners that come and go')
    .addOption(
      option('--config <file>', 'file in YAML or JSON with any of these options, by their names without --', FILE),
    )
    .option('--print-config', 'print what it would run with, and where each value comes from, and end')
    .option('--check', 'check what it would run with, and end')
    .addHelpText('after', HELP)
    .action(async (_given: ServeOptions, command: Command) => {
      const worker = await workerOf<WorkerSettings>();
      if (worker) return await work(worker);
      try {
        await configure(command);
        await act(command);
      } catch (error) {
        throw namedByPlace(command, error);
      }
    });
}

/** Serves as one of the workers of a hub. */
async function work(worker: WorkerOf<WorkerSettings>): Promise<void> {
  const { serveAsWorker } = await import('./as-worker.ts');
  try {
    await serveAsWorker(worker);
  } finally {
    worker.leave();
    leaveOutput();
  }
}

async function act(command: Command): Promise<void> {
  const options = command.opts<ServeOptions>();
  if (options.printConfig === true) return await print(configurationText(command));
  // Here, so that a supervisor checks it, too, before it starts a hub.
  const settings = serveSettings(command);
  const by = supervisor();
  if (options.supervise === true && by === undefined && options.check !== true) {
    const { supervise } = await import('../supervise/supervisor.ts');
    process.exitCode = await supervise(placesOf(options, command));
    leaveOutput();
    return;
  }
  // Loaded only here, so that the other commands need not load a database. The files of what is imported together are open together, so
  // the log comes first: a process may have few file descriptors.
  if (settings.log === undefined) await import('@tidings/lmdb');
  const { check, serve: run } = await import('./serve.ts');
  if (options.check === true) return await check(settings);
  try {
    if (settings.workers === 1) await run(settings, by);
    else {
      const { serveWithWorkers } = await import('./with-workers.ts');
      process.exitCode = await serveWithWorkers(settings, by);
    }
  } finally {
    // The connection to the supervisor keeps the process alive.
    by?.leave();
    leaveOutput();
  }
}

/** What a command runs with that has been configured. @throws {CliError} `ERR_USAGE` */
export function serveSettings(command: Command): Serve {
  const options = command.opts<ServeOptions>();
  const { corsOrigin, publicUrl, trustedProxies, proxyHeader, compress, verbose } = options;
  checkWorkers(options);
  const kept = keepSettings(options);
  const places = placesOf(options, command);
  return {
    places: 'host' in places ? [places] : places,
    ...kept,
    access: accessSettings(options),
    issuersIn: options.issuers && options.config,
    keyPlaces: keyPlaces(options),
    mercure: mercureSettings(options),
    tls: tlsSettings(options, kept.data),
    origins: corsOrigin ?? [],
    publicUrl,
    trustedProxies: trustedProxies ?? [],
    proxyHeader,
    metrics: options.metrics === true,
    compression: compress === true,
    limits: limitSettings({ ...options }),
    workers: options.workers,
    verbose: verbose === true,
  };
}

/** @throws {CliError} `ERR_USAGE` for an option that several processes do not have */
function checkWorkers({ workers, log }: ServeOptions): void {
  if (workers === 1 || log === undefined) return;
  const instead = 'start several hubs with the same --log instead, each with its own --port';
  throw new CliError('ERR_USAGE', `--workers cannot be used with --log: ${instead}`);
}

/** The sockets that the command was started with, else the address that it is to listen on. */
function placesOf(
  { port, host, supervise: isSupervised, workers }: ServeOptions,
  command: Command,
): Address | GivenSocket[] {
  if ((isSupervised === true || workers > 1) && process.platform === 'win32') {
    throw new CliError(
      'ERR_USAGE',
      `--${isSupervised === true ? 'supervise' : 'workers'} cannot be used on Windows, because a socket cannot be passed to another process there`,
    );
  }
  const sockets = inheritedSockets(process.env, process.pid);
  if (sockets.length === 0) return { port, host };
  for (const name of ['port', 'host']) {
    if (command.getOptionValueSource(name) === 'default') continue;
    throw new CliError(
      'ERR_USAGE',
      `--${name} cannot be used with the sockets of LISTEN_FDS, which already have addresses: leave it out`,
    );
  }
  return sockets;
}
