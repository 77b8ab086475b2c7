// Publishing: how many events a second are on disk, and how long one publisher waits for its answer.
//
// Method: the hub, with its log on a real folder, is a process of its own; the publishers are in this one, each with a keep-alive
// connection on loopback and requests made beforehand, and each publishes again as soon as it is answered. An event has 100 bytes of data.
// A batch is one request with an event stream of several events. A publish is answered when it is on disk, so the disk is most of
// what one publisher waits for: the last row appends to a plain file and waits for the disk (fdatasync) each time, from the
// same folder; a commit of the log waits for the disk twice. The rows without HTTP append to a log in a process of its own.
// Rows run in rounds of about a second each, and the table shows the median of the rounds.

import { pathToFileURL } from 'node:url';
import { closedLoop } from './load/closed-loop.ts';
import { RunningHub } from './load/hub.ts';
import { Publisher, publishRequest } from './load/publisher.ts';
import { Child } from './parts/child.ts';
import { dataFolder } from './parts/folder.ts';
import { DATA, eventStreamOf } from './parts/event-data.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Publishing';

const RUN_MS = 1_000;
const WARM_UP_MS = 300;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };
const PUBLISHERS = [1, 16, 64];
const BATCHES = [100, 1_000];
const APPENDS: readonly (readonly [appenders: number, batch: number])[] = [
  [1, 1],
  [64, 1],
  [1, 1_000],
];

/** Prints the table. Takes about 40 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: events of ${DATA.length} bytes of data a second, each answered when it is on disk, and how long a publish takes until
its answer, in ms. Hub and log each in a process of their own, data on the disk of this checkout; median of 3 alternating runs.
CPU: processor time of the hub, µs an event.`,
  );
  const hub = await RunningHub.start();
  const log = Child.node(new URL('servers/log.ts', import.meta.url), [dataFolder()]);
  const publishers = await Promise.all(
    Array.from({ length: Math.max(...PUBLISHERS) }, () => Publisher.connect(hub.port)),
  );
  try {
    const one = publishRequest('readings', DATA);
    const rows: Row[] = [
      ...PUBLISHERS.map((count) => overHttp(`HTTP, ${publishing(count)}`, hub, publishers.slice(0, count), one, 1)),
      ...BATCHES.map((batch) => {
        const upload = publishRequest('readings', eventStreamOf(batch), 'text/event-stream');
        return overHttp(`HTTP, ${publishing(1)}, batches of ${batch}`, hub, publishers.slice(0, 1), upload, batch);
      }),
      ...APPENDS.map(([appenders, batch]) => {
        const name = `LmdbLog.append, ${appenders} at a time${batch === 1 ? '' : `, batches of ${batch}`}`;
        return told(name, log, `append ${RUN_MS} ${appenders} ${batch}`, batch);
      }),
      told('fdatasync of a plain file: the floor', log, `sync ${RUN_MS}`, 1),
    ];
    // What is compiled and the sizes of files settle before anything counts.
    await closedLoop(
      publishers.map((publisher) => () => publisher.publish(one)),
      WARM_UP_MS,
    );
    await log.ask(`append ${WARM_UP_MS} 64 1`);
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['publishers', 'events/s', 'p50, ms', 'p99, ms', 'CPU, µs'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        return [name, ...['perSecond', 'p50', 'p99', 'cpu'].map((key) => figure(own?.[key]))];
      }),
    );
  } finally {
    for (const publisher of publishers) publisher.close();
    await hub.stop();
    await log.stop();
  }
}

function publishing(count: number): string {
  return count === 1 ? '1 publisher' : `${count} publishers`;
}

function overHttp(
  name: string,
  hub: RunningHub,
  publishers: readonly Publisher[],
  request: Buffer,
  batch: number,
): Row {
  return {
    name,
    async measure() {
      const actors = publishers.map((publisher) => () => publisher.publish(request));
      const before = await hub.cpu();
      const figures = await closedLoop(actors, RUN_MS);
      const cpu = (await hub.cpu()) - before;
      return { ...figures, perSecond: figures.perSecond * batch, cpu: cpu / (figures.count * batch) };
    },
  };
}

/** A row that the process of the log measures itself. */
function told(name: string, log: Child, line: string, batch: number): Row {
  return {
    name,
    async measure() {
      const figures = JSON.parse(await log.ask(line)) as Figures;
      return { ...figures, perSecond: (figures['perSecond'] ?? Number.NaN) * batch };
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
