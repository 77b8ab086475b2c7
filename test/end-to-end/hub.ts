import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { freePort } from '../../scripts/cluster/ports.ts';
import { folder } from '../folder.ts';

export { freePort } from '../../scripts/cluster/ports.ts';

const COMMAND = join(import.meta.dirname, '../../packages/cli/dist/main.js');

// No test needs a hub for longer; one that hangs must not outlive the run.
const MAX_LIFE_MS = 300_000;

/** A hub as people run it, `tidings serve`, that is killed and started again on the same port and data. */
export class RestartableHub {
  readonly port: number;
  readonly #data: string;
  #child: ChildProcess | undefined;
  #up: Promise<void> = Promise.resolve();
  #cameUp: () => void = () => {};

  private constructor(port: number, data: string) {
    this.port = port;
    this.#data = data;
    this.#goDown();
  }

  /** Picks a port and a folder for the length of one test. Starts nothing yet. */
  static async make(): Promise<RestartableHub> {
    const hub = new RestartableHub(await freePort(), join(folder({}), 'data'));
    onTestFinished(() => hub.kill());
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves as soon as the hub is there. */
  get up(): Promise<void> {
    return this.#up;
  }

  /**
   * Starts it and waits until it says that it is ready.
   * @param options more options of the command
   */
  async start(port: number = this.port, options: readonly string[] = []): Promise<void> {
    const args = [COMMAND, 'serve', '--port', String(port), '--data', this.#data, ...options];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: MAX_LIFE_MS,
      killSignal: 'SIGKILL',
    });
    this.#child = child;
    const ended = once(child, 'exit').then(() => {
      throw new Error('The hub ended before it was ready');
    });
    const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
    // From here on it ends because it is killed.
    ended.catch(() => {});
    if (!line.includes(`http://127.0.0.1:${port}/`)) throw new Error(`The hub said ${JSON.stringify(line)} first`);
    if (port === this.port) this.#cameUp();
  }

  /** Its process; undefined before it was started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Kills it with SIGKILL and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    this.#goDown();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  #goDown(): void {
    this.#up = new Promise((resolve) => {
      this.#cameUp = resolve;
    });
  }
}
