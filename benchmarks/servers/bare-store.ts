// A store without a log, as its own client uses it: the floor of the log that keeps its events there. The argument is a folder, or the URL of PostgreSQL or NATS.
//
// LMDB: a put in a transaction that is on disk when it is answered. PostgreSQL: one INSERT, which is its own transaction, by `pg`, each appender with a connection
// of its own. JetStream: one message and its acknowledgement. A batch is one transaction, one INSERT of many rows, and many messages of which the last acknowledgement counts.

import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { open } from 'lmdb';
import pg from 'pg';
import { closedLoop } from '../load/closed-loop.ts';
import { DATA } from '../parts/event-data.ts';
import { cpuMicroseconds, obey } from './commands.ts';

const FILL = 1_000;
// As long as the frame of an event.
const RECORD = Buffer.from(`id: floor000.000001\ndata: ${DATA}\n\n`);

interface BareStore {
  /** What appends so many records at once. */
  appender(batch: number): Promise<() => Promise<unknown>>;
  /** Reads the first so many records. Resolves to how many there were. */
  read(count: number): Promise<number>;
  close(): Promise<void>;
}

function lmdb(path: string): BareStore {
  // As the log opens it: a commit is on disk when it is answered.
  const root = open({ path, maxDbs: 4, overlappingSync: false });
  const records = root.openDB<Buffer, number>({ name: 'records', encoding: 'binary' });
  let last = 0;
  return {
    appender(batch) {
      const append = (): Promise<unknown> => {
        let put: Promise<unknown> = Promise.resolve();
        for (let each = 0; each < batch; each += 1) put = records.put((last += 1), RECORD);
        return put;
      };
      return Promise.resolve(append);
    },
    read(count) {
      let found = 0;
      for (const { value } of records.getRange({ limit: count })) found += Math.sign(value.length);
      return Promise.resolve(found);
    },
    close: () => root.close(),
  };
}

async function postgres(url: string): Promise<BareStore> {
  const clients: pg.Client[] = [];
  const connected = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    clients.push(client);
    return client;
  };
  const reader = await connected();
  await reader.query('create table bare (id bigserial primary key, record bytea)');
  const one = { name: 'one', text: 'insert into bare (record) values ($1)', values: [RECORD] };
  return {
    async appender(batch) {
      const client = await connected();
      if (batch === 1) return () => client.query(one);
      const values = [Array.from({ length: batch }, () => RECORD)];
      return () => client.query({ name: 'many', text: 'insert into bare (record) select unnest($1::bytea[])', values });
    },
    async read(count) {
      return (await reader.query('select id, record from bare order by id limit $1', [count])).rows.length;
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}

async function nats(url: string): Promise<BareStore> {
  const connection = await connect({ servers: new URL(url).host });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'bare', subjects: ['bare'], storage: StorageType.File });
  const client = jetstream(connection);
  return {
    appender(batch) {
      const append = (): Promise<unknown> =>
        Promise.all(Array.from({ length: batch }, () => client.publish('bare', RECORD)));
      return Promise.resolve(append);
    },
    async read(count) {
      const consumer = await client.consumers.get('bare');
      const messages = await consumer.consume({ max_messages: FILL * 10 });
      let found = 0;
      for await (const { data } of messages) {
        found += Math.sign(data.length);
        if (found === count) break;
      }
      return found;
    },
    close: () => connection.close(),
  };
}

const place = process.argv[2] ?? '';
const store = place.startsWith('postgres:')
  ? await postgres(place)
  : await (place.startsWith('nats:') ? nats(place) : lmdb(place));
const appenders = new Map<string, (() => Promise<unknown>)[]>();

await obey({
  /** Appends for a time, from several appenders that each wait for their answers. Answers figures. */
  async append(milliseconds, count, batch) {
    const key = `${count} ${batch}`;
    const actors = appenders.get(key) ?? [];
    appenders.set(key, actors);
    while (actors.length < Number(count)) actors.push(await store.appender(Number(batch)));
    return JSON.stringify(await closedLoop(actors, Number(milliseconds)));
  },
  /** Appends a number of records, in batches. */
  async fill(count) {
    const append = await store.appender(FILL);
    for (let rest = Number(count); rest > 0; rest -= FILL) await append();
    return 'done';
  },
  /** Reads the first records. Answers figures. */
  async read(count) {
    const before = cpuMicroseconds();
    const start = performance.now();
    const found = await store.read(Number(count));
    if (found !== Number(count)) throw new Error(`There were ${found} records of ${count}`);
    const seconds = (performance.now() - start) / 1000;
    return JSON.stringify({ perSecond: found / seconds, cpu: (cpuMicroseconds() - before) / found });
  },
});
await store.close();
