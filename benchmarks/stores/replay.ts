// Replay from each log: how fast listeners get 100,000 kept events.
//
// Method: `tidings serve` on each store, with 100,000 events of 100 bytes of data in one topic; its listeners are in another process, connect with `last_event_id=earliest`,
// and count every event. A run is timed from their connecting until the last of them has the last event. The hub was started anew after the events were stored. The cost is the processor time of all processes of the
// hub, and not that of the store. The row of the store is what its own client takes for as many records of the same length, in a process of its own (servers/bare-store.ts): LMDB one range, PostgreSQL one
// SELECT by `pg`, JetStream one consumer. Runs alternate, and the table shows their median; the ratios are medians of those of the same round.

import { pathToFileURL } from 'node:url';
import { Listeners, sinkName } from '../load/listeners.ts';
import { ServeCommand } from '../load/serve.ts';
import { startStore, type Store, STORE_NAMES, type StoreName } from '../load/stores.ts';
import { Child } from '../parts/child.ts';
import { DATA } from '../parts/event-data.ts';
import { alternate, type Figures, type Row } from '../parts/rounds.ts';
import { figure, printTable } from '../parts/table.ts';

export const title: string = 'Replay from each log';

const EVENTS = 100_000;
const LISTENERS = [1, 10];
const ROUNDS = { atLeast: 3, atMost: 5, milliseconds: 60_000 };

/** What is replayed from, by name: the store, and how many workers its hub has. */
const HUBS: Readonly<Record<string, readonly [store: StoreName, workers: number]>> = {
  LMDB: ['LMDB', 1],
  'LMDB, two workers': ['LMDB', 2],
  PostgreSQL: ['PostgreSQL', 1],
  NATS: ['NATS', 1],
};

/** Prints the table. Takes about two minutes. */
export async function run(): Promise<void> {
  console.log(
    `${title}: ${EVENTS} events of ${DATA.length} bytes of data to listeners that ask for everything (${sinkName()}).
CPU: processor time of the hub, µs a delivered event. Median of alternating runs.`,
  );
  const stops: (() => Promise<void>)[] = [];
  const start = async (name: StoreName): Promise<Store> => {
    const store = await startStore(name);
    stops.push(() => store.stop());
    return store;
  };
  const rows: Row[] = [];
  try {
    for (const [name, [kind, workers]] of Object.entries(HUBS)) {
      const { place: log } = await start(kind);
      const filling = await ServeCommand.start({ log });
      await filling.publish('kept', EVENTS);
      await filling.stop();
      const hub = await ServeCommand.start({ log, workers });
      stops.push(() => hub.stop());
      for (const count of LISTENERS) rows.push({ name: nameOf(name, count), measure: () => replay(hub, count) });
    }
    for (const name of STORE_NAMES) {
      const bare = Child.node(new URL('../servers/bare-store.ts', import.meta.url), [(await start(name)).place]);
      stops.push(() => bare.stop());
      await bare.ask(`fill ${EVENTS}`);
      rows.push({ name: bareName(name), measure: async () => JSON.parse(await bare.ask(`read ${EVENTS}`)) });
    }
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['', 'events/s', 'CPU, µs', 'events/s to the store', 'events/s to LMDB'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        const kind = STORE_NAMES.find((store) => name.includes(store)) ?? 'LMDB';
        const [, count] = name.split(': ');
        const ratio = (other: string): string => figure(figures.ratio(name, other, 'perSecond'));
        return [
          name,
          figure(own?.['perSecond']),
          figure(own?.['cpu']),
          ratio(bareName(kind)),
          ratio(count === undefined ? bareName('LMDB') : `LMDB: ${count}`),
        ];
      }),
    );
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function replay(hub: ServeCommand, count: number): Promise<Figures> {
  const before = hub.cpu();
  const start = performance.now();
  const listeners = new Listeners({ port: hub.port, count, target: '/topics/kept?last_event_id=earliest' });
  await Promise.all([listeners.connected, listeners.expect(EVENTS)]);
  const seconds = (performance.now() - start) / 1000;
  const cpu = (hub.cpu() - before) / (EVENTS * count);
  await listeners.leave();
  return { perSecond: (EVENTS * count) / seconds, cpu };
}

function nameOf(name: string, count: number): string {
  return `${name}: ${count === 1 ? '1 listener' : `${count} listeners at once`}`;
}

function bareName(name: StoreName): string {
  return `${name} alone, no hub`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
