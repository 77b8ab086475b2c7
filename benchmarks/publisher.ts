// Publisher of the client, beside what a program could do without it: one fetch for each event, one after the other or many at a time, and one upload of everything.
//
// Method: the hub, with its log on a real folder, is a process of its own; the program that publishes is this one. An event has 100 bytes of data. Each row
// publishes the same number of events and waits until all are answered, so every one is on disk. `fetch` is Node's. The outbox is on the same disk as the hub's log, and writes
// each event once more. Rows run in rounds, and the table shows the median of the rounds. Processor time is that of this process and of the hub, for each event.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileOutbox } from '@tidings/client/file-outbox';
import { Publisher, type PublisherOptions } from '@tidings/client/publisher';
import { RunningHub } from './load/hub.ts';
import { DATA, eventStreamOf } from './parts/event-data.ts';
import { dataFolder } from './parts/folder.ts';
import { alternate, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Publisher';

const EVENTS = 10_000;
/** One fetch at a time takes long. */
const FEW_EVENTS = 100;
const AT_A_TIME = 64;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };

/** Prints the table. Takes about 20 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: events of ${DATA.length} bytes of data a second, each answered when it is on disk. The hub is a process of its own; median of 3 alternating runs.
CPU: processor time of the program and of the hub, µs an event.`,
  );
  const hub = await RunningHub.start();
  const outbox = join(dataFolder(), 'outbox');
  const url = `http://127.0.0.1:${hub.port}/`;
  try {
    const rows: Row[] = [
      row('one fetch each, one at a time', hub, FEW_EVENTS, () => fetchEach(url, FEW_EVENTS, 1)),
      row(`one fetch each, ${AT_A_TIME} at a time`, hub, EVENTS / 10, () => fetchEach(url, EVENTS / 10, AT_A_TIME)),
      row('Publisher', hub, EVENTS, () => publishAll(url, EVENTS)),
      row('Publisher with an outbox', hub, EVENTS, () => publishAll(url, EVENTS, { store: fileOutbox(outbox) })),
      row('one upload: the floor', hub, EVENTS, () => upload(url, EVENTS)),
    ];
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['publishing', 'events/s', 'CPU of the program, µs', 'CPU of the hub, µs'],
      rows.map(({ name }) => {
        const own = figures.get(name);
        return [name, ...['perSecond', 'own', 'hub'].map((key) => figure(own?.[key]))];
      }),
    );
  } finally {
    await hub.stop();
  }
}

function row(name: string, hub: RunningHub, events: number, publish: () => Promise<void>): Row {
  return {
    name,
    async measure() {
      const hubBefore = await hub.cpu();
      const before = process.cpuUsage();
      const start = performance.now();
      await publish();
      const milliseconds = performance.now() - start;
      const { user, system } = process.cpuUsage(before);
      return {
        perSecond: (events * 1_000) / milliseconds,
        own: (user + system) / events,
        hub: ((await hub.cpu()) - hubBefore) / events,
      };
    },
  };
}

async function fetchEach(url: string, events: number, atATime: number): Promise<void> {
  let left = events;
  const publish = async (): Promise<void> => {
    while (left-- > 0) {
      const response = await fetch(`${url}topics/readings`, { method: 'POST', body: DATA });
      await response.text();
    }
  };
  await Promise.all(Array.from({ length: atATime }, publish));
}

async function publishAll(url: string, events: number, options: PublisherOptions = {}): Promise<void> {
  await using publisher = new Publisher(url, options);
  const published: Promise<string>[] = [];
  for (let n = 0; n < events; n += 1) {
    const publication = publisher.publish('readings', { data: DATA });
    published.push(publication);
    // As a program does that makes its events as fast as they are taken.
    if (n % 1_000 === 999) await publication.accepted;
  }
  await Promise.all(published);
}

async function upload(url: string, events: number): Promise<void> {
  const headers = { 'content-type': 'text/event-stream' };
  const response = await fetch(`${url}topics/readings`, { method: 'POST', headers, body: eventStreamOf(events) });
  await response.text();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
