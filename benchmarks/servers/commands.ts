import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

type Answer = string | number | void | Promise<string | number>;

/** What a line can ask for: its words behind the first are the arguments, what is returned is the answer. */
export type Commands = Readonly<Record<string, (...words: string[]) => Answer>>;

/** Obeys the lines on standard input until it ends. `cpu` answers the processor time of this process, in microseconds. */
export async function obey(commands: Commands): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = '', ...words] = line.split(' ');
    const answer = name === 'cpu' ? cpuMicroseconds() : await commands[name]?.(...words);
    if (answer !== undefined) console.log(String(answer));
  }
}

/** Starts a server on a port that the system picks, says which, and obeys. */
export async function serve(server: Server, commands: Commands): Promise<void> {
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
