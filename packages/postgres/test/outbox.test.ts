import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PostgresLog } from '@tidings/postgres';
import { type Clock, systemClock } from '@tidings/server/log';
import { CountingWay, POSTGRES_COUNTERS } from '../../../scripts/cluster/counting-way.ts';
import { randomNumbers } from '../../../test/seed.ts';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { allOf, event, followed, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

/** A client of the application's own. */
async function client(user = 'tidings'): Promise<pg.Client> {
  const url = file.server.url.replace('tidings@', `${user}@`);
  const made = new pg.Client({ connectionString: url });
  await made.connect();
  onTestFinished(() => made.end());
  return made;
}

describe.skipIf(withoutPostgres)('the outbox', () => {
  test('an event exists if and only if the transaction commits, once, in the order of its calls', async () => {
    const schema = file.server.schema();
    const [log, other] = [await openLog(file.server, schema), await openLog(file.server, schema)];
    const [one, two] = [followed(log), followed(other)];
    const app = await client();
    await app.query('create table orders (id int)');
    await app.query('begin');
    await app.query('insert into orders values (1)');
    await app.query(`select ${schema}.publish('orders', 'kept 1', 'order', id => 'o1')`);
    await app.query(`select ${schema}.publish('orders', 'kept 2')`);
    expect(await allOf(log)).toEqual([]);
    await app.query('commit');
    await app.query('begin');
    await app.query(`select ${schema}.publish('orders', 'rolled back')`);
    await app.query('rollback');
    await app.query(
      `select ${schema}.publish_to(array['a', 'b'], 'secret', private => true, latest_key => 'k', final => true)`,
    );
    await Promise.all([one.until(() => one.data.length === 3), two.until(() => two.data.length === 3)]);
    expect([one.data, two.data]).toEqual([
      ['kept 1', 'kept 2', 'secret'],
      ['kept 1', 'kept 2', 'secret'],
    ]);
    const { entries } = await log.read({
      selection: { topics: 'all', private: 'all' },
      after: 0,
      through: 3,
      maxBytes: 1000,
    });
    expect(entries[0]).toMatchObject({ id: 'o1', topics: ['orders'], private: false });
    expect(Buffer.from(entries[0]!.frame).toString()).toBe('id: o1\nevent: order\ndata: kept 1\n\n');
    expect(entries[2]).toMatchObject({ topics: ['a', 'b'], private: true, latestKey: 'k', final: true });
    expect(await file.server.ask(`select * from ${schema}.outbox`)).toEqual([]);
  });

  test('what many publish at once is there once, each transaction in its order, and one behind those that it has seen', async () => {
    const random = randomNumbers();
    const schema = file.server.schema();
    const [log, other] = [await openLog(file.server, schema), await openLog(file.server, schema)];
    const told = followed(other);
    const committed: string[] = [];
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      const app = await client();
      for (let round = 0; round < 12; round += 1) {
        const isKept = random() < 0.7;
        await app.query('begin');
        const count = 1 + Math.floor(random() * 4);
        const events = Array.from({ length: count }, (__, n) => `${writer} ${round} ${n}`);
        for (const data of events) await app.query(`select ${schema}.publish($1, $2)`, [`t${writer}`, data]);
        if (random() < 0.3) await log.append([event(`t${writer}`, `appended ${writer} ${round}`)]);
        await app.query(isKept ? 'commit' : 'rollback');
        if (isKept) committed.push(...events);
      }
    });
    await Promise.all(writers);
    const published = (): string[] => told.data.filter((data) => !data.startsWith('appended'));
    await told.until(() => published().length >= committed.length);
    expect(published().toSorted()).toEqual(committed.toSorted());
    for (let writer = 0; writer < 4; writer += 1) {
      // A writer's transactions follow each other.
      const own = (all: readonly string[]): string[] => all.filter((data) => data.startsWith(`${writer} `));
      expect(own(published())).toEqual(own(committed));
    }
    expect(await allOf(log)).toEqual(told.data);
  });

  test('what was published while no node was there is moved by the next one', async () => {
    const schema = file.server.schema();
    await (await openLog(file.server, schema)).close();
    const app = await client();
    await app.query(`select ${schema}.publish('a', n::text) from generate_series(1, 2500) n`);
    const log = await openLog(file.server, schema);
    const told = followed(log);
    await told.until(() => told.data.at(-1) === '2500' || told.steps.length > 1);
    expect(await allOf(log)).toEqual(Array.from({ length: 2500 }, (_, index) => String(index + 1)));
  });

  test('one of several nodes moves what all are told of, and when it is gone another one does', async () => {
    const schema = file.server.schema();
    const way = await CountingWay.to(file.server.port, POSTGRES_COUNTERS);
    onTestFinished(() => way.close());
    const url = file.server.url.replace(`${file.server.port}`, `${way.port}`);
    // Nothing is found by looking from time to time, and while it counts nobody loses patience.
    let isPatient = true;
    const clock: Clock = {
      ...systemClock,
      setTimeout: (run, ms) => systemClock.setTimeout(run, isPatient ? Math.max(ms, 60_000) : ms),
    };
    const options = { url, pollMs: 60_000, trimEveryMs: 3_600_000, clock };
    const nodes: PostgresLog[] = [];
    for (let node = 0; node < 4; node += 1) nodes.push(await openLog(file.server, schema, options));
    const told = nodes.map((node) => followed(node));
    const app = await client();
    let published = 0;
    const publish = async (): Promise<void> => {
      published += 1;
      await app.query(`select ${schema}.publish('a', $1)`, [String(published)]);
      for (const follower of told) await follower.until(() => follower.data.length === published);
    };
    // At first they do not know of each other.
    for (let n = 0; n < 10; n += 1) await publish();
    way.take();
    for (let n = 0; n < 10; n += 1) await publish();
    expect(way.take()['transactions']).toBe(10);
    isPatient = false;
    while (nodes.length > 1) {
      told.shift();
      await nodes.shift()!.close();
      for (let n = 0; n < 3; n += 1) await publish();
    }
    expect(told[0]!.data).toEqual(Array.from({ length: published }, (_, index) => String(index + 1)));
  });

  test('what no log would take is refused at the call, with a sentence', async () => {
    const schema = file.server.schema();
    await openLog(file.server, schema, { maxEventBytes: 1000 });
    const app = await client();
    const wrong: [string, RegExp][] = [
      [`publish('', 'x')`, /The topic is 0 bytes long; 1 to 1024 are allowed/],
      [`publish(repeat('é', 513), 'x')`, /The topic is 1026 bytes long/],
      [`publish(E'a\\nb', 'x')`, /control character/],
      [`publish('..', 'x')`, /URLs drop it/],
      [`publish('a', null)`, /data of an event is null/],
      [`publish('a', 'x', 'tidings-gap')`, /is reserved/],
      [`publish('a', 'x', id => 'earliest')`, /is reserved/],
      [`publish('a', 'x', id => 'abc.17')`, /looks like a cursor/],
      [`publish('a', 'x', forget => true)`, /needs a latest_key/],
      [`publish('a', repeat('x', 990))`, /takes \d+ bytes when it is sent; 1000 are allowed/],
      [`publish('a', repeat(E'\\n', 200))`, /takes \d+ bytes when it is sent; 1000 are allowed/],
      [`publish_to(array[]::text[], 'x')`, /has 0 topics; 1 to 255/],
      [`publish_to(array['a', null], 'x')`, /^A topic of the event is null; each is a text of 1 to 1024 bytes$/],
      [`publish(null, 'x')`, /^A topic of the event is null/],
    ];
    for (const [call, reason] of wrong) {
      await expect(app.query(`select ${schema}.${call}`)).rejects.toThrow(reason);
    }
    expect(await file.server.ask(`select * from ${schema}.outbox`)).toEqual([]);
  });

  test('settings of who publishes change nothing', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema);
    const told = followed(log);
    const app = await client();
    await app.query(`set standard_conforming_strings = off; set escape_string_warning = off; set search_path = nowhere;
      set array_nulls = off; set transform_null_equals = on; set quote_all_identifiers = on; set client_encoding = 'LATIN1'`);
    await expect(app.query(`select ${schema}.publish(chr(127), 'x')`)).rejects.toThrow(/control character/);
    await app.query(`select ${schema}.publish('x9f', 'told', 'type', 'my\\\\id', latest_key => '01')`);
    await told.until(() => told.data.length === 1);
    expect(told.data).toEqual(['told']);
  });

  test('an event of a topic that was closed meanwhile is kept apart with the reason, and the others go on', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema);
    await log.append([{ ...event('closed'), final: true }]);
    const told = followed(log);
    const app = await client();
    await app.query(`select ${schema}.publish(topic, topic) from unnest(array['a', 'closed', 'b']) topic`);
    await told.until(() => told.data.length === 2);
    expect(told.data).toEqual(['a', 'b']);
    await expect
      .poll(() => log.told.map(({ code, message }) => `${code} ${message}`))
      .toEqual([
        expect.stringMatching(
          /^ERR_OUTBOX_REFUSED Cannot publish an event of the outbox: .*"closed" is closed.* outbox_refused with the id 2$/,
        ),
      ]);
    const rows = await file.server.ask<{ event: string }>(`select event from ${schema}.outbox_refused`);
    expect(rows.map((row) => JSON.parse(row.event))).toMatchObject([{ data: 'closed', topics: '["closed"]' }]);
  });

  test('a role that may call the function needs no other right, and has none', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema);
    await file.server.ask(`create role shop login`);
    const app = await client('shop');
    await expect(app.query(`select ${schema}.publish('a', 'x')`)).rejects.toThrow(/permission denied/);
    await file.server.ask(`grant usage on schema ${schema} to shop;
      grant execute on function ${schema}.publish, ${schema}.publish_to to shop`);
    const told = followed(log);
    await app.query(`select ${schema}.publish('a', 'from the shop')`);
    await told.until(() => told.data.length === 1);
    for (const statement of ['select * from outbox', 'select * from events', 'delete from outbox']) {
      await expect(app.query(statement.replace('from ', `from ${schema}.`))).rejects.toThrow(/permission denied/);
    }
  });
});
