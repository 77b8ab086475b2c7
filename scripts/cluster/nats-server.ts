import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { programPath } from '../debian.mjs';
import { freePort, isListening } from './ports.ts';

// No test needs a server for longer; one that hangs must not outlive the run.
const MAX_LIFE_MS = 300_000;

/** The program: the one that `TIDINGS_NATS` names, or what this machine has. */
const program = (): string => process.env['TIDINGS_NATS'] ?? programPath('nats-server');

interface NatsServerOptions {
  /** @default a free one */
  readonly port?: number;
  /** Whether it runs until it is ended, and a Ctrl-C at the terminal does not reach it. @default false */
  readonly isForPeople?: boolean;
  /** How many bytes its JetStream may store. @default what the disk has */
  readonly maxStoredBytes?: number;
}

/** A nats-server with a folder of its own, which is killed and started again on the same port. */
export class NatsServer {
  readonly port: number;
  readonly #folder: string;
  readonly #config: string;
  readonly #isForPeople: boolean;
  #child: ChildProcess | undefined;

  private constructor(port: number, config: string, { isForPeople = false, maxStoredBytes }: NatsServerOptions) {
    this.port = port;
    this.#isForPeople = isForPeople;
    this.#folder = mkdtempSync(join(tmpdir(), 'tidings-nats-'));
    this.#config = join(this.#folder, 'server.conf');
    const store = JSON.stringify(join(this.#folder, 'data'));
    const limit = maxStoredBytes === undefined ? '' : `, max_file_store: ${maxStoredBytes}`;
    writeFileSync(this.#config, `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${store}${limit} }\n${config}\n`);
  }

  /** Starts one. @param config more of its configuration */
  static async start(config = '', options: NatsServerOptions = {}): Promise<NatsServer> {
    const server = new NatsServer(options.port ?? (await freePort()), config, options);
    try {
      await server.start();
    } catch (error) {
      await server.end();
      throw error;
    }
    return server;
  }

  /** Three servers that are one cluster. */
  static async cluster(): Promise<NatsServer[]> {
    const routes = await Promise.all([freePort(), freePort(), freePort()]);
    const all = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
    return await Promise.all(
      routes.map(async (port, index) =>
        NatsServer.start(
          `server_name: "s${index}"\ncluster { name: "c", listen: "127.0.0.1:${port}", routes: [${all}] }`,
        ),
      ),
    );
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const child = spawn(program(), ['-c', this.#config], {
      stdio: 'ignore',
      ...(this.#isForPeople ? { detached: true } : { timeout: MAX_LIFE_MS, killSignal: 'SIGKILL' }),
    });
    this.#child = child;
    while (!(await isListening(this.port))) {
      if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
      await wait(10);
    }
  }

  /** Resolves when its process, if it runs, has ended. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async kill(): Promise<void> {
    const ended = this.ended();
    this.#child?.kill('SIGKILL');
    await ended;
  }

  /** Copies what is stored while it does not run. @returns puts that back */
  keep(): () => void {
    const [data, copy] = [join(this.#folder, 'data'), join(this.#folder, 'copy')];
    cpSync(data, copy, { recursive: true });
    return () => {
      rmSync(data, { recursive: true });
      cpSync(copy, data, { recursive: true });
    };
  }

  /** Stops it, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
