import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Child } from '../parts/child.ts';
import { compile } from '../parts/compile.ts';
import { DATA } from '../parts/event-data.ts';
import { residentOf, startedBy, type Resident } from '../parts/resident.ts';

/** A server under load, in a process of its own. */
export interface Server {
  readonly port: number;
  /** Path and query of a listener's request. */
  readonly target: string;
  /** Publishes a number of events of {@link DATA} as one tick. */
  publish(count: number): Promise<unknown> | void;
  /** Publishes one event of this data, which has no space in it. */
  publishData(data: string): Promise<unknown> | void;
  /** Publishes one event and resolves to its id, if the server can replay the events after it. */
  cursor(): Promise<string>;
  /** Processor time so far, microseconds. */
  cpu(): Promise<number>;
  /** Memory after a garbage collection, KiB. */
  memory(): Promise<number>;
  /** Memory as it is, with nothing collected for it. Only on Linux. */
  resident(): Resident;
  /** The most memory since the last time that this was asked, KiB. */
  peak(): Promise<number>;
  stop(): Promise<void>;
}

/** The folder of these benchmarks. */
export const HERE: URL = new URL('../', import.meta.url);

/** The folder of the benchmarks of another checkout. */
export function benchmarksOf(checkout: string): URL {
  return pathToFileURL(`${resolve(checkout)}/benchmarks/`);
}

/**
 * Starts a program of `servers` that is controlled by lines (servers/commands.ts). Resolves to undefined, and prints why, if it is not available here.
 * @param benchmarks the folder of the benchmarks of another checkout, to run it with what is built there
 */
export async function startServer(
  name: string,
  args: readonly string[] = [DATA],
  benchmarks: URL = HERE,
): Promise<Server | undefined> {
  const file = new URL(`servers/${name}`, benchmarks);
  const program = name.endsWith('.c') ? compile(file) : undefined;
  if (name.endsWith('.c') && program === undefined) {
    console.log(`Left out: ${name} (no gcc)`);
    return undefined;
  }
  const child = program === undefined ? Child.node(file, args) : new Child(program, args);
  const first = await child.line();
  if (first.startsWith('missing')) {
    await child.stop();
    console.log(`Left out: ${name} (${first})`);
    return undefined;
  }
  const ask = async (line: string): Promise<number> => Number(await child.ask(line));
  return {
    port: Number(first),
    target: '/',
    publish: (count) => child.tell(`publish ${count}`),
    publishData: (data) => child.tell(`publish 1 ${data}`),
    cursor: () => child.ask('cursor'),
    cpu: () => ask('cpu'),
    memory: () => ask('memory'),
    // The program of nchan only starts nginx.
    resident: () => residentOf(name === 'nchan.ts' ? startedBy(child.pid) : child.pid),
    peak: () => ask('peak'),
    stop: () => child.stop(),
  };
}
