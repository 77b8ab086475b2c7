import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const ROOT = join(import.meta.dirname, '../..');

export interface StartOptions {
  /** @default any that is free */
  readonly port?: number;
  /** Variables of its environment, instead of `--port` where `PORT` is among them. */
  readonly env?: NodeJS.ProcessEnv;
  /** How many addresses it prints. @default 1 */
  readonly addresses?: number;
  /** The Node that runs it. @default the tests' own */
  readonly node?: string;
}

/** A server of the examples as a process of its own. */
export class ExampleProcess implements AsyncDisposable {
  /** What it printed until it was ready. */
  readonly greeting: string;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>, greeting: string) {
    this.#child = child;
    this.greeting = greeting;
  }

  /** Starts a file of the examples and waits until it has printed its addresses. */
  static async start(
    file: string,
    { port = 0, env = {}, addresses = 1, node = process.execPath }: StartOptions = {},
  ): Promise<ExampleProcess> {
    const args = [file, ...('PORT' in env ? [] : ['--port', String(port)])];
    const child = spawn(node, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const errors = text(child.stderr);
    let failure: unknown;
    child.once('error', (error) => {
      failure = error;
    });
    let greeting = '';
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      greeting += String(chunk);
      if ([...greeting.matchAll(/https?:\S+\/.*\n/g)].length >= addresses) return new ExampleProcess(child, greeting);
    }
    throw new Error(`${file} ended instead of serving: ${await errors}`, { cause: failure });
  }

  /** The first address that it printed, or the first with that beginning. */
  url(scheme: 'http' | 'https' = 'http'): string {
    const [url] = new RegExp(String.raw`${scheme}://\S+/`).exec(this.greeting) ?? [];
    if (url === undefined) throw new Error(`There is no ${scheme} address in ${JSON.stringify(this.greeting)}`);
    return url;
  }

  get port(): number {
    return Number(new URL(this.url()).port);
  }

  /** Ends it at once, as when a machine loses its power. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  /** Asks it to end, and waits until it has, and with it all that it wrote to. */
  async end(): Promise<void> {
    const close = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await close;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

export function startAlone(name: string, options?: StartOptions): Promise<ExampleProcess> {
  return ExampleProcess.start(`examples/${name}/server.ts`, options);
}
