import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export interface Result {
  /** Null if a signal has ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandPlace {
  /** The path of the Node that runs it. @default that of the tests */
  readonly node?: string;
  /** Whether it has a process group of its own, as a command at a terminal has. @default false */
  readonly detached?: boolean;
  /** More of its environment. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** How many file descriptors it may have. @default as many as the tests */
  readonly maxDescriptors?: number;
}

/** The built command in a process of its own, which is killed at the end of the test. */
export class CommandProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  #arrived: () => void = () => {};
  stdout = '';
  /** How many lines of standard output have ended. */
  stdoutLines = 0;
  stderr = '';

  constructor(
    args: readonly string[],
    env: Record<string, string> = {},
    { node, detached = false, maxDescriptors, env: more = {} }: CommandPlace = {},
  ) {
    const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
    const command = [node ?? process.execPath, MAIN, ...args];
    const limit = maxDescriptors === undefined ? [] : ['sh', '-c', `ulimit -n ${maxDescriptors}; exec "$@"`, 'sh'];
    const [file = '', ...rest] = [...limit, ...command];
    this.#child = spawn(file, rest, {
      env: { PATH, NODE_COMPILE_CACHE, ...env, ...more },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached,
    });
    this.#closed = once(this.#child, 'close');
    // A write to a command that has ended fails, and the command's result shows why it ended.
    this.#child.stdin.on('error', () => {});
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.stdoutLines += text.split('\n').length - 1;
      this.#arrived();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#arrived();
    });
    void this.#closed.then(() => this.#arrived());
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get stdin(): Writable {
    return this.#child.stdin;
  }

  /** Writes and resolves when there is room for more. */
  async write(text: string): Promise<void> {
    if (!this.#child.stdin.write(text)) await once(this.#child.stdin, 'drain');
  }

  /** Closes the reading end of its standard output, as `head` does. */
  closeStdout(): void {
    this.#child.stdout.destroy();
  }

  /** Closes the reading ends of all its output. */
  closeOutput(): void {
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  /** Stops reading its standard error, or goes on. */
  readStderr(isRead: boolean): void {
    if (isRead) this.#child.stderr.resume();
    else this.#child.stderr.pause();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves as soon as the condition on its output holds. */
  async until(condition: (output: { stdout: string; stdoutLines: number; stderr: string }) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`ended too early:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  /** Its exit code, as soon as it has ended: its output may not have been read. */
  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  async result(): Promise<Result> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

/** Runs the command to its end. */
export async function run(args: readonly string[], { env = {}, input = '' } = {}): Promise<Result> {
  const command = new CommandProcess(args, env);
  command.stdin.end(input);
  return await command.result();
}
