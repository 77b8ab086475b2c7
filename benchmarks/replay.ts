// Replay: how fast a listener gets all kept events, alone and among a hundred.
//
// Method: the hub, with 100,000 events of 100 bytes of data in a log on disk, is a process of its own; its listeners are in another
// and connect with `last_event_id=earliest`. A run is timed from their connecting until the last of them has the last event,
// which the sink confirms event by event. MB are bytes on the wire, all listeners together. The cost is the processor time of the
// hub's process. The hundred listeners get the 20,000 events of another topic, so that a run does not take too long. Two rows show what
// the store itself takes for the same 100,000 events, each in a process of its own: the log, read page by page without a hub, and LMDB's
// package, which reads the hub's own data folder as one range. Runs alternate, and the table shows their median; the ratio to the range
// read is the median of those of the same round. All of the log is in the system's file cache.
//
// With the folder of another build, which has to be built, its hub runs beside this one's: npx node benchmarks/replay.ts ../before

import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { benchmarksOf } from './load/server.ts';
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
const RANGE = 'a range read with lmdb';
const ROUNDS = { atLeast: 3, atMost: 7, milliseconds: 20_000 };

/**
 * Prints the table. Takes about 40 seconds.
 * @param before the folder of another build whose hub is measured, too. @default none
 */
export async function run(before?: string): Promise<void> {
  console.log(
    `${title}: events of ${DATA.length} bytes of data from a log on disk to listeners that ask for everything (${sinkName()}).
CPU: processor time of the hub, µs a delivered event. Median of alternating runs.`,
  );
  const hub = await RunningHub.start();
  const hubBefore = before === undefined ? undefined : await RunningHub.start(benchmarksOf(before));
  const log = Child.node(new URL('servers/log.ts', import.meta.url), [dataFolder()]);
  const range = Child.node(new URL('servers/range.ts', import.meta.url), [hub.folder]);
  try {
    for (const each of [hub, hubBefore]) {
      await each?.upload('long', EVENTS);
      await each?.upload('short', EVENTS_FOR_MANY);
    }
    await log.ask(`fill ${EVENTS}`);
    const rows: Row[] = [
      ...replaying('', hub),
      ...(hubBefore ? replaying('before: ', hubBefore) : []),
      { name: 'LmdbLog.read, no HTTP', measure: async () => JSON.parse(await log.ask('read')) },
      { name: RANGE, measure: async () => JSON.parse(await range.ask(`read ${EVENTS}`)) },
    ];
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['who reads', 'events/s', 'MB/s', 'CPU, µs', 'events/s to a range read'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        const ratio = figures.ratio(name, RANGE, 'perSecond');
        return [name, ...['perSecond', 'megabytes', 'cpu'].map((key) => figure(own?.[key])), figure(ratio)];
      }),
    );
  } finally {
    await range.stop();
    await log.stop();
    await hubBefore?.stop();
    await hub.stop();
  }
}

function replaying(prefix: string, hub: RunningHub): Row[] {
  return [
    replay(`${prefix}1 listener`, hub, 1, 'long', EVENTS),
    replay(`${prefix}${MANY} listeners at once`, hub, MANY, 'short', EVENTS_FOR_MANY),
  ];
}

function replay(name: string, hub: RunningHub, count: number, topic: string, events: number): Row {
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run(process.argv[2]);
