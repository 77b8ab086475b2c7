import { pathToFileURL } from 'node:url';
// Idle memory: the memory that an idle listener costs the server.
//
// Method: each server is a process of its own, started twice. 200 listeners connect, then its memory is read: what a server needs to run at
// all, the code that was compiled, the first growth of its heap. Then 15,000 more connect from another process, each gets its first bytes and
// nothing after, and the memory is read again: the difference, divided by 15,000, is the table's. `As it is` is the resident set and the share
// in it (Rss and Pss of /proc/PID/smaps_rollup), read from outside after the server was left alone for ten seconds, with nothing collected by
// hand; Node 24 collects nothing by itself in the minute after either. `Collected` is from the second start: the resident set after Node has
// collected all garbage five times in half a second, before and after. What the kernel holds for a socket is in none of the figures. One run a
// row: it is stable to about 0.4 KiB as it is, and to 0.2 KiB once collected. With a lower limit of open files there are fewer listeners.
// With the path of another checkout that is built as an argument, its hub and stream server are rows as well.

import { setTimeout as sleep } from 'node:timers/promises';
import { RunningHub } from './load/hub.ts';
import { hasSinkInC, Listeners } from './load/listeners.ts';
import { benchmarksOf, type Server, startServer } from './load/server.ts';
import { openFiles } from './parts/open-files.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Idle memory';

const FIRST_LISTENERS = 200;
const MAX_LISTENERS = 15_000;
// What a process has open besides
const OTHER_FILES = 300;

const NCHAN = 'nchan in nginx';

const SERVERS: Readonly<Record<string, Start>> = {
  'Tidings hub, log on disk': () => RunningHub.start(),
  'Tidings Channel on node:http': () => startServer('channel.ts'),
  'Tidings Channel on its stream server': () => startServer('channel.ts', ['-', 'stream-server']),
  'Tidings eventStream on node:http': () => startServer('event-stream.ts'),
  'better-sse': () => startServer('better-sse.ts'),
  'response.write() in Node': () => startServer('plain.ts'),
  [NCHAN]: () => startServer('nchan.ts'),
  'socket.write() in Node, no HTTP': () => startServer('socket.ts'),
};

const LEFT_ALONE_MS = 10_000;

/** KiB for each listener. */
interface Memory {
  readonly rss: number;
  readonly pss: number;
  readonly collected: number;
}

type Start = () => Promise<Server | undefined>;

/** Prints the table. Takes about four minutes. */
export async function run(before?: string): Promise<void> {
  if (!hasSinkInC()) {
    console.log(`${title}: left out, because the listeners need gcc and epoll`);
    return;
  }
  const count = Math.min(MAX_LISTENERS, openFiles() - FIRST_LISTENERS - OTHER_FILES);
  console.log(
    `${title}: KiB of the server's memory for each of ${count.toLocaleString('en')} listeners that have had their first bytes.`,
  );
  const servers = { ...SERVERS, ...(before === undefined ? {} : serversOf(before)) };
  const figures = new Map<string, Memory>();
  for (const [name, start] of Object.entries(servers)) {
    const memory = await measure(start, count);
    if (memory) figures.set(name, memory);
  }
  const nchan = figures.get(NCHAN);
  printTable(
    ['server', 'as it is, Rss', 'to nchan', 'Pss', 'to nchan', 'collected', 'to nchan'],
    Object.keys(servers).map((name) => {
      const own = figures.get(name);
      const pair = (key: keyof Memory): string[] => [
        figure(own?.[key]),
        figure((own?.[key] ?? Number.NaN) / (nchan?.[key] ?? Number.NaN)),
      ];
      return [name, ...pair('rss'), ...pair('pss'), ...pair('collected')];
    }),
  );
}

/** What another checkout has built. */
function serversOf(checkout: string): Readonly<Record<string, Start>> {
  const benchmarks = benchmarksOf(checkout);
  return {
    'Tidings hub, before': () => RunningHub.start(benchmarks),
    'Tidings Channel on its stream server, before': () => startServer('channel.ts', ['-', 'stream-server'], benchmarks),
  };
}

async function measure(start: Start, count: number): Promise<Memory | undefined> {
  const asItIs = await grow(start, count, async (server) => {
    await sleep(LEFT_ALONE_MS);
    return server.resident();
  });
  const collected = await grow(start, count, (server) => server.memory());
  if (!asItIs || !collected) return undefined;
  const each = (before: number, after: number): number => (after - before) / count;
  return {
    rss: each(asItIs.before.rss, asItIs.after.rss),
    pss: each(asItIs.before.pss, asItIs.after.pss),
    collected: each(collected.before, collected.after),
  };
}

/** Reads the memory of a new server with its first listeners, and with all. */
async function grow<T>(
  start: Start,
  count: number,
  read: (server: Server) => Promise<T>,
): Promise<{ readonly before: T; readonly after: T } | undefined> {
  const server = await start();
  if (!server) return undefined;
  const { port, target } = server;
  const stops: (() => Promise<void>)[] = [() => server.stop()];
  try {
    const connect = async (listeners: number): Promise<T> => {
      const some = new Listeners({ port, target, count: listeners });
      stops.push(() => some.leave());
      await some.connected;
      await some.settle();
      return await read(server);
    };
    return { before: await connect(FIRST_LISTENERS), after: await connect(count) };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run(process.argv[2]);
