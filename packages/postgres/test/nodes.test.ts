import type { PostgresLog } from '@tidings/postgres';
import { entries, systemClock, type ValuesChange } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import pg from 'pg';
import { randomNumbers } from '../../../test/seed.ts';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { LONG, allOf, dataOf, event, EVERYTHING, followed, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile();

async function nodes(
  options: Parameters<typeof openLog>[2] = {},
): Promise<readonly [Awaited<ReturnType<typeof openLog>>, Awaited<ReturnType<typeof openLog>>]> {
  const schema = file.server.schema();
  return [await openLog(file.server, schema, options), await openLog(file.server, schema, options)];
}

/** Where a log would begin to be followed now; 0 while it cannot be. */
function startOf(log: PostgresLog): number {
  let start = 0;
  log.follow({ onStart: ({ seq }) => (start = seq), onBatch: () => {}, onLost: () => {} }).stop();
  return start;
}

describe.skipIf(withoutPostgres)('nodes on one database', () => {
  test('open at the same time on a database that has no tables yet', async () => {
    const schema = file.server.schema();
    const logs = await Promise.all([1, 2, 3, 4].map(() => openLog(file.server, schema)));
    await Promise.all(logs.map((log, index) => log.append([event('a', String(index))])));
    const all = await Promise.all(logs.map((log) => allOf(log)));
    expect(new Set(all.map((data) => data.join())).size).toBe(1);
    expect(all[0]!.toSorted()).toEqual(['0', '1', '2', '3']);
  });

  test('what others append, and pages, are read without going through all events, also in a table that was never analyzed', async () => {
    const schema = file.server.schema();
    const count = 20_000;
    // What the connections of logs have counted is there when they have ended.
    const rowsRead = async (): Promise<number> => {
      const connections = `select 1 from pg_stat_activity where application_name = 'tidings'`;
      while ((await file.server.ask(connections)).length > 0) await new Promise((resolve) => setImmediate(resolve));
      const counted = `select (select sum(seq_tup_read) from pg_stat_user_tables where schemaname = $1 and relname like 'event%')
        + (select sum(idx_tup_read) from pg_stat_user_indexes where schemaname = $1 and relname like 'event%') as rows`;
      return Number((await file.server.ask<{ rows: string }>(counted, [schema]))[0]!.rows);
    };
    const filled = await openLog(file.server, schema);
    for (let n = 0; n < count; n += 10_000) await filled.append(Array.from({ length: 10_000 }, () => event('a')));
    await filled.close();
    const before = await rowsRead();
    const logs = [await openLog(file.server, schema), await openLog(file.server, schema)] as const;
    const following = followed(logs[1]);
    for (let n = 1; n <= 10; n += 1) {
      await logs[0].append([event('a', `more ${n}`)]);
      await following.until(() => following.data.length === n);
      const page = { selection: EVERYTHING, after: count + n - 1, through: count + n, maxBytes: 2 ** 16 };
      expect((await logs[1].read(page)).entries.map(dataOf)).toEqual([`more ${n}`]);
    }
    const pattern = { pattern: '*', base: 'https://example.com/topics/' };
    for (const selection of [EVERYTHING, { topics: ['a'] }, { topics: [pattern] }]) {
      const page = await logs[1].read({ selection, after: 0, through: count, maxBytes: 2 ** 12 });
      expect(page.entries.length).toBeGreaterThan(10);
    }
    expect((await logs[1].locateLast({ topics: ['a'] }, 5)).after).toBe(count + 5);
    for (const log of logs) await log.close();
    // A page looks at 1,000 events, or 5,000 of which a pattern selects, twice each; a search at as many.
    expect((await rowsRead()) - before).toBeLessThan(3 * count);
  });

  test('a listener that wanders between them while all publish and connections are cut loses nothing, and gets nothing twice', async () => {
    const random = randomNumbers();
    const logs = await nodes();
    const published: string[][] = [[], [], []];
    const schemaOf = (
      await file.server.ask<{ nspname: string }>(
        `select nspname from pg_namespace where nspname like 'log%' order by oid desc limit 1`,
      )
    )[0]!.nspname;
    const app = new pg.Client({ connectionString: file.server.url });
    await app.connect();
    onTestFinished(() => app.end());
    const total = 120;
    const publishers = [
      ...logs.map(async (log, index) => {
        for (let n = 0; n < total; n += 1) {
          const data = `${index} ${n}`;
          // An append whose answer was lost is repeated.
          for (;;) {
            try {
              await log.append([event('a', data)], { key: data });
              break;
            } catch (error) {
              expect(error).toMatchObject({ code: 'ERR_STORE_AWAY' });
              await new Promise((resolve) => setImmediate(resolve));
            }
          }
          published[index]!.push(data);
        }
      }),
      (async () => {
        for (let n = 0; n < total; n += 1) {
          const data = `2 ${n}`;
          await app.query(`select ${schemaOf}.publish('a', $1)`, [data]);
          published[2]!.push(data);
        }
      })(),
    ];
    const got: string[] = [];
    const gaps: unknown[] = [];
    let lastEventId = 'earliest';
    for (let at = 0; got.length < 3 * total; at = 1 - at) {
      const stay = 1 + Math.floor(random() * 40);
      let count = 0;
      for await (const entry of entries(logs[at as 0 | 1], { selection: { topics: ['a'] }, after: lastEventId })) {
        if ('gap' in entry) {
          gaps.push(entry.gap);
          continue;
        }
        got.push(dataOf(entry));
        lastEventId = entry.id;
        count += 1;
        if (count >= stay || got.length === 3 * total) break;
      }
      if (random() < 0.15) await file.server.cut();
    }
    await Promise.all(publishers);
    expect(gaps).toEqual([]);
    for (const index of [0, 1, 2]) {
      expect(got.filter((data) => data.startsWith(`${index} `))).toEqual(published[index]);
    }
    expect(await allOf(logs[0])).toEqual(got);
    expect(await allOf(logs[1])).toEqual(got);
  });

  test('what one trims, deletes, closes and stores is known to the other as soon as it is done', async () => {
    const [one, other] = await nodes({ retention: { perTopic: [{ topics: ['small'], maxEvents: 2 }] } });
    await other.append([event('b')]);
    await one.append([1, 2, 3, 4].map((n) => event('small', String(n))));
    const head = (await other.locate('earliest')).head;
    const page = await other.read({ selection: { topics: ['small'] }, after: 0, through: head, maxBytes: 1000 });
    expect([page.entries.map(dataOf), page.trimmedThrough]).toEqual([['3', '4'], 3]);
    // It has handed over what was trimmed, or has begun anew behind that: what follows loses nothing any more.
    await expect.poll(() => startOf(other), LONG).toBe(head);
    const told = followed(other);
    await one.topics.delete('small');
    await one.append([{ ...event('b', 'end'), final: true }]);
    const { deletedThrough, finalSeq } = await other.read({
      selection: { topics: ['b'] },
      after: 0,
      through: head + 2,
      maxBytes: 1000,
    });
    expect([deletedThrough, finalSeq]).toEqual([0, head + 2]);
    await expect(other.append([event('b')])).rejects.toMatchObject({ code: 'ERR_TOPIC_CLOSED' });
    await told.until(() => told.data.includes('end'));
    expect(told.steps.length).toBe(1);
    const { token } = await one.topics.lease('leased', 60_000);
    await expect(other.topics.lease('leased', 1000)).rejects.toMatchObject({ code: 'ERR_LEASED' });
    await other.append([event('leased')], { leases: [token] });
    const changes: ValuesChange[] = [];
    other.values.watch('', (change) => changes.push(change));
    await one.values.set('k', 'v');
    await expect
      .poll(() => changes.at(-1), LONG)
      .toEqual({
        isWhole: false,
        set: [{ name: 'k', value: 'v' }],
        removed: [],
      });
    await other.values.remove('k');
    await expect.poll(() => one.values.get('k'), LONG).toBeUndefined();
  });

  test('one that has missed changes of values takes what has changed, also if it has missed many', async () => {
    const [one, other] = await nodes();
    const schema = (
      await file.server.ask<{ nspname: string }>(
        `select nspname from pg_namespace where nspname like 'log%' order by oid desc limit 1`,
      )
    )[0]!.nspname;
    const noted = (): Promise<{ name: string }[]> =>
      file.server.ask(`select name from "${schema}".value_changes order by version`);
    const changes: ValuesChange[] = [];
    other.values.watch('', (change) => changes.push(change));
    await one.values.set('a', '1');
    await one.values.set('ä\0', '2');
    await one.values.remove('a');
    await expect
      .poll(async () => [await other.values.get('a'), await other.values.get('ä\0')], LONG)
      .toEqual([undefined, '2']);
    expect((await noted()).map(({ name }) => JSON.parse(name) as string)).toEqual(['a', 'ä\0', 'a']);
    // A program of before has changed values: what that was is not noted.
    await file.server.ask(`delete from "${schema}".value_changes`);
    await file.server.ask(`insert into "${schema}".stored_values values ('"old"', '{"value":"3"}')`);
    await file.server.ask(
      `update "${schema}".head set state = jsonb_set(state::jsonb, '{values}', to_jsonb((state::jsonb->>'values')::int + 1))::text`,
    );
    await one.values.set('b', '4');
    for (const log of [one, other]) {
      await expect
        .poll(async () => (await log.values.list('')).map(({ name, value }) => `${name}=${value}`), LONG)
        .toEqual(['b=4', 'old=3', 'ä\0=2']);
    }
    expect(changes.filter(({ isWhole }) => isWhole).length).toBeLessThan(2);
  });

  test('one that stands still in a transaction holds up no other for long, and tries again', async () => {
    const schema = file.server.schema();
    let stands = 0;
    const clock = {
      ...systemClock,
      // It is asked while the head is locked.
      time(): number {
        if (stands > 0) {
          stands -= 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
        }
        return Date.now();
      },
    };
    const log = await openLog(file.server, schema, { clock, statementMs: 400 });
    const other = await openLog(file.server, schema);
    const told = followed(other);
    stands = 1;
    const appended = await Promise.all([log.append([event('a', 'still')]), other.append([event('a', 'other')])]);
    expect(appended.map(({ seq }) => seq).toSorted((one, next) => one - next)).toEqual([1, 2]);
    await told.until(() => told.data.length === 2);
    expect((await allOf(log)).toSorted()).toEqual(['other', 'still']);
  });

  test.each(['repeatable read', 'serializable'])(
    'wait for each other also where the default of transactions is %s',
    async (isolation) => {
      const options = encodeURIComponent(`-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`);
      const [one, other] = await nodes({ url: `${file.server.url}?options=${options}` });
      const appendSome = async (log: PostgresLog): Promise<void> => {
        for (let n = 0; n < 50; n += 1) await log.append([event('a')]);
      };
      await Promise.all([one, other, one, other].map(appendSome));
      expect(await allOf(one)).toHaveLength(200);
      expect([...one.told, ...other.told]).toEqual([]);
    },
  );

  test('names that no event can have may be asked for', async () => {
    const [log] = await nodes();
    await log.append([event('a\ufffd')]);
    await log.append([{ ...event('\ufffd'), final: true }]);
    for (const name of ['\0', 'a\0', '\ud800', 'a\ud800']) {
      const selection = { topics: [name], types: [name, 'message'] };
      expect(await log.locate(name, selection)).toMatchObject({ misplaced: 'unknown' });
      const page = await log.read({ selection, after: 0, through: 2, maxBytes: 100 });
      expect(page).toMatchObject({ entries: [], through: 2 });
      expect(page.finalSeq).toBeUndefined();
      expect((await log.locateLast(selection, 1)).finalSeq).toBeUndefined();
      expect((await log.directory.list({ order: 'name', limit: 5, after: name })).total).toBe(2);
    }
  });

  test('one that is not told of a commit finds it when it looks', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema, { pollMs: 20 });
    const told = followed(log);
    // As if the notification had been lost on the way.
    await file.server.ask(
      `insert into ${schema}.outbox (topics, data, private, forget, final) values ('["a"]', 'x', false, false, false)`,
    );
    await told.until(() => told.data.length === 1);
    expect(told.data).toEqual(['x']);
  });

  test('a batch that is trimmed before another node has read it makes that one begin anew', async () => {
    const schema = file.server.schema();
    const one = await openLog(file.server, schema, { retention: { maxEvents: 1 } });
    const other = await openLog(file.server, schema, { retention: { maxEvents: 1 }, pollMs: 60_000 });
    const told = followed(other);
    await one.append(Array.from({ length: 20 }, (_, n) => event('a', String(n))));
    await told.until(() => told.steps.length === 3);
    expect(told.steps.map((step) => step.split(' ')[0])).toEqual(['start', 'lost', 'start']);
    expect(told.data).toEqual([]);
    await one.append([event('a', 'next')]);
    await told.until(() => told.data.length === 1 || told.steps.length > 3);
  });

  test('an event that is deleted with its topic before another node has read it makes that one begin anew', async () => {
    const schema = file.server.schema();
    const one = await openLog(file.server, schema);
    const other = await openLog(file.server, schema, { pollMs: 60_000 });
    const told = followed(other);
    const { seq } = await one.append([event('b', '1')]);
    await told.until(() => told.data.length === 1);
    // Nodes look at the outbox when they read what is new, and those who write do not.
    const client = new pg.Client(file.server.url);
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(`begin; lock table ${schema}.outbox in access exclusive mode`);
    await one.append([event('b', '2')]);
    await one.append([event('a', 'deleted')]);
    await one.topics.delete('a');
    await one.append([event('b', '3')]);
    await client.query('rollback');
    await expect.poll(() => told.steps.map((step) => step.split(' ')[0]), LONG).toEqual(['start', 'lost', 'start']);
    const page = await other.read({ selection: EVERYTHING, after: seq, through: seq + 4, maxBytes: 1000 });
    expect([page.entries.map(dataOf), page.deletedThrough]).toEqual([['2', '3'], seq + 3]);
    // A deletion of what it has handed over is handed over, too.
    await one.append([event('a', '4')]);
    await told.until(() => told.data.includes('4'));
    await one.topics.delete('a');
    await one.append([event('b', '5')]);
    await told.until(() => told.data.includes('5'));
    expect(told.steps.length).toBe(3);
  });

  test('a copy of how far topics were trimmed that is far behind is made anew', async () => {
    const schema = file.server.schema();
    const one = await openLog(file.server, schema, { retention: { maxEvents: 1 } });
    const other = await openLog(file.server, schema, { retention: { maxEvents: 1 } });
    await one.append([event('a')]);
    await file.server.ask(`update ${schema}.head set trims = trims + 20000`);
    await file.server.ask(`delete from ${schema}.trims`);
    await one.append([event('b')]);
    const read = async (topic: string): Promise<number> =>
      (await other.read({ selection: { topics: [topic] }, after: 0, through: 2, maxBytes: 1 })).trimmedThrough;
    expect([await read('a'), await read('b')]).toEqual([1, 0]);
    await one.append([event('c')]);
    expect([await read('a'), await read('b')]).toEqual([1, 2]);
    expect(await allOf(other, EVERYTHING)).toEqual(['']);
  });
});
