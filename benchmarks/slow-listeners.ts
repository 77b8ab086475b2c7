// Slow listeners: how fifty that never read affect the other 950 and the server's memory.
//
// Method: the server is a process of its own; 950 listeners that read are in another, and 50 that read their first byte and
// never again in a third (their receive buffers are as small as the system allows, so that what they do not take stays with the
// server). 100 events of 6,000 bytes are published 40 ms apart, whatever becomes of them. Each carries when it was published, and
// the sink notes how long ago that was when a listener has it: 95,000 latencies a run, of which the table shows the 99th percentile.
// Memory is the most that the server's resident set was during the run, less what it was before the first event. The run
// without the fifty has 50 more that read instead. Each run has a server of its own that has published 40 events before. Runs
// alternate, and the table shows their median.

import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { hasSinkInC, Listeners } from './load/listeners.ts';
import { type Server, startServer } from './load/server.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Slow listeners';

const LISTENERS = 1_000;
const DEAF = 50;
const EVENTS = 100;
const WARM_UP_EVENTS = 40;
const EVENT_BYTES = 6_000;
const EVERY_MS = 40;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: 0 };

const SERVERS: Readonly<Record<string, () => Promise<Server | undefined>>> = {
  'Tidings hub, log on disk': () => RunningHub.start(),
  'Tidings Channel on node:http': () => startServer('channel.ts'),
  'response.write() in Node': () => startServer('plain.ts'),
};

/** Prints the table. Takes about 100 seconds. */
export async function run(): Promise<void> {
  if (!hasSinkInC()) {
    console.log(`${title}: left out, because the listeners need gcc and epoll`);
    return;
  }
  console.log(
    `${title}: until an event reaches one that reads, ms, the 99th of a hundred; ${LISTENERS} listeners, none or ${DEAF} of which never read;
${EVENTS} events of ${EVENT_BYTES} bytes, ${EVERY_MS} ms apart. Memory: what the server had more at its peak, MiB. Median of alternating runs.`,
  );
  const rows: Row[] = Object.entries(SERVERS).flatMap(([name, start]) =>
    [0, DEAF].map((deaf) => ({ name: rowName(name, deaf), measure: () => measure(start, deaf) })),
  );
  const figures = await alternate(rows, ROUNDS);
  printTable(
    ['server', 'p99, none', `p99, ${DEAF}`, 'ratio', 'MiB, none', `MiB, ${DEAF}`],
    Object.keys(SERVERS).map((name) => {
      const [none, some] = [figures.get(rowName(name, 0)), figures.get(rowName(name, DEAF))];
      const [before = Number.NaN, after = Number.NaN] = [none?.['p99'], some?.['p99']];
      return [
        name,
        figure(before),
        figure(after),
        figure(after / before),
        figure(none?.['memory']),
        figure(some?.['memory']),
      ];
    }),
  );
}

async function measure(start: () => Promise<Server | undefined>, deaf: number): Promise<Figures> {
  const server = await start();
  if (!server) return {};
  const { port, target } = server;
  const stops: (() => Promise<void>)[] = [() => server.stop()];
  try {
    const reading = new Listeners({ port, target, count: LISTENERS - deaf });
    stops.push(() => reading.leave());
    await reading.connected;
    for (let event = 0; event < WARM_UP_EVENTS; event += 1) await publish(server, reading);
    if (deaf > 0) {
      const others = new Listeners({ port, target, count: deaf, deaf: true });
      stops.push(() => others.leave());
      await others.connected;
    }
    await reading.latencies();
    const before = await server.memory();
    await server.peak();
    const all = reading.expect(EVENTS);
    for (let event = 0; event < EVENTS; event += 1) {
      void server.publishData(stamped());
      await sleep(EVERY_MS);
    }
    await all;
    const { p99 } = await reading.latencies();
    return { p99, memory: ((await server.peak()) - before) / 1024 };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function publish(server: Server, listeners: Listeners): Promise<void> {
  await Promise.all([listeners.expect(1), server.publishData(stamped())]);
}

/** Data with the time when it was made, for the sink. */
function stamped(): string {
  return `@${process.hrtime.bigint()}~`.padStart(EVENT_BYTES, '.');
}

function rowName(server: string, deaf: number): string {
  return `${server}, ${deaf}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
