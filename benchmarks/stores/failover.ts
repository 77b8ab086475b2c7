// A node dies: how long until the 5,000 listeners that it had are live at the other one, with what they missed.
//
// Method: each run has two new hubs on one store (`tidings serve`); of LMDB one hub with two workers. 5,000 listeners connect to the first node and get an event, whose cursor they have. Then that node is
// killed (SIGKILL; of the workers one, in whose place the hub starts another one), 100 events are published at the other, and 5,000 listeners connect to it, all at once, each with
// the cursor. No more are on their way in at a time than the system lets wait for a server (net.core.somaxconn). A run is timed from the first connecting until each has the 100 events and then one that is published when the last of them has: only live
// listeners get it. "Fresh" is the same with listeners that have no cursor, and so nothing to catch up: what connecting costs. The cost is the processor time of all processes of the remaining hub. Runs alternate, and the table shows
// their median; the ratios are medians of those of the same round.

import { pathToFileURL } from 'node:url';
import { Listeners, sinkName } from '../load/listeners.ts';
import { Publisher, publishRequest } from '../load/publisher.ts';
import { NODES_OF, startNodes, STORE_NAMES, type StoreName } from '../load/stores.ts';
import { DATA, eventStreamOf } from '../parts/event-data.ts';
import { openFiles } from '../parts/open-files.ts';
import { alternate, type Figures, type Row } from '../parts/rounds.ts';
import { figure, printTable } from '../parts/table.ts';
import { waitingConnections } from '../parts/waiting-connections.ts';

export const title: string = 'A node dies';

// What a process has open besides
const OTHER_FILES = 300;
const LISTENERS = Math.min(5_000, openFiles() - OTHER_FILES);
const MISSED = 100;
const TOPIC = 'readings';
const WINDOW = waitingConnections();
const ROUNDS = { atLeast: 2, atMost: 3, milliseconds: 60_000 };

const COLUMNS = {
  connected: 'until all have a first byte, ms',
  live: 'until all are live, ms',
  cpu: 'CPU, µs a listener',
} as const;

/** Prints the table. Takes about three minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: ${LISTENERS} listeners of a node that was killed come to the other one (${sinkName()}), behind by ${MISSED} events of ${DATA.length} bytes of data, beside as many without a cursor.
CPU: processor time of the hub that they come to. Median of alternating runs.`,
  );
  const rows: Row[] = STORE_NAMES.flatMap((store) =>
    [MISSED, 0].map((missed) => ({ name: nameOf(store, missed), measure: () => failover(store, missed) })),
  );
  const figures = await alternate(rows, ROUNDS);
  printTable(
    ['', ...Object.values(COLUMNS), 'time to fresh', 'CPU to fresh'],
    STORE_NAMES.flatMap((store) =>
      [MISSED, 0].map((missed) => {
        const name = nameOf(store, missed);
        const ratio = (key: string): string => figure(figures.ratio(name, nameOf(store, 0), key));
        const own = figures.get(name);
        return [name, ...Object.keys(COLUMNS).map((key) => figure(own?.[key])), ratio('live'), ratio('cpu')];
      }),
    ),
  );
}

function nameOf(store: StoreName, missed: number): string {
  return `${NODES_OF[store]}, ${missed === 0 ? 'fresh' : `behind by ${missed}`}`;
}

async function failover(store: StoreName, missed: number): Promise<Figures> {
  const { hubs, stop } = await startNodes(store);
  const stops: (() => Promise<void> | void)[] = [stop];
  try {
    const [first, last] = [hubs[0], hubs.at(-1)];
    if (!first || !last) throw new Error('There is no hub');
    const cursor = await last.publish(TOPIC, 1);
    const before = new Listeners({ port: first.port, count: LISTENERS, target: `/topics/${TOPIC}`, window: WINDOW });
    await before.connected;
    await Promise.all([before.expect(1), last.publish(TOPIC, 1)]);
    await before.kill();
    if (first === last) await first.killWorker();
    else await first.kill();
    const publisher = await Publisher.connect(last.port);
    stops.push(() => publisher.close());
    const publish = (count: number): Promise<string> =>
      publisher.publish(publishRequest(TOPIC, eventStreamOf(count), 'text/event-stream'));
    // With the one that was delivered before.
    if (missed > 1) await publish(missed - 1);
    const cpu = last.cpu();
    const began = performance.now();
    const headers = missed > 0 ? { 'Last-Event-ID': cursor } : {};
    const target = `/topics/${TOPIC}`;
    const listeners = new Listeners({ port: last.port, count: LISTENERS, target, headers, window: WINDOW });
    stops.push(() => listeners.leave());
    const live = (async () => {
      await Promise.all([listeners.connected, missed > 0 && listeners.expect(missed)]);
      await Promise.all([listeners.expect(1), publish(1)]);
      return performance.now() - began;
    })();
    await listeners.connected;
    const connected = performance.now() - began;
    return { connected, live: await live, cpu: (last.cpu() - cpu) / LISTENERS };
  } finally {
    for (const each of stops.toReversed()) await each();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
