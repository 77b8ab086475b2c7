// Idle memory: what a listener that is only there costs the server.
//
// Method: each server is a process of its own. 200 listeners connect, then its memory is read: what a server needs to run at all, the
// code that was compiled, the first growth of its heap. Then 15,000 more connect from another process, each gets its first
// bytes and nothing after, and the memory is read again: the difference, divided by 15,000, is the table's. Memory is the resident
// set (VmRSS) after Node has collected all garbage five times in half a second; `at its peak` is the most the process had
// while they connected, with what was not yet collected. What the kernel holds for a socket is in none of the figures. One run a row: the
// figure is stable to about 0.2 KiB. With a lower limit of open files there are fewer listeners.

import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { hasSinkInC, Listeners } from './load/listeners.ts';
import { type Server, startServer } from './load/server.ts';
import { openFiles } from './parts/open-files.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Idle memory';

const FIRST_LISTENERS = 200;
const MAX_LISTENERS = 15_000;
// What a process has open besides
const OTHER_FILES = 300;

const NCHAN = 'nchan in nginx';

const SERVERS: Readonly<Record<string, () => Promise<Server | undefined>>> = {
  'Tidings hub, log on disk': () => RunningHub.start(),
  'Tidings Channel on node:http': () => startServer('channel.ts'),
  'Tidings Channel on its stream server': () => startServer('channel.ts', ['-', 'stream-server']),
  'Tidings eventStream on node:http': () => startServer('event-stream.ts'),
  'better-sse': () => startServer('better-sse.ts'),
  'response.write() in Node': () => startServer('plain.ts'),
  [NCHAN]: () => startServer('nchan.ts'),
  'socket.write() in Node, no HTTP': () => startServer('socket.ts'),
};

interface Memory {
  /** KiB for each listener. */
  readonly idle: number;
  readonly peak: number;
}

/** Prints the table. Takes about 110 seconds. */
export async function run(): Promise<void> {
  if (!hasSinkInC()) {
    console.log(`${title}: left out, for the listeners need gcc and epoll`);
    return;
  }
  const count = Math.min(MAX_LISTENERS, openFiles() - FIRST_LISTENERS - OTHER_FILES);
  console.log(
    `${title}: KiB of the server's resident set for each of ${count.toLocaleString('en')} listeners that have had their first bytes.`,
  );
  const figures = new Map<string, Memory>();
  for (const [name, start] of Object.entries(SERVERS)) {
    const server = await start();
    if (server) figures.set(name, await measure(server, count));
  }
  const nchan = figures.get(NCHAN)?.idle ?? Number.NaN;
  printTable(
    ['server', 'KiB', 'to nchan', 'KiB at its peak'],
    Object.keys(SERVERS).map((name) => {
      const { idle, peak } = figures.get(name) ?? { idle: Number.NaN, peak: Number.NaN };
      return [name, figure(idle), figure(idle / nchan), figure(peak)];
    }),
  );
}

async function measure(server: Server, count: number): Promise<Memory> {
  const { port, target } = server;
  const stops: (() => Promise<void>)[] = [() => server.stop()];
  try {
    const connect = async (listeners: number): Promise<number> => {
      const some = new Listeners({ port, target, count: listeners });
      stops.push(() => some.leave());
      await some.connected;
      await some.settle();
      return await server.memory();
    };
    const before = await connect(FIRST_LISTENERS);
    await server.peak();
    const after = await connect(count);
    return { idle: (after - before) / count, peak: ((await server.peak()) - before) / count };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
