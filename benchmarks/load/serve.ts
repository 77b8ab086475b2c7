import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from '../parts/child.ts';
import { eventStreamOf } from '../parts/event-data.ts';
import { dataFolder } from '../parts/folder.ts';
import { residentOf } from '../parts/resident.ts';
import { Publisher, publishRequest } from './publisher.ts';

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));

/** The command `tidings serve` on disk, with all of its processes, and one publisher. Only on Linux. */
export class ServeCommand {
  readonly port: number;
  readonly publisher: Publisher;
  readonly #child: Child;

  private constructor(child: Child, port: number, publisher: Publisher) {
    this.#child = child;
    this.port = port;
    this.publisher = publisher;
  }

  /** @param workers how many processes serve connections; with 1 it is the only one */
  static async start(workers: number): Promise<ServeCommand> {
    // All of its clients have one address.
    const limits = ['--keep-alive', 'none', '--max-listeners', 'none', '--max-connections-per-address', 'none'];
    const options = ['--port', '0', '--data', dataFolder(), ...limits];
    const child = new Child(process.execPath, [MAIN, 'serve', ...options, '--workers', String(workers)]);
    // The command does not end with its input, as other children do.
    process.once('exit', () => child.end('SIGTERM'));
    const port = Number(/:(\d+)\/$/.exec(await child.line())?.[1]);
    return new ServeCommand(child, port, await Publisher.connect(port));
  }

  /** Publishes a number of events as one upload. */
  publish(topic: string, count: number): Promise<string> {
    return this.publisher.publish(publishRequest(topic, eventStreamOf(count), 'text/event-stream'));
  }

  /** Processor time of all its processes so far, microseconds. */
  cpu(): number {
    return sum(this.#processes.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((task) => cpuOf(pid, task))));
  }

  /** Memory of all its processes as it is, what they share counted once, KiB. */
  resident(): number {
    return sum(this.#processes.map((pid) => residentOf(pid).pss));
  }

  async stop(): Promise<void> {
    this.publisher.close();
    this.#child.end('SIGTERM');
    await this.#child.stop();
  }

  get #processes(): readonly number[] {
    const { pid } = this.#child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    return [pid, ...children.map(Number)];
  }
}

/** Processor time of a thread, microseconds. */
function cpuOf(pid: number, task: string): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1000;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
