import { pathToFileURL } from 'node:url';
// Idle memory over TLS: the memory that an idle stream costs a hub that speaks HTTP/2.
//
// Method: that of idle-memory.ts, with other listeners. Each row is a server in a process of its own, started twice. 200 streams begin, then its memory is read.
// Then more connections come from another process, as many and with as many streams on each as the row says, each stream gets its first bytes and nothing after,
// and the memory is read again: the difference, divided by the streams that came, is the table's. `As it is` is the resident set (Rss of
// /proc/PID/smaps_rollup), read from outside after the server was left alone for ten seconds, with nothing collected by hand. `Collected` is from the second start: the
// resident set after Node has collected all garbage five times in half a second, before and after. What the kernel holds for a socket is in none of the
// figures. The last row is a server of node:http2 that does nothing but to send a head and a comment.

import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from './load/server.ts';
import { Child } from './parts/child.ts';
import { dataFolder } from './parts/folder.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Idle memory over TLS';

const PROGRAM = new URL('load/secure-listeners.ts', import.meta.url);
const LEFT_ALONE_MS = 10_000;

interface Row {
  readonly name: string;
  readonly server: 'hub-tls.ts' | 'http2.ts';
  readonly protocol: 'h2' | 'http/1.1';
  readonly connections: number;
  readonly streams: number;
}

const HUB = { server: 'hub-tls.ts', protocol: 'h2' } as const;

const ROWS: readonly Row[] = [
  { name: 'Tidings hub, HTTP/2', ...HUB, connections: 150, streams: 100 },
  { name: 'Tidings hub, HTTP/2', ...HUB, connections: 600, streams: 5 },
  { name: 'Tidings hub, HTTP/2', ...HUB, connections: 1500, streams: 1 },
  { name: 'Tidings hub, HTTP/1.1', ...HUB, protocol: 'http/1.1', connections: 1500, streams: 1 },
  { name: 'node:http2', server: 'http2.ts', protocol: 'h2', connections: 150, streams: 100 },
];

/** Prints the table. Takes about three minutes. */
export async function run(): Promise<void> {
  if (process.platform !== 'linux') {
    console.log(`${title}: left out, because the memory is read from /proc`);
    return;
  }
  console.log(
    `${title}: KiB of the server's memory for each stream that has had its first bytes, and for each connection with its streams.`,
  );
  const rows: string[][] = [];
  for (const row of ROWS) {
    const count = row.connections * row.streams;
    const asItIs = await grow(row, async (server) => {
      await sleep(LEFT_ALONE_MS);
      return server.resident().rss;
    });
    const collected = await grow(row, (server) => server.memory());
    const each = [asItIs, collected].flatMap((kib) => [figure(kib / count), figure(kib / row.connections)]);
    rows.push([row.name, row.connections.toLocaleString('en'), String(row.streams), ...each]);
  }
  printTable(
    ['server', 'connections', 'streams of each', 'as it is', 'a connection', 'collected', 'a connection'],
    rows,
  );
}

type Started = NonNullable<Awaited<ReturnType<typeof startServer>>>;

/** By how much the memory of a new server has grown, KiB. */
async function grow(row: Row, read: (server: Started) => Promise<number>): Promise<number> {
  const isHub = row.server === 'hub-tls.ts';
  const server = await startServer(row.server, isHub ? [dataFolder()] : []);
  if (!server) return Number.NaN;
  const stops: (() => Promise<void>)[] = [() => server.stop()];
  const path = isHub ? '/topics/readings' : '/';
  try {
    const connect = async (connections: number): Promise<number> => {
      const args = [String(server.port), path, row.protocol, String(connections), String(row.streams)];
      const listeners = Child.node(PROGRAM, args);
      stops.push(() => listeners.stop());
      await listeners.line();
      return await read(server);
    };
    const before = await connect(Math.ceil(200 / row.streams));
    return (await connect(row.connections)) - before;
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
