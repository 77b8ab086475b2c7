// Resume storm: 2,000 listeners come back at once, as after a deploy or a lost network. How long until all of them are live?
//
// Method: the hub, with its log on disk, is a process of its own; the listeners are in another. They connect all at once, each with
// the cursor of 100 events ago. A run is timed from the first connecting until each has the 100 events it missed and then one that is
// published when the last of them has: only who is live gets it. Meanwhile one publisher publishes to another topic every 10 ms; the table
// shows the longest that one of its publishes took. The first row is the same with listeners that missed nothing: what
// connecting costs. Runs alternate, and the table shows their median.

import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { RunningHub } from './load/hub.ts';
import { Listeners, sinkName } from './load/listeners.ts';
import { Publisher, publishRequest } from './load/publisher.ts';
import { DATA } from './parts/event-data.ts';
import { alternate, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Resume storm';

const LISTENERS = 2_000;
const MISSED = [0, 100];
const PUBLISH_EVERY_MS = 10;
const ROUNDS = { atLeast: 5, atMost: 7, milliseconds: 20_000 };

/** Prints the table. Takes about 20 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: ${LISTENERS} listeners connect at once (${sinkName()}), and get what they missed, events of ${DATA.length} bytes of data, from
a log on disk. CPU: processor time of the hub, µs a listener. Publish: the longest that one took meanwhile. Median of alternating runs.`,
  );
  const hub = await RunningHub.start();
  const publisher = await Publisher.connect(hub.port);
  try {
    const rows = MISSED.map((missed) => storm(hub, publisher, missed));
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['behind by', 'until all have a first byte, ms', 'until all are live, ms', 'CPU, µs', 'publish, ms'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        return [name, ...['connected', 'live', 'cpu', 'publish'].map((key) => figure(own?.[key]))];
      }),
    );
  } finally {
    publisher.close();
    await hub.stop();
  }
}

function storm(hub: RunningHub, publisher: Publisher, missed: number): Row {
  const one = publishRequest('readings', DATA);
  return {
    name: `${missed} events`,
    async measure() {
      const cursor = await hub.publisher.publish(one);
      if (missed > 0) await hub.upload('readings', missed);
      const before = await hub.cpu();
      const start = performance.now();
      const target = `/topics/readings?last_event_id=${cursor}`;
      const listeners = new Listeners({ port: hub.port, count: LISTENERS, target, window: LISTENERS });
      const live = (async () => {
        await Promise.all([listeners.connected, missed > 0 && listeners.expect(missed)]);
        await Promise.all([listeners.expect(1), hub.publisher.publish(one)]);
        return performance.now() - start;
      })();
      const publish = longestPublish(publisher, live);
      await listeners.connected;
      const connected = performance.now() - start;
      const figures = {
        connected,
        live: await live,
        publish: await publish,
        cpu: ((await hub.cpu()) - before) / LISTENERS,
      };
      await listeners.leave();
      return figures;
    },
  };
}

/** Publishes until the end, and gives how long the longest took, in milliseconds. */
async function longestPublish(publisher: Publisher, end: Promise<unknown>): Promise<number> {
  const request = publishRequest('elsewhere', DATA);
  let ended = false;
  void end.finally(() => {
    ended = true;
  });
  let longest = 0;
  while (!ended) {
    const start = performance.now();
    await publisher.publish(request);
    longest = Math.max(longest, performance.now() - start);
    await sleep(PUBLISH_EVERY_MS);
  }
  return longest;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
