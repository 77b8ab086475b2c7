import type { Server } from 'node:http';
import {
  access,
  type Certificate,
  checkBinding,
  createServer,
  health,
  Hub,
  HubError,
  MemoryLog,
  page,
  type HubOptions,
  type MakeFace,
  mercure,
  metrics,
  listeners,
  type SecureHubServer,
  topics,
} from '@tidings/hub';
import type { EventLog } from '@tidings/server/log';
import type { Peers, RemoteLog } from '@tidings/server/log/remote';
import { CliError } from '../errors.ts';
import { CREDENTIALS } from './access.ts';
import { explained } from './explain.ts';
import { checkShared } from './log-url.ts';
import { checkRetain, openLog } from './log.ts';
import { makeLogger } from './logger.ts';
import { readPage } from './page-file.ts';
import type { HubSettings } from './settings.ts';
import { type FirstCertificate, firstCertificate } from './tls/certificate.ts';

/** Listeners come back spread over this time after the hub has stopped, in milliseconds. */
const COMEBACK_WINDOW_MS = 2_000;

/**
 * The least time that listeners stay away if no process holds the socket, in milliseconds. It is longer than a restart, because the `EventSource`
 * of a browser may give up when a connection is refused.
 */
const AWAY_MS = 5_000;

/** One over TLS has more than is needed here. */
export type HubServer = Server | SecureHubServer;

export interface RunningHub {
  readonly servers: readonly HubServer[];
  /** The file of the development certificate; null if it is in memory, undefined if the hub has none. */
  readonly dev: string | null | undefined;
  /** Undefined if the hub does not speak TLS. */
  readonly certificate: Certificate | undefined;
  readonly hasPage: boolean;
  /** One more server for the hub. It does not listen yet. */
  addServer(): HubServer;
  /** Takes another certificate for the connections that come. */
  renewCertificate(certificate: Certificate): void;
  /** Logs a failure. */
  failed(message: string): void;
  /** Ends streams and closes the log. */
  close(): Promise<void>;
}

/** What a worker is given of the process of the log. */
export interface WorkerParts {
  readonly log: RemoteLog;
  /** Its number, from 1. */
  readonly number: number;
  /** The certificate of all workers; undefined if they do not speak TLS. */
  readonly first: FirstCertificate | undefined;
}

/** Checks that a hub with these settings may listen on the host. @throws {CliError} `ERR_USAGE` */
export function checkHost(host: string, settings: HubSettings): void {
  try {
    checkBinding(host, settings.access);
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'ERR_NOT_LOOPBACK') throw error;
    throw new CliError(
      'ERR_USAGE',
      `without a key the hub listens on loopback addresses only, and ${host} is not one: ` +
        `${CREDENTIALS}, or let everyone in with --anonymous all`,
      { cause: error },
    );
  }
}

/**
 * Opens the log and makes a hub on it.
 *
 * @param isHeld whether its sockets outlive this process
 * @param worker what a worker has in the place of a log and a certificate of its own
 * @throws {CliError} `ERR_USAGE`, `ERR_DATA`
 */
export async function openHub(settings: HubSettings, isHeld: boolean, worker?: WorkerParts): Promise<RunningHub> {
  const html = await readPage();
  const logger = makeLogger(settings.verbose, worker?.number);
  let log: EventLog | undefined = worker?.log;
  const first = worker ? worker.first : settings.tls && (await firstCertificate(settings.tls));
  try {
    const pages = html === undefined ? [] : [page(html)];
    const faces = [topics(), listeners(), health(), access(), ...askedFaces(settings), ...pages];
    log ??= await openLog(settings, (message) => logger.error(message));
    const hub = makeHub(settings, { log, logger, faces }, worker?.log.peers);
    let tls = first?.certificate;
    const servers: HubServer[] = [];
    return {
      servers,
      dev: first?.dev,
      certificate: first?.certificate,
      hasPage: html !== undefined,
      addServer() {
        const bounds = settings.limits.server;
        const server = tls ? createServer(hub, { ...bounds, tls }) : createServer(hub, bounds);
        servers.push(server);
        return server;
      },
      renewCertificate(certificate) {
        tls = certificate;
        for (const server of servers) if ('renewCertificate' in server) server.renewCertificate(certificate);
      },
      failed: (message) => logger.error(message),
      close: () => hub.close({ awayMs: isHeld ? 0 : AWAY_MS, windowMs: COMEBACK_WINDOW_MS }),
    };
  } catch (error) {
    await log?.close();
    throw explained(error, settings);
  }
}

/** The faces that a hub has only if it is asked for them. */
function askedFaces({ mercure: options, metrics: hasMetrics }: HubSettings): readonly MakeFace[] {
  return [...(options === undefined ? [] : [mercure(options)]), ...(hasMetrics ? [metrics()] : [])];
}

type HubParts = Required<Pick<HubOptions, 'log' | 'logger' | 'faces'>>;

/** @throws {HubError} */
function makeHub(settings: HubSettings, parts: HubParts, peers?: Peers): Hub {
  const { access: given, origins, compression, publicUrl, trustedProxies, proxyHeader } = settings;
  const reached = { trustedProxies, proxyHeader, ...(publicUrl === undefined ? {} : { publicUrl }) };
  const limits = settings.limits.hub;
  return new Hub({ ...parts, ...given, ...limits, allowedOrigins: origins, ...reached, compression, peers });
}

/** Checks what a hub can be made with, without a folder and without an address. @throws {CliError} `ERR_USAGE` */
export async function checkSettings(settings: HubSettings): Promise<void> {
  const { log: url, retention } = settings;
  checkRetain(retention);
  if (url !== undefined) await checkShared(url, { retention });
  // A development certificate would be made.
  if (settings.tls && 'cert' in settings.tls) await firstCertificate(settings.tls);
  try {
    const log = new MemoryLog({ retention: settings.retention });
    await makeHub(settings, { log, logger: makeLogger(false), faces: [topics(), ...askedFaces(settings)] }).close({
      awayMs: 0,
    });
  } catch (error) {
    throw explained(error, settings);
  }
}
