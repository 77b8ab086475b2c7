import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type CommandPlace, CommandProcess } from './command.ts';

/** A hub in a process of its own, which can be killed and started again. */
export class HubProcess {
  readonly #data: string;
  readonly #args: readonly string[];
  readonly #place: CommandPlace;
  #process: CommandProcess;
  #url: URL | undefined;

  private constructor(data: string, args: readonly string[], place: CommandPlace) {
    this.#data = data;
    this.#args = args;
    this.#place = place;
    this.#process = this.#spawn('0');
  }

  static async start(...args: (string | CommandPlace)[]): Promise<HubProcess> {
    const words = args.filter((arg) => typeof arg === 'string');
    const place = args.find((arg) => typeof arg === 'object');
    const hub = new HubProcess(await temporaryFolder(), words, place ?? {});
    await hub.#ready();
    return hub;
  }

  /** The URL in the first line of its output. */
  get url(): string {
    return this.#url!.href;
  }

  get process(): CommandProcess {
    return this.#process;
  }

  /** Kills the process without a warning, as a failing machine would. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.result();
  }

  /** Starts the hub again on the same port, with the same events. */
  async restart(): Promise<void> {
    this.#process = this.#spawn(this.#url!.port);
    await this.#ready();
  }

  #spawn(port: string): CommandProcess {
    const isElsewhere = this.#args.includes('--memory') || this.#args.includes('--log');
    const data = isElsewhere ? [] : ['--data', this.#data];
    return new CommandProcess(['serve', '--port', port, ...data, ...this.#args], {}, this.#place);
  }

  async #ready(): Promise<void> {
    await this.#process.until(({ stdout }) => stdout.includes('\n'));
    const [, url] = /(https?:\S+)/.exec(this.#process.stdout.split('\n')[0]!)!;
    this.#url = new URL(url!);
  }
}

/** Makes a folder that is removed at the end of the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidings-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
