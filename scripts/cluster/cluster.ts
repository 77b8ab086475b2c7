import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../paths.mjs';
import { NatsServer } from './nats-server.ts';
import { Nginx } from './nginx.ts';
import { freePort } from './ports.ts';
import { PostgresServer } from './postgres-server.ts';
import { hubArgs, ServerProcess } from './server-process.ts';

/** How several hubs share what is published, by the names of the files in `deploy/compose`. */
export const HUB_CLUSTERS = ['postgres', 'nats', 'workers'] as const;

/** `channel` is the example of two programs that have a channel each. */
export const CLUSTER_KINDS = [...HUB_CLUSTERS, 'channel'] as const;
export type ClusterKind = (typeof CLUSTER_KINDS)[number];

const EXAMPLE = join(root, 'examples', 'two-servers', 'server.ts');

export interface ClusterOptions {
  /** The port of nginx. @default a free one */
  readonly port?: number;
  /** Whether it runs until it is ended, and a Ctrl-C at the terminal reaches only who started it. @default false */
  readonly isForPeople?: boolean;
}

type Store = PostgresServer | NatsServer;

/** A store, two servers on it, and nginx in front of them; or one hub with two workers. As in `deploy/compose`, without containers. */
export class Cluster implements AsyncDisposable {
  readonly kind: ClusterKind;
  /** Where events are stored; undefined for `workers`, where the hub has a folder. */
  store: Store | undefined;
  readonly servers: ServerProcess[] = [];
  readonly #folder: string;
  #nginx: Nginx | undefined;

  private constructor(kind: ClusterKind) {
    this.kind = kind;
    this.#folder = mkdtempSync(join(tmpdir(), 'tidings-cluster-'));
  }

  /** @throws {Error} if something cannot be started: nothing of it is left then */
  static async start(kind: ClusterKind, options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(kind);
    try {
      await cluster.#start(options);
    } catch (error) {
      await cluster.kill();
      throw error;
    }
    return cluster;
  }

  /** Where nginx passes requests on to whichever hub. */
  get url(): string {
    return this.#nginx?.url ?? '';
  }

  /** The name of the store. */
  get storeName(): string {
    return this.store instanceof PostgresServer ? 'postgres' : 'nats';
  }

  /** Resolves to the name of the store or nginx when one of them has ended, without which nothing of it can be used. */
  async broken(): Promise<string> {
    const parts = [
      ...(this.#nginx ? [{ name: 'nginx', ended: this.#nginx.ended() }] : []),
      ...(this.store ? [{ name: this.storeName, ended: this.store.ended() }] : []),
    ];
    return await Promise.race(parts.map(async ({ name, ended }) => ended.then(() => name)));
  }

  async #start({ port, isForPeople = false }: ClusterOptions): Promise<void> {
    const { kind } = this;
    if (kind === 'postgres' || kind === 'channel') {
      this.store = await PostgresServer.start({ isSafe: true, isForPeople });
    }
    if (kind === 'nats') this.store = await NatsServer.start('', { isForPeople });
    const nginxPort = port ?? (await freePort());
    const command = { ...this.#command(`http://127.0.0.1:${nginxPort}/`), isShown: isForPeople };
    const started = await Promise.allSettled(
      Array.from({ length: kind === 'workers' ? 1 : 2 }, () => ServerProcess.start(command)),
    );
    for (const one of started) if (one.status === 'fulfilled') this.servers.push(one.value);
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    this.#nginx = await Nginx.start(
      nginxPort,
      this.servers.map((server) => `127.0.0.1:${server.port}`),
    );
  }

  /** What runs one of its servers. @param url that of nginx */
  #command(url: string): { readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> } {
    const { kind, store } = this;
    if (kind === 'channel') return { args: [EXAMPLE], env: { DATABASE_URL: store?.url ?? '' } };
    const place = store ? ['--log', logUrl(store)] : ['--data', join(this.#folder, 'data')];
    return { args: hubArgs(...place, ...hubOptions(kind, url)) };
  }

  /** Ends everything in good order, and removes what was stored. */
  async end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.kill();
  }

  /** Kills everything, and removes what was stored. */
  async kill(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
    await this.#nginx?.end();
    await (this.store instanceof PostgresServer ? this.store.close() : this.store?.end());
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** What every hub behind nginx is started with, as the compose files have it, beside where its events are and who may do what. */
export function hubOptions(kind: ClusterKind, url: string): string[] {
  const workers = kind === 'workers' ? ['--workers', '2'] : [];
  return ['--public-url', url, '--trusted-proxies', 'loopback', '--anonymous', 'all', ...workers];
}

function logUrl(store: Store): string {
  return store instanceof PostgresServer ? store.url : `${store.url}/tidings`;
}
