import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  access,
  createServer,
  health,
  Hub,
  listeners,
  page,
  PROBLEM_TYPES,
  topics,
  type HubOptions,
} from '@tidings/hub';
import { LmdbLog, type LmdbLogOptions } from '@tidings/lmdb';
import { systemClock, type Position } from '@tidings/server/log';
import { onTestFinished } from 'vitest';

/** A new folder for the length of one test. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-hub-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface AskOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

/** A hub that can be asked over a socket. */
export class TestHub {
  readonly hub: Hub;
  readonly log: LmdbLog;
  readonly port: number;
  /** How far the log has handed over what was appended. */
  position: Position = { epoch: '', seq: 0 };

  constructor(hub: Hub, log: LmdbLog, port: number) {
    this.hub = hub;
    this.log = log;
    this.port = port;
    log.follow({
      onStart: (position) => {
        this.position = position;
      },
      onBatch: (batch) => {
        this.position = { ...this.position, seq: batch.at(-1)!.seq };
      },
      onLost: () => {},
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get epoch(): string {
    return this.position.epoch;
  }

  cursor(seq: number): string {
    return `${this.epoch}.${seq}`;
  }

  /** Sends a request whose path goes over the wire just as it is. */
  ask(method: string, path: string, { headers = {}, body }: AskOptions = {}): Promise<Reply> {
    return ask(this.port, method, path, { headers, ...(body === undefined ? {} : { body }) });
  }

  /** Publishes to a topic, which must be taken. Gives the id. */
  async publish(path: string, body: string, headers: OutgoingHttpHeaders = {}): Promise<string> {
    const reply = await this.ask('POST', `/topics/${path}`, { headers, body });
    if (reply.status !== 200) throw new Error(`Publishing to ${path} was answered ${reply.status}: ${reply.text}`);
    return reply.text;
  }
}

export type TestHubOptions = Partial<Omit<HubOptions, 'log'>> &
  Partial<Omit<LmdbLogOptions, 'path'>> & {
    /** The time of the log, milliseconds since 1970. */
    readonly now?: () => number;
    /** The folder of the log. @default a new one */
    readonly path?: string;
    /** The page at `/`. */
    readonly html?: string;
  };

/** Starts a hub on a log on disk, for the length of one test. */
export async function startHub({
  retention,
  trimEveryMs,
  now,
  html,
  path = temporaryFolder(),
  ...options
}: TestHubOptions = {}): Promise<TestHub> {
  const log = await LmdbLog.open({
    path,
    ...(retention ? { retention } : {}),
    ...(trimEveryMs === undefined ? {} : { trimEveryMs }),
    ...(now ? { clock: { ...systemClock, time: now } } : {}),
  });
  const faces = html === undefined ? {} : { faces: [topics(), listeners(), health(), access(), page(html)] };
  const hub = new Hub({ log, ...faces, ...options });
  return new TestHub(hub, log, await serve(hub));
}

/** Serves a hub, for the length of one test. Gives its port. */
export async function serve(hub: Hub, server: Server = createServer(hub)): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    // A test may have stopped the hub's clock, or never answer what is under way.
    await hub.close({ finishMs: 0 });
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

export function ask(
  port: number,
  method: string,
  path: string,
  { headers = {}, body }: AskOptions = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The name of the problem that a reply tells, where it is one. */
export function problemOf(reply: Reply): string | undefined {
  if (reply.headers['content-type'] !== 'application/problem+json') return undefined;
  const { type, status } = JSON.parse(reply.text) as { type: string; status: number };
  return status === reply.status ? type.replace(PROBLEM_TYPES, '') : undefined;
}
