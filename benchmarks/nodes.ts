// Several nodes on one store: what one event costs the store, by the number of nodes. Everything here is counted, nothing is timed.
//
// Method: real stores, each a server of its own, and 2, 4 and 8 hubs in this process, each with a log of its own and with a listener.
// What is published has arrived at the listeners of all nodes before anything is read off, and the difference to what an idle store counts in
// as long a time is not taken off: an idle node is a row of its own.
// - PostgreSQL: all connections of the nodes lead through a proxy (scripts/cluster/counting-way.ts) that reads what the server answers: CommandComplete is a
//   statement, and of BEGIN a transaction, ReadyForQuery a round trip, DataRow a row, NotificationResponse a notification. Who publishes by the
//   outbox has a connection of its own, which is not counted.
// - NATS: what the server counts (varz: in_msgs, out_msgs, in_bytes, out_bytes).
// - Workers: the same host and the same connections as between the processes of `tidings serve --workers`, over sockets on which a proxy counts
//   frames, each of which begins with its length.
//
// "One at a time" waits until all nodes have an event before the next one is published: nothing shares a transaction or a message. "50 at once" publishes
// from each of the nodes in turn, 50 events together, as busy publishers do.

import { once } from 'node:events';
import { createServer, connect as connectSocket, type AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { Hub, MemoryLog } from '@tidings/hub';
import { NatsLog } from '@tidings/nats';
import { PostgresLog } from '@tidings/postgres';
import type { EventLog } from '@tidings/server/log';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import { NatsServer } from '../scripts/cluster/nats-server.ts';
import { freePort } from '../scripts/cluster/ports.ts';
import { PostgresServer } from '../scripts/cluster/postgres-server.ts';
import { type Counter, type Counts, CountingWay, framed, POSTGRES_COUNTERS } from '../scripts/cluster/counting-way.ts';
import { DATA } from './parts/event-data.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Several nodes';

const NODES = [2, 4, 8];
const EVENTS = 200;
const AT_ONCE = 50;
const IDLE_MS = 10_000;

/** A store whose messages are counted. */
interface CountedStore {
  /** What is counted, as columns. */
  readonly columns: readonly string[];
  open(): Promise<EventLog>;
  /** What was counted since the last call. */
  take(): Promise<Counts>;
  /** Publishes in a transaction of somebody else, if the store can do that. */
  outbox?(data: string): Promise<void>;
  close(): Promise<void>;
}

const STORES: Readonly<Record<string, () => Promise<CountedStore>>> = {
  PostgreSQL: postgres,
  NATS: nats,
  Workers: workers,
};

/** Prints a table for each store. Takes about three minutes, most of which is idle. */
export async function run(): Promise<void> {
  console.log(
    `${title}: what an event of ${DATA.length} bytes of data costs the store, counted. ${EVENTS} events for each row.
"A second, idle" is for all nodes together, per second.`,
  );
  for (const [name, start] of Object.entries(STORES)) {
    const rows: string[][] = [];
    let columns: readonly string[] = [];
    for (const count of NODES) {
      const store = await start();
      ({ columns } = store);
      try {
        for (const [what, counts, by] of await measure(store, count)) {
          rows.push([`${count} nodes, ${what}`, ...columns.map((column) => figure((counts[column] ?? 0) / by))]);
        }
      } finally {
        await store.close();
      }
    }
    console.log(`\n## ${name}`);
    printTable(['per event', ...columns], rows);
  }
}

/** A hub and how many events its listener has got. */
class Node {
  readonly hub: Hub;
  got = 0;
  #wake = (): void => {};

  constructor(log: EventLog) {
    this.hub = new Hub({ log });
    void this.#listen();
  }

  async #listen(): Promise<void> {
    for await (const event of this.hub.events({ topics: ['news'], lastEventId: 'earliest' })) {
      if (!('data' in event)) throw new Error('A gap');
      this.got += 1;
      this.#wake();
    }
  }

  async until(count: number): Promise<void> {
    while (this.got < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.got > count) throw new Error(`A listener has got ${this.got} events of ${count}`);
  }
}

