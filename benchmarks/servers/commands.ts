import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createInterface } from 'node:readline';
import { peakKib, residentKib, settle } from './memory.ts';

type Answer = string | number | void | Promise<string | number | void>;

/** A command of a line. The words after the first are its arguments, and its result is the answer. */
export type Commands = Readonly<Record<string, (...words: string[]) => Answer>>;

/** The commands that every program has, unless it has its own. */
const OF_THIS_PROCESS: Commands = {
  /** Processor time so far, microseconds. */
  cpu: cpuMicroseconds,
  /** Memory after a garbage collection, KiB. */
  async memory() {
    await settle();
    return residentKib(process.pid);
  },
  /** The most memory there has been since the last time that this was asked, KiB. */
  peak: () => peakKib(process.pid),
};

/** Carries out the lines on standard input until it ends. `cpu`, `memory` and `peak` report this process unless the program has its own. */
export async function obey(commands: Commands): Promise<void> {
  const all: Commands = { ...OF_THIS_PROCESS, ...commands };
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = '', ...words] = line.split(' ');
    const answer = await all[name]?.(...words);
    if (answer !== undefined) console.log(String(answer));
  }
}

/** A server of HTTP, over TLS or not. */
interface Closable extends Server {
  closeAllConnections(): void;
}

/** Starts a server on a port that the system picks, prints the port, and carries out commands. */
export async function serve(server: Closable, commands: Commands): Promise<void> {
  // As long a queue as the system allows: how long connecting takes is not what is measured.
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 65_535 }), 'listening');
  console.log((server.address() as AddressInfo).port);
  await obey(commands);
  server.close();
  server.closeAllConnections();
}

/** Processor time of this process so far, all of its threads. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
