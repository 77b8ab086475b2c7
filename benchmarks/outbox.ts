// The outbox of PostgreSQL: how long it takes from the commit of somebody's transaction until a listener has the event that was published in it.
//
// Method: PostgreSQL with all of its safety (fsync, synchronous_commit), two hubs, each a process of its own (tidings serve --log postgres://…), and nginx in front
// of them, as `npm run cluster -- postgres` starts them; here nobody goes through nginx. This process is the application, with one connection to the database: it
// inserts a row and publishes an event in one transaction, and reads the clock when it sends COMMIT. It listens at both hubs, on a connection each, and reads the clock when the
// event has come to both, so the figure is that of the later one. One after the other, and each event some milliseconds after the last one has come, so that it waits
// for nothing but its own way.

import { request } from 'node:http';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { Cluster } from '../scripts/cluster/cluster.ts';
import { PostgresServer } from '../scripts/cluster/postgres-server.ts';
import { DATA } from './parts/event-data.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'The outbox';

const WARM_UP = 300;
const EVENTS = 1000;
const PAUSE_MS = 10;

/** The promise in the README of the package. */
const GOAL_MS = 50;

/** Prints the table. Takes about half a minute. */
export async function run(): Promise<void> {
  console.log(`${title}: milliseconds from COMMIT until the listeners of both hubs have the event. ${EVENTS} events of ${DATA.length} bytes of data.
Goal: a p99 below ${GOAL_MS} ms.`);
  const cluster = await Cluster.start('postgres');
  try {
    if (!(cluster.store instanceof PostgresServer)) throw new Error('There is no PostgreSQL');
    const database = new pg.Client({ connectionString: cluster.store.url });
    await database.connect();
    await database.query('create table orders (id bigint primary key)');
    const listeners = await Promise.all(cluster.servers.map(({ url }) => Listener.open(`${url}topics/orders`)));
    const times: number[] = [];
    for (let order = 1; order <= WARM_UP + EVENTS; order += 1) {
      await database.query('begin');
      await database.query('insert into orders (id) values ($1)', [order]);
      await database.query('select tidings.publish($1, $2)', ['orders', `${order} ${DATA}`]);
      const start = performance.now();
      const arrived = Promise.all(listeners.map((listener) => listener.until(order)));
      await database.query('commit');
      await arrived;
      if (order > WARM_UP) times.push(performance.now() - start);
      await new Promise((resolve) => void setTimeout(resolve, PAUSE_MS));
    }
    for (const listener of listeners) listener.close();
    await database.end();
    times.sort((one, other) => one - other);
    const at = (part: number): string => figure(times[Math.ceil(times.length * part) - 1]);
    printTable(
      ['', 'median', 'p90', 'p99', 'p99.9', 'most'],
      [['two hubs', at(0.5), at(0.9), at(0.99), at(0.999), at(1)]],
    );
  } finally {
    await cluster.kill();
  }
}

/** Listens to events that are numbered from 1 on. */
class Listener {
  readonly #close: () => void;
  #got = 0;
  #wake = (): void => {};

  private constructor(close: () => void) {
    this.#close = close;
  }

  static open(url: string): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const asked = request(url, { headers: { accept: 'text/event-stream' } }, (response) => {
        const listener = new Listener(() => asked.destroy());
        response.setEncoding('utf8').on('data', (text: string) => {
          for (const [, number] of text.matchAll(/^data: (\d+) /gm)) listener.#take(Number(number));
        });
        resolve(listener);
      });
      asked.on('error', reject).end();
    });
  }

  close(): void {
    this.#close();
  }

  async until(number: number): Promise<void> {
    while (this.#got < number) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(number: number): void {
    if (number !== this.#got + 1) throw new Error(`Event ${number} came after ${this.#got}`);
    this.#got = number;
    this.#wake();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
