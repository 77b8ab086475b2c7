// Resume storm: 10,000 listeners come back at once, as after a deploy or a lost network. How long until all of them are live?
//
// Method: each run has a server of its own, a process that has just started, and its listeners are in another. They connect all at
// once, each with the cursor of 100 events ago. No more are on their way in at a time than the system lets wait for a server
// (net.core.somaxconn): it drops the others, which then try again after seconds, whatever the server does. A run is timed from the first connecting until each has the 100 events that it missed
// and then one that is published when the last of them has: only live listeners get it. Memory is the most that the server's resident
// set was, less what it was before. Meanwhile one publisher publishes to another topic of the hub every 10 ms; the table shows the
// longest that one of its publishes took. The rows of 0 events are the same with listeners that missed nothing: what connecting
// costs.
// The hub's log is on disk, the Channel's and nchan's in memory. Runs alternate, and the table shows their median. The ratios are
// medians too, each of two runs of the same round: to the same server's row of 0, and to nchan. With a lower limit of open files there
// are fewer listeners.
//
// With the folder of another build, which has to be built, its hub runs beside this one's:
// npx node benchmarks/resume-storm.ts ../before

import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { Listeners, sinkName } from './load/listeners.ts';
import { Publisher, publishRequest } from './load/publisher.ts';
import { benchmarksOf, type Server, startServer } from './load/server.ts';
import { DATA } from './parts/event-data.ts';
import { openFiles } from './parts/open-files.ts';
import { alternate, type Figures, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';
import { waitingConnections } from './parts/waiting-connections.ts';

export const title: string = 'Resume storm';

// What a process has open besides
const OTHER_FILES = 300;
const MANY = Math.min(10_000, openFiles() - OTHER_FILES);

/** How many come back, and how many events each of them missed. */
type Storm = readonly [listeners: number, missed: number];

const STORM: Storm = [MANY, 100];
const NOTHING_MISSED: Storm = [MANY, 0];
const ALL: readonly Storm[] = [STORM, NOTHING_MISSED, [2_000, 100]];
const WINDOW = waitingConnections();
const PUBLISH_EVERY_MS = 10;
const ROUNDS = { atLeast: 3, atMost: 5, milliseconds: 100_000 };

type Servers = Readonly<Record<string, readonly [() => Promise<Server | undefined>, readonly Storm[]]>>;

const SERVERS: Servers = {
  'Tidings hub': [() => RunningHub.start(), ALL],
  'Tidings Channel': [() => startServer('channel.ts'), ALL],
  nchan: [() => startServer('nchan.ts'), [STORM]],
};

const COLUMNS = {
  connected: 'until all have a first byte, ms',
  live: 'until all are live, ms',
  cpu: 'CPU, µs a listener',
  memory: 'memory, MiB',
  publish: 'publish, ms',
} as const;

/**
 * Prints the table. Takes about three minutes.
 * @param before the folder of another build whose hub is measured, too. @default none
 */
export async function run(before?: string): Promise<void> {
  console.log(
    `${title}: listeners connect at once (${sinkName()}), and get what they missed, events of ${DATA.length} bytes of data. CPU: processor
time of the server. Memory: what it had more at its peak. Publish: the longest that one took meanwhile. Median of alternating runs.`,
  );
  const servers: Servers =
    before === undefined
      ? SERVERS
      : { ...SERVERS, 'the hub before': [() => RunningHub.start(benchmarksOf(before)), [STORM, NOTHING_MISSED]] };
  const rows: Row[] = Object.entries(servers).flatMap(([server, [start, storms]]) =>
    storms.map(([listeners, missed]) => ({
      name: nameOf(server, [listeners, missed]),
      measure: () => storm(start, listeners, missed),
    })),
  );
  const figures = await alternate(rows, ROUNDS);
  const names = Object.entries(servers).flatMap(([server, [, storms]]) =>
    storms.map((each) => [server, each] as const),
  );
  printTable(
    ['server', ...Object.values(COLUMNS), 'time to none missed', 'time to nchan', 'CPU to none missed', 'CPU to nchan'],
    names.map(([server, each]) => {
      const name = nameOf(server, each);
      const [listeners] = each;
      const others = [nameOf(server, NOTHING_MISSED), nameOf('nchan', STORM)];
      // A ratio is to as many listeners.
      const ratioOf = (key: string, other: string): string =>
        figure(listeners === MANY ? figures.ratio(name, other, key) : undefined);
      return [
        name,
        ...Object.keys(COLUMNS).map((key) => figure(figures.get(name)?.[key])),
        ...['live', 'cpu'].flatMap((key) => others.map((other) => ratioOf(key, other))),
      ];
    }),
  );
}

function nameOf(server: string, [listeners, missed]: Storm): string {
  return `${server}, ${listeners.toLocaleString('en')} behind by ${missed}`;
}

async function storm(start: () => Promise<Server | undefined>, count: number, missed: number): Promise<Figures> {
  const server = await start();
  if (!server) return {};
  const stops: (() => Promise<void> | void)[] = [() => server.stop()];
  try {
    const cursor = await server.cursor();
    if (missed > 0) await server.publish(missed);
    const memory = await server.memory();
    const cpu = await server.cpu();
    await server.peak();
    const began = performance.now();
    const { port, target } = server;
    const headers = { 'Last-Event-ID': cursor };
    const listeners = new Listeners({ port, count, target, headers, window: WINDOW });
    stops.push(() => listeners.leave());
    const live = (async () => {
      await Promise.all([listeners.connected, missed > 0 && listeners.expect(missed)]);
      await Promise.all([listeners.expect(1), server.publish(1)]);
      return performance.now() - began;
    })();
    const publish = server instanceof RunningHub ? longestPublish(server.port, live) : Number.NaN;
    await listeners.connected;
    const connected = performance.now() - began;
    return {
      connected,
      live: await live,
      publish: await publish,
      cpu: ((await server.cpu()) - cpu) / count,
      memory: ((await server.peak()) - memory) / 1024,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Publishes to a hub until the end, and returns how long the longest publish took, in milliseconds. */
async function longestPublish(port: number, end: Promise<unknown>): Promise<number> {
  const publisher = await Publisher.connect(port);
  const request = publishRequest('elsewhere', DATA);
  let ended = false;
  const stop = (): void => void (ended = true);
  end.then(stop, stop);
  let longest = 0;
  while (!ended) {
    const start = performance.now();
    await publisher.publish(request);
    longest = Math.max(longest, performance.now() - start);
    await sleep(PUBLISH_EVERY_MS);
  }
  publisher.close();
  return longest;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run(process.argv[2]);
