// Leases: what it costs a hub to renew one, by a request of its own and by an event that is published with it, beside an event of a topic without a lease.
//
// Method: the hub, with its log on a real folder, is a process of its own; 64 connections are in this one, each with a topic of its own that it leases for an
// hour, or not. A connection sends its request again as soon as it is answered, so every row waits for the disk as often. `Publisher` publishes to one topic, with
// and without a lease, as fast as it can. An event has 100 bytes of data. Rows run in rounds, and the table shows the median of the rounds. Processor time is that of the hub.

import { pathToFileURL } from 'node:url';
import { Publisher } from '@tidings/client/publisher';
import { RunningHub } from './load/hub.ts';
import { Publisher as Connection, publishRequest } from './load/publisher.ts';
import { DATA } from './parts/event-data.ts';
import { alternate, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Leases';

const CONNECTIONS = 64;
const REQUESTS = 50;
const EVENTS = 10_000;
const ROUNDS = { atLeast: 3, atMost: 3, milliseconds: Number.POSITIVE_INFINITY };

/** Prints the table. Takes about 10 seconds. */
export async function run(): Promise<void> {
  console.log(
    `${title}: renewals and events a second, each answered when it is on disk, of ${CONNECTIONS} connections, or of one Publisher. The hub is a process of its own; median of 3
alternating runs. CPU: processor time of the hub, µs each.`,
  );
  const hub = await RunningHub.start();
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => Connection.connect(hub.port)));
  await using publisher = new Publisher(`http://127.0.0.1:${hub.port}/`);
  try {
    const tokens = await Promise.all(
      connections.map(async (connection, at) => {
        const { lease } = JSON.parse(await connection.publish(leaseRequest(at))) as { lease: string };
        return lease;
      }),
    );
    const held = await publisher.lease('run', { ttl: '1h' });
    const repeat = (request: (at: number) => Buffer): (() => Promise<void>) => {
      const requests = connections.map((_, at) => request(at));
      return async () => {
        await Promise.all(
          connections.map(async (connection, at) => {
            for (let n = 0; n < REQUESTS; n += 1) await connection.publish(requests[at] ?? Buffer.of());
          }),
        );
      };
    };
    const rows: Row[] = [
      row(
        'renewals by PUT',
        hub,
        CONNECTIONS * REQUESTS,
        repeat((at) => leaseRequest(at, tokens[at])),
      ),
      row(
        'events with a lease',
        hub,
        CONNECTIONS * REQUESTS,
        repeat((at) => leasedEvent(at, tokens[at] ?? '')),
      ),
      row(
        'events without a lease',
        hub,
        CONNECTIONS * REQUESTS,
        repeat((at) => publishRequest(`open/${at}`, DATA)),
      ),
      row('Publisher with a lease', hub, EVENTS, () => publishAll(() => held.publish({ data: DATA }))),
      row('Publisher without a lease', hub, EVENTS, () => publishAll(() => publisher.publish('open', { data: DATA }))),
    ];
    const figures = await alternate(rows, ROUNDS);
    printTable(
      ['what', 'a second', 'CPU of the hub, µs'],
      rows.map(({ name }) => [name, ...['perSecond', 'hub'].map((key) => figure(figures.get(name)?.[key]))]),
    );
    await held.release();
  } finally {
    for (const connection of connections) connection.close();
    await hub.stop();
  }
}

function row(name: string, hub: RunningHub, count: number, work: () => Promise<void>): Row {
  return {
    name,
    async measure() {
      const before = await hub.cpu();
      const start = performance.now();
      await work();
      const milliseconds = performance.now() - start;
      return { perSecond: (count * 1_000) / milliseconds, hub: ((await hub.cpu()) - before) / count };
    },
  };
}

async function publishAll(publish: () => Promise<string>): Promise<void> {
  await Promise.all(Array.from({ length: EVENTS }, publish));
}

/** Leases the topic of a connection, or renews its lease. */
function leaseRequest(at: number, token?: string): Buffer {
  const lease = token === undefined ? '' : `Tidings-Lease: ${token}\r\n`;
  return Buffer.from(
    `PUT /topics/leased/${at}?lease=1h HTTP/1.1\r\nHost: 127.0.0.1\r\n${lease}Content-Length: 0\r\n\r\n`,
  );
}

function leasedEvent(at: number, token: string): Buffer {
  return Buffer.from(
    `POST /topics/leased/${at} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nTidings-Lease: ${token}\r\nContent-Length: ${DATA.length}\r\n\r\n${DATA}`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
