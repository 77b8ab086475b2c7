// Replay: how fast a listener that asks for everything there is gets it, alone and among a hundred.
//
// Method: the hub, with 100,000 events of 100 bytes of data in a log on disk, is a process of its own; its listeners are in another
// and connect with `last_event_id=earliest`. A run is timed from their connecting until the last of them has the last event,
// which the sink confirms event by event. MB are bytes on the wire, all listeners together. The cost is the processor time of the
// hub's process. The hundred listeners get the 20,000 events of another topic, so that a run does not take too long. The last row
// reads the same 100,000 events page by page in a process without a hub: what of the cost is the log's. Runs alternate, and the
// table shows their median. All of the log is in the system's file cache.

import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { Listeners, sinkName } from './load/listeners.ts';
import { Child } from './parts/child.ts';
import { dataFolder } from './parts/folder.ts';
import { DATA } from './parts/event-data.ts';
import { alternate, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Replay';

const EVENTS = 100_000;
const EVENTS_FOR_MANY = 20_000;
const MANY = 100;
const ROUNDS = { atLeast: 3, atMost: 7, milliseconds: 20_000 };

/** Prints the table. Takes about 30 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: events of ${DATA.length} bytes of data from a log on disk to listeners that ask for everything (${sinkName()}).
CPU: processor time of the hub, µs a delivered event. Median of alternating runs.`,
  );
  const hub = await RunningHub.start();
  const log = Child.node(new URL('servers/log.ts', import.meta.url), [dataFolder()]);
  try {
    await hub.upload('long', EVENTS);
    await hub.upload('short', EVENTS_FOR_MANY);
    await log.ask(`fill ${EVENTS}`);
    const rows: Row[] = [
      replaying('1 listener', hub, 1, 'long', EVENTS),
      replaying(`${MANY} listeners at once`, hub, MANY, 'short', EVENTS_FOR_MANY),
      { name: 'LmdbLog.read, no HTTP', measure: async () => JSON.parse(await log.ask('read')) },
    ];
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['who reads', 'events/s', 'MB/s', 'CPU, µs'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        return [name, ...['perSecond', 'megabytes', 'cpu'].map((key) => figure(own?.[key]))];
      }),
    );
  } finally {
    await hub.stop();
    await log.stop();
  }
}

function replaying(name: string, hub: RunningHub, count: number, topic: string, events: number): Row {
  return {
    name,
    async measure() {
      const before = await hub.cpu();
      const start = performance.now();
      const target = `/topics/${topic}?last_event_id=earliest`;
      const listeners = new Listeners({ port: hub.port, count, target, window: count });
      const [, bytes] = await Promise.all([listeners.connected, listeners.expect(events)]);
      const seconds = (performance.now() - start) / 1000;
      const cpu = (await hub.cpu()) - before;
      await listeners.leave();
      const all = count * events;
      return { perSecond: all / seconds, megabytes: (bytes * count) / 1e6 / seconds, cpu: cpu / all };
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
