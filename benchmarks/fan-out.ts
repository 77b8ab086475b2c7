// Fan-out: the cost of a delivered event for the server, for Tidings, other servers and the floor.
//
// Method: each server is a process of its own with 2,000 listeners of its own on loopback. A run publishes 20 events of 100
// bytes of data, one a tick or ten a tick; a tick is published when every listener has had the whole of the one before, which the
// sink confirms event by event; in the end it makes sure that all of them have had the same bytes. The cost of a run is the processor time that the server's process (all of its threads) had in
// it, divided by the events delivered. Rows run in rounds, each row once a round, and the table shows the median of the rounds, the
// medians of the ratios to others in the same round, and how long a tick took from publishing until the last listener had it.
//
// The hub's cost has all of publishing in it: an HTTP request and a commit to disk for every tick. nchan's has the HTTP
// requests alone, ten at once for ten events a tick. The others have no log on disk, and publish when they read a line on
// standard input. better-sse is given its text as it is, not to be made JSON. Keep-alives are off. To add a server, give it a row in `SERVERS`.

import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { hasSinkInC, Listeners, sinkName } from './load/listeners.ts';
import { type Server, startServer } from './load/server.ts';
import { DATA } from './parts/event-data.ts';
import { median } from './parts/median.ts';
import { alternate, type Figures, type Measured, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Fan-out';

const LISTENERS = 2_000;
const EVENTS = 20;
const EVENTS_PER_TICK = [1, 10];
const WARM_UP_TICKS = 40;
const ROUNDS = { atLeast: 8, atMost: 40, milliseconds: 80_000 };

const FLOOR = 'write(2) in a C loop: the floor';
const BETTER_SSE = 'better-sse';
const NCHAN = 'nchan in nginx';

/** What others are compared with. */
const PEERS = [
  ['floor', FLOOR],
  ['better-sse', BETTER_SSE],
  ['nchan', NCHAN],
] as const;

/** Each starts a server, or returns undefined if it is not available here. */
const SERVERS: Readonly<Record<string, () => Promise<Server | undefined>>> = {
  'Tidings hub, log on disk': () => RunningHub.start(),
  'Tidings Channel on node:http': () => startServer('channel.ts'),
  'Tidings Channel on its stream server': () => startServer('channel.ts', [DATA, 'stream-server']),
  [BETTER_SSE]: () => startServer('better-sse.ts'),
  'response.write() in Node': () => startServer('plain.ts'),
  [NCHAN]: () => startServer('nchan.ts'),
  'socket.write() in Node, no HTTP': () => startServer('socket.ts'),
  [FLOOR]: () => startServer('floor.c'),
};

/** Publishes a number of ticks, each when all listeners have had the one before. Returns how long they took. */
async function publishTicks(server: Server, listeners: Listeners, ticks: number, perTick: number): Promise<number[]> {
  const times: number[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    const start = performance.now();
    await Promise.all([listeners.expect(perTick), server.publish(perTick)]);
    times.push(performance.now() - start);
  }
  return times;
}

async function measure(server: Server, listeners: Listeners, perTick: number): Promise<Figures> {
  const before = await server.cpu();
  const times = await publishTicks(server, listeners, EVENTS / perTick, perTick);
  const cpu = (await server.cpu()) - before;
  return { perEvent: cpu / (LISTENERS * EVENTS), tick: median(times) };
}

/** Prints the tables. Takes about two minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: what a delivered event of ${DATA.length} bytes of data costs the server, in µs of processor time. ${LISTENERS} listeners
on loopback (${sinkName()}), ${EVENTS} events a run, the next tick when all have had the one before; median of alternating runs.
The hub's figures include publishing over HTTP and a commit to disk for every tick. Tick: until the last listener has it, ms.`,
  );
  const stops: (() => Promise<void>)[] = [];
  const rows: Row[] = [];
  const checks: (() => Promise<void>)[] = [];
  try {
    for (const [name, start] of Object.entries(SERVERS)) {
      const server = await start();
      if (!server) continue;
      stops.push(() => server.stop());
      const listeners = new Listeners({ port: server.port, count: LISTENERS, target: server.target });
      stops.push(() => listeners.leave());
      await listeners.connected;
      await publishTicks(server, listeners, WARM_UP_TICKS, 1);
      if (hasSinkInC()) {
        await listeners.settle();
        checks.push(() => listeners.compare());
      }
      for (const perTick of EVENTS_PER_TICK) {
        rows.push({ name: rowName(name, perTick), measure: () => measure(server, listeners, perTick) });
      }
    }
    const figures = await alternate(rows, ROUNDS);
    for (const check of checks) await check();
    print(figures);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

function print(figures: Measured): void {
  for (const perTick of EVENTS_PER_TICK) {
    const rows = Object.keys(SERVERS).map((name) => {
      const own = rowName(name, perTick);
      const ratios = PEERS.map(([, peer]) => figures.ratio(own, rowName(peer, perTick), 'perEvent'));
      return [name, figure(figures.get(own)?.['perEvent']), ...ratios.map(figure), figure(figures.get(own)?.['tick'])];
    });
    const many = perTick === 1 ? '1 event a tick' : `${perTick} events a tick`;
    printTable([many, 'µs an event', ...PEERS.map(([peer]) => `to ${peer}`), 'tick, ms'], rows);
  }
}

function rowName(server: string, perTick: number): string {
  return `${server}, ${perTick}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
