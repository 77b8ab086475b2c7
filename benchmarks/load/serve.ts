import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { keepOn } from '../parts/affinity.ts';
import { Child } from '../parts/child.ts';
import { childrenOf, cpuOf, sum } from '../parts/cpu.ts';
import { eventStreamOf } from '../parts/event-data.ts';
import { dataFolder } from '../parts/folder.ts';
import { residentOf } from '../parts/resident.ts';
import { Publisher, publishRequest } from './publisher.ts';

const MAIN = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));

export interface ServeOptions {
  /** How many processes serve connections; with 1 it is the only one. @default 1 */
  readonly workers?: number;
  /** The folder of its log, or the URL of a store. @default a folder of its own */
  readonly log?: string;
}

/** The command `tidings serve`, with all of its processes, and one publisher. Only on Linux. */
export class ServeCommand {
  readonly port: number;
  readonly publisher: Publisher;
  readonly #child: Child;
  readonly #endIt: () => void;

  private constructor(child: Child, endIt: () => void, port: number, publisher: Publisher) {
    this.#child = child;
    this.#endIt = endIt;
    this.port = port;
    this.publisher = publisher;
  }

  static async start({ workers = 1, log = dataFolder() }: ServeOptions = {}): Promise<ServeCommand> {
    const place = [log.includes('://') ? '--log' : '--data', log];
    // All of its clients have one address.
    const limits = ['--keep-alive', 'none', '--max-listeners', 'none', '--max-connections-per-address', 'none'];
    const options = ['--port', '0', ...place, ...limits, '--workers', String(workers)];
    const child = new Child(process.execPath, [...process.execArgv, MAIN, 'serve', ...options]);
    // The command does not end with its input, as other children do.
    const endIt = (): void => child.end('SIGTERM');
    process.once('exit', endIt);
    const port = Number(/:(\d+)\/$/.exec(await child.line())?.[1]);
    return new ServeCommand(child, endIt, port, await Publisher.connect(port));
  }

  /** Publishes a number of events as one upload. */
  publish(topic: string, count: number): Promise<string> {
    return this.publisher.publish(publishRequest(topic, eventStreamOf(count), 'text/event-stream'));
  }

  /** Processor time of all its processes so far, microseconds. */
  cpu(): number {
    return cpuOf(this.#processes);
  }

  /** Memory of all its processes as it is, what they share counted once, KiB. */
  resident(): number {
    return sum(this.#processes.map((pid) => residentOf(pid).pss));
  }

  /** How many sockets each of its processes has open; the first is the one that was started. */
  sockets(): readonly number[] {
    return this.#processes.map((pid) => readdirSync(`/proc/${pid}/fd`).filter((fd) => isSocket(pid, fd)).length);
  }

  /** Lets all its processes run on some cores only, as `taskset` takes them. */
  keepOn(cores: string): void {
    for (const pid of this.#processes) keepOn(pid, cores);
  }

  /** Kills it as a failing machine does. */
  async kill(): Promise<void> {
    this.#child.end('SIGKILL');
    await this.stop();
  }

  /** Kills one of its workers, and waits until it is gone. The hub starts another one in its place. */
  async killWorker(): Promise<void> {
    const [, worker] = this.#processes;
    if (worker === undefined) throw new Error('There is no worker');
    process.kill(worker, 'SIGKILL');
    while (this.#processes.includes(worker)) await sleep(1);
  }

  async stop(): Promise<void> {
    process.off('exit', this.#endIt);
    this.publisher.close();
    this.#child.end('SIGTERM');
    await this.#child.stop();
  }

  get #processes(): readonly number[] {
    const { pid } = this.#child;
    return [pid, ...childrenOf(pid)];
  }
}

function isSocket(pid: number, fd: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
  } catch {
    // It has just been closed.
    return false;
  }
}