async function measure(store: CountedStore, count: number): Promise<[string, Counts, number][]> {
  const nodes: Node[] = [];
  for (let node = 0; node < count; node += 1) nodes.push(new Node(await store.open()));
  const found: [string, Counts, number][] = [];
  let sent = 0;
  const publish = async (publishAll: (at: number) => Promise<unknown>[], size: number): Promise<void> => {
    for (let done = 0; done < EVENTS; done += size) {
      const published = publishAll(done);
      sent += size;
      await Promise.all(published);
      await Promise.all(nodes.map((node) => node.until(sent)));
    }
  };
  const from = (at: number): Promise<unknown> => nodes[at % count]!.hub.publish('news', { data: DATA });
  const take = async (what: string, work: () => Promise<void>, by = EVENTS): Promise<void> => {
    // What came before has been counted.
    await pause(1000);
    await store.take();
    await work();
    found.push([what, await store.take(), by]);
  };
  // Topics, listeners and connections are there before anything counts.
  await publish((at) => [from(at)], 1);
  await take('one at a time', () => publish((at) => [from(at)], 1));
  const together = (at: number): Promise<unknown>[] => Array.from({ length: AT_ONCE }, (_, index) => from(at + index));
  await take(`${AT_ONCE} at once`, () => publish(together, AT_ONCE));
  if (store.outbox) {
    const outbox = store.outbox.bind(store);
    await take('by the outbox, one at a time', () => publish(() => [outbox(DATA)], 1));
  }
  await take('a second, idle', () => pause(IDLE_MS), IDLE_MS / 1000);
  for (const { hub } of nodes) await hub.close({ awayMs: 0, finishMs: 0 });
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

async function postgres(): Promise<CountedStore> {
  const server = await PostgresServer.start();
  const way = await CountingWay.to(server.port, POSTGRES_COUNTERS);
  const url = server.url.replace(`:${server.port}/`, `:${way.port}/`);
  return {
    columns: ['transactions', 'statements', 'round trips', 'rows', 'notifications', 'bytes'],
    open: () => PostgresLog.open({ url }),
    take: () => Promise.resolve(way.take()),
    async outbox(data) {
      await server.ask('select tidings.publish($1, $2)', ['news', data]);
    },
    async close() {
      way.close();
      await server.close();
    },
  };
}

interface Varz {
  readonly in_msgs: number;
  readonly out_msgs: number;
  readonly in_bytes: number;
  readonly out_bytes: number;
}

async function nats(): Promise<CountedStore> {
  const port = await freePort();
  const server = await NatsServer.start(`http: "127.0.0.1:${port}"`);
  const look = async (): Promise<Varz> => (await (await fetch(`http://127.0.0.1:${port}/varz`)).json()) as Varz;
  let before = await look();
  return {
    columns: ['messages to it', 'messages from it', 'bytes'],
    open: () => NatsLog.open({ servers: server.url }),
    async take() {
      const now = await look();
      const counts = {
        'messages to it': now.in_msgs - before.in_msgs,
        'messages from it': now.out_msgs - before.out_msgs,
        bytes: now.in_bytes + now.out_bytes - before.in_bytes - before.out_bytes,
      };
      before = now;
      return counts;
    },
    close: () => server.end(),
  };
}

async function workers(): Promise<CountedStore> {
  const log = new MemoryLog();
  const host = new LogHost(log);
  const server = createServer((socket) => host.serve(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const counter = (name: string) => (): Counter =>
    framed(
      4,
      (head) => 4 + head.readUInt32BE(0),
      () => [name],
    );
  const way = await CountingWay.to((server.address() as AddressInfo).port, {
    sent: counter('messages to it'),
    received: counter('messages from it'),
  });
  return {
    columns: ['messages to it', 'messages from it', 'bytes'],
    async open() {
      const socket = connectSocket(way.port, '127.0.0.1');
      await once(socket, 'connect');
      return await RemoteLog.open({ socket });
    },
    take: () => Promise.resolve(way.take()),
    async close() {
      way.close();
      host.close();
      server.close();
      await log.close();
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
