import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { programPath } from '../../../scripts/debian.mjs';
import { freePort } from '../../../test/end-to-end/hub.ts';

// No test needs a server for longer; one that hangs must not outlive the run.
const MAX_LIFE_MS = 300_000;

/** A nats-server with a folder of its own, which is killed and started again on the same port. */
export class NatsServer {
  readonly port: number;
  readonly #folder: string;
  readonly #config: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, config: string) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'tidings-nats-'));
    this.#config = join(this.#folder, 'server.conf');
    const store = JSON.stringify(join(this.#folder, 'data'));
    writeFileSync(this.#config, `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${store} }\n${config}\n`);
  }

  /** Starts one. @param config more of its configuration */
  static async start(config = '', port?: number): Promise<NatsServer> {
    const server = new NatsServer(port ?? (await freePort()), config);
    await server.start();
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
    const child = spawn(programPath('nats-server'), ['-c', this.#config], {
      stdio: 'ignore',
      timeout: MAX_LIFE_MS,
      killSignal: 'SIGKILL',
    });
    this.#child = child;
    while (!(await isListening(this.port))) {
      if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
      await wait(10);
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
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

async function isListening(port: number): Promise<boolean> {
  const socket = connectSocket(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A way to a server that can be cut. */
export class Way {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOpen = true;

  private constructor(port: number) {
    this.#server = createServer((socket) => {
      if (!this.#isOpen) {
        socket.destroy();
        return;
      }
      const other = connectSocket(port, '127.0.0.1');
      for (const [one, another] of [[socket, other] as const, [other, socket] as const]) {
        this.#sockets.add(one);
        one
          .on('error', () => {})
          .on('close', () => {
            this.#sockets.delete(one);
            another.destroy();
          });
        one.pipe(another);
      }
    });
  }

  static async to(port: number): Promise<Way> {
    const way = new Way(port);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get url(): string {
    const address = this.#server.address();
    return `nats://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  /** Cuts what goes over it. @param isOpen whether it can be gone anew */
  cut(isOpen = true): void {
    this.#isOpen = isOpen;
    for (const socket of this.#sockets) socket.destroy();
  }

  open(): void {
    this.#isOpen = true;
  }

  close(): void {
    this.cut(false);
    this.#server.close();
  }
}
