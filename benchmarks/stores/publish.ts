// Publishing to each log: how long one event takes, how many a second, and in batches, beside what the store itself takes for as much.
//
// Method: for each store `tidings serve` on it, in a process of its own; a log without a hub, in another; and the store alone, as its own client uses it
// (servers/bare-store.ts), in a third: for LMDB one put and its transaction with sync, for PostgreSQL one INSERT and its commit by `pg`, for JetStream one message and its
// acknowledgement. An event has 100 bytes of data, and a record of the bare store is as long as an event's frame. The hub and the two others do not share a store: each
// has a new folder or server, PostgreSQL with all of its safety (fsync, synchronous_commit), one nats-server with its files and its own interval of syncing. The publishers are in this process, each
// with a keep-alive connection on loopback, and publish again as soon as they are answered. A batch is one request, one call of the log, one transaction or INSERT, and of JetStream
// a thousand messages at once of which all acknowledgements are waited for. Rows run in rounds of a second each; the table shows medians, and the ratios are medians of those of the same round.

import { pathToFileURL } from 'node:url';
import { closedLoop } from '../load/closed-loop.ts';
import { Publisher, publishRequest } from '../load/publisher.ts';
import { ServeCommand } from '../load/serve.ts';
import { startStore, STORE_NAMES, type StoreName } from '../load/stores.ts';
import { Child } from '../parts/child.ts';
import { DATA, eventStreamOf } from '../parts/event-data.ts';
import { alternate, type Figures, type Row } from '../parts/rounds.ts';
import { figure, printTable } from '../parts/table.ts';

export const title: string = 'Publishing to each log';

const RUN_MS = 1_000;
const WARM_UP_MS = 500;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };

/** How many act at once, and how many events each of their acts has. */
const LOADS: readonly (readonly [actors: number, batch: number])[] = [
  [1, 1],
  [64, 1],
  [1, 1_000],
];

/** Prints a table for each store. Takes about two minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: events of ${DATA.length} bytes of data, each answered when its store has it; how long an answer takes, ms. Median of 3 alternating runs.
CPU: processor time of the hub, µs an event. The ratios are to the store alone in the same round.`,
  );
  for (const name of STORE_NAMES) await measure(name);
}

async function measure(name: StoreName): Promise<void> {
  const stops: (() => Promise<void> | void)[] = [];
  try {
    const [ofHub, others] = [await startStore(name), await startStore(name)];
    stops.push(ofHub.stop, others.stop);
    const hub = await ServeCommand.start({ log: ofHub.place });
    stops.push(() => hub.stop());
    const log = Child.node(new URL('../servers/log.ts', import.meta.url), [others.place]);
    stops.push(() => log.stop());
    // LMDB takes a folder for one of both.
    const bareStore = name === 'LMDB' ? await startStore(name) : others;
    const bare = Child.node(new URL('../servers/bare-store.ts', import.meta.url), [bareStore.place]);
    stops.push(() => bare.stop());
    const publishers = await Promise.all(Array.from({ length: 64 }, () => Publisher.connect(hub.port)));
    stops.push(() => publishers.forEach((publisher) => publisher.close()));
    const rows: Row[] = LOADS.flatMap((load) => [
      { name: nameOf('hub', load), measure: () => publish(hub, publishers, load) },
      { name: nameOf('log', load), measure: () => ask(log, load) },
      { name: nameOf('store', load), measure: () => ask(bare, load) },
    ]);
    for (const [actors, batch] of LOADS) {
      await publish(hub, publishers, [actors, batch], WARM_UP_MS);
      for (const child of [log, bare]) await child.ask(`append ${WARM_UP_MS} ${actors} ${batch}`);
    }
    const figures = await alternate(rows, ROUNDS);
    console.log(`\n## ${name}`);
    printTable(
      ['', 'events/s', 'to the store', 'p50, ms', 'to the store', 'p99, ms', 'CPU, µs'],
      LOADS.flatMap((load) =>
        ['hub', 'log', 'store'].map((what) => {
          const own = figures.get(nameOf(what, load));
          const ratio = (key: string): string => figure(figures.ratio(nameOf(what, load), nameOf('store', load), key));
          return [
            nameOf(what, load),
            figure(own?.['perSecond']),
            ratio('perSecond'),
            figure(own?.['p50']),
            ratio('p50'),
            figure(own?.['p99']),
            figure(own?.['cpu']),
          ];
        }),
      ),
    );
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function publish(
  hub: ServeCommand,
  publishers: readonly Publisher[],
  [actors, batch]: readonly [number, number],
  milliseconds = RUN_MS,
): Promise<Figures> {
  const request =
    batch === 1
      ? publishRequest('readings', DATA)
      : publishRequest('readings', eventStreamOf(batch), 'text/event-stream');
  const before = hub.cpu();
  const figures = await closedLoop(
    publishers.slice(0, actors).map((publisher) => () => publisher.publish(request)),
    milliseconds,
  );
  const cpu = (hub.cpu() - before) / (figures.count * batch);
  return { ...figures, perSecond: figures.perSecond * batch, cpu };
}

async function ask(child: Child, [actors, batch]: readonly [number, number]): Promise<Figures> {
  const figures = JSON.parse(await child.ask(`append ${RUN_MS} ${actors} ${batch}`)) as Figures;
  return { ...figures, perSecond: (figures['perSecond'] ?? Number.NaN) * batch };
}

function nameOf(what: string, [actors, batch]: readonly [number, number]): string {
  if (batch > 1) return `${what}, batches of ${batch}`;
  return `${what}, ${actors === 1 ? 'one at a time' : `${actors} at a time`}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
