import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../paths.mjs';
import { freePort } from './ports.ts';

const HUB = join(root, 'packages', 'cli', 'dist', 'main.js');

interface ServerCommand {
  /** The program and its arguments, but for the port. */
  readonly args: readonly string[];
  /** More of its environment. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether what it writes to standard error is shown. @default false */
  readonly isShown?: boolean;
}

/** What runs a hub as people run it. @param options those of `tidings serve` */
export function hubArgs(...options: readonly string[]): string[] {
  return [HUB, 'serve', ...options];
}

/** A server on Node that takes `--port`, such as a hub, which can be killed and started again on its port. */
export class ServerProcess {
  readonly port: number;
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;

  private constructor(port: number, command: ServerCommand) {
    this.port = port;
    this.#command = command;
  }

  /** Starts one on a port that it picks, and waits until it is ready. */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), command);
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Its process; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it again, or for the first time, and waits until it says that it is ready. */
  async start(): Promise<void> {
    const { args, env = {}, isShown = false } = this.#command;
    // A Ctrl-C at the terminal reaches only who started it: servers end before their store does.
    const child = spawn(process.execPath, [...args, '--port', String(this.port)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-1000);
      if (isShown) process.stderr.write(text);
    });
    const ended = once(child, 'exit').then(([code, signal]) => {
      if (this.#child === child) this.#child = undefined;
      throw new Error(`A server ended with ${signal ?? code} before it was ready: ${told}`);
    });
    await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
    // From here on it ends because it is killed.
    ended.catch(() => {});
  }

  /** Resolves when its process, if it runs, has ended. */
  async ended(): Promise<void> {
    if (this.#child) await once(this.#child, 'exit');
  }

  /** Sends a signal to its process, and to those that it has started. */
  signal(name: NodeJS.Signals): void {
    if (this.pid !== undefined) send(-this.pid, name);
  }

  /** Kills it with all that it has started, as a failing machine does, and waits until it is gone. */
  async kill(): Promise<void> {
    const ended = this.ended();
    this.signal('SIGKILL');
    await ended;
  }

  /** Asks it to end in good order, and waits until it has. */
  async stop(): Promise<void> {
    const ended = this.ended();
    if (this.pid !== undefined) send(this.pid, 'SIGTERM');
    await ended;
  }
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
