import { PostgresLog } from '@tidings/postgres';
import type { ServerError } from '@tidings/server';
import { formatCursor, type FollowStart } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withoutPostgres } from '../../../test/postgres-server.ts';
import { EVERYTHING, LONG, allOf, dataOf, event, followed, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile({ isSafe: true });

describe.skipIf(withoutPostgres)('while the database is away', () => {
  test('appends and reads are refused, or wait if they may, and go on when it is back', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema);
    const patient = await openLog(file.server, schema, { waitMs: 60_000 });
    const told = followed(log);
    await log.append([event('a', '1')]);
    await file.server.kill();
    await told.until(() => told.steps.at(-1) === 'lost');
    await expect(log.append([event('a', 'refused')])).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    await expect(log.topics.create('b')).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    await expect(log.values.set('a', 'b')).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' });
    const settled: string[] = [];
    for (const asked of [
      () => allOf(log),
      () => log.read({ selection: EVERYTHING, after: 0, through: 1, maxBytes: 100 }),
      () => log.locateLast(EVERYTHING, 1),
      () => log.locateSince(EVERYTHING, { ago: 1000 }),
      () => log.directory.list({ order: 'name', limit: 1 }),
      () => log.topics.status('a'),
      () => log.topics.leases(),
    ]) {
      await expect(asked()).rejects.toMatchObject({ name: 'ServerError', code: 'ERR_STORE_AWAY' });
    }
    const read = allOf(patient).then((data) => settled.push(data.join()));
    const waiting = patient.append([event('a', '2')]).then(({ seq }) => settled.push(`seq ${seq}`));
    const left = new AbortController();
    const asked = patient.locate('earliest', undefined, { signal: left.signal });
    left.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    await expect.poll(() => log.told.map(({ code }) => code), LONG).toContain('ERR_STORE_AWAY');
    expect(settled).toEqual([]);
    await file.server.run();
    await Promise.all([read, waiting]);
    await told.until(() => told.steps.length === 3);
    await expect.poll(() => log.append([event('a', '3')]).catch(() => undefined), LONG).toMatchObject({ seq: 3 });
    expect(await allOf(log)).toEqual(['1', '2', '3']);
    // It was told once that the database was away, however many asked.
    expect(log.told.map(({ code }) => code)).toEqual(['ERR_STORE_AWAY']);
    // The epoch is the same: what was acknowledged is there.
    const epochs = told.steps.filter((step) => step.startsWith('start')).map((step) => step.split(' ')[1]);
    expect(new Set(epochs).size).toBe(1);
  });

  test('every append that was answered survives that the server is killed, and one that is repeated with its key is there once', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema, { waitMs: 60_000 });
    const answered: string[] = [];
    let isKilled = false;
    const publishers = [0, 1, 2].map(async (publisher) => {
      for (let n = 0; n < 400 && !(isKilled && n % 20 === 19); n += 1) {
        const data = `${publisher} ${n}`;
        for (;;) {
          const stored = await log.append([event('a', data)], { key: data }).catch(() => undefined);
          if (stored) break;
        }
        answered.push(data);
      }
    });
    await expect.poll(() => answered.length, LONG).toBeGreaterThan(30);
    await file.server.kill();
    isKilled = true;
    await file.server.run();
    await Promise.all(publishers);
    const all = await allOf(log);
    expect(all.toSorted()).toEqual(answered.toSorted());
    for (const publisher of ['0', '1', '2']) {
      const own = (list: readonly string[]): string[] => list.filter((data) => data.startsWith(`${publisher} `));
      expect(own(all)).toEqual(own(answered));
    }
  });

  test('a server that stands still is not taken for an empty log', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema);
    const told = followed(log);
    await log.append([event('a', '1')]);
    file.server.signal('SIGSTOP');
    const settled: unknown[] = [];
    const read = allOf(log).then((data) => settled.push(data));
    const appended = log.append([event('a', '2')]).then(() => settled.push('appended'));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toEqual([]);
    file.server.signal('SIGCONT');
    await Promise.all([read, appended]);
    await told.until(() => told.data.length === 2);
    expect(await allOf(log)).toEqual(['1', '2']);
  });

  test('a standby that lacks acknowledged events takes over: a new epoch begins, and who had what was lost goes on', async () => {
    const schema = file.server.schema();
    const log = await openLog(file.server, schema);
    const told = followed(log);
    const kept = await log.append([event('a', 'kept')]);
    const copy = await file.server.copy();
    const lost = await log.append([event('a', 'lost')]);
    await file.server.failOver(copy);
    await told.until(() => told.steps.length >= 3);
    const starts = told.steps.filter((step) => step.startsWith('start')).map((step) => step.split(' '));
    const [before, after] = [starts[0]![1]!, starts.at(-1)![1]!];
    expect(after).not.toBe(before);
    const next = await log.append([event('a', 'next')]);
    expect(next.seq).toBe(lost.seq + 1);
    expect(await allOf(log)).toEqual(['kept', 'next']);
    // Another node that comes now knows the same epochs.
    const other = await openLog(file.server, schema);
    for (const each of [log, other]) {
      for (const { id, seq } of [kept, lost]) expect(await each.locate(id)).toMatchObject({ after: seq });
    }
    const start = await new Promise<FollowStart>((resolve) => {
      other.follow({ onStart: resolve, onBatch: () => {}, onLost: () => {} });
    });
    expect(formatCursor(start)).toBe(next.id);
  });

  test('a standby takes over that lacks removals and stored values: all nodes know those that come, though they have the numbers of those that were lost', async () => {
    const schema = file.server.schema();
    const options = { waitMs: 60_000, retention: { perTopic: [{ topics: 'all', maxEvents: 1 }] } } as const;
    const one = await openLog(file.server, schema, options);
    const other = await openLog(file.server, schema, options);
    const first = await one.append([event('a', '1')]);
    const copy = await file.server.copy();
    await one.append([event('lost', '2')]);
    await one.append([event('lost', '3')]);
    await one.values.set('lost', 'value');
    const trimmedOf = async (topic: string): Promise<number> => {
      const { head } = await one.locate(first.id);
      const page = await one.read({ selection: { topics: [topic] }, after: 0, through: head, maxBytes: 1000 });
      return page.trimmedThrough;
    };
    expect([await trimmedOf('lost'), await trimmedOf('a')]).toEqual([2, 0]);
    await file.server.failOver(copy);
    await other.append([event('a', '2')]);
    await other.values.set('new', 'value');
    // What is lost counts as trimmed, of whatever topic it was.
    expect([await trimmedOf('lost'), await trimmedOf('a')]).toEqual([3, 3]);
    await expect
      .poll(() => Promise.all([one.values.get('lost'), one.values.get('new')]), LONG)
      .toEqual([undefined, 'value']);
  });

  test('and its files are set back to an older copy while no node runs: a new epoch begins, and nothing that comes has a cursor of what was lost', async () => {
    const schema = file.server.schema();
    const waiting = { waitMs: 60_000 };
    const first = await openLog(file.server, schema, waiting);
    const kept = await first.append([event('a', 'kept')]);
    await file.server.kill();
    const putBack = file.server.keep();
    await file.server.run();
    const lost = await first.append([event('a', 'lost')]);
    await first.close();
    await file.server.kill();
    putBack();
    await file.server.run();
    const second = await openLog(file.server, schema, waiting);
    const next = await second.append([event('a', 'next')]);
    expect(next.seq).toBe(lost.seq);
    expect(next.id).not.toBe(lost.id);
    expect((await second.locate(kept.id)).misplaced).toBeUndefined();
    expect((await second.locate(lost.id)).misplaced).toBe('foreign');
    // A node beside it finds the same log, and begins no epoch of its own.
    const third = await openLog(file.server, schema, waiting);
    expect((await third.locate(next.id)).misplaced).toBeUndefined();
    expect((await third.append([event('a', 'more')])).id.split('.')[0]).toBe(next.id.split('.')[0]);
  });

  test('and its files are set back, and the new epoch cannot be stored at first: it is begun as soon as it can be', async () => {
    const schema = file.server.schema();
    const ask = (text: string): Promise<unknown> => file.server.ask(text.replaceAll('SCHEMA', schema));
    const log = await openLog(file.server, schema, { waitMs: 60_000 });
    const kept = await log.append([event('a', 'kept')]);
    await ask(`create table SCHEMA.broken (); create function SCHEMA.check_head() returns trigger language plpgsql as
      $$ begin if to_regclass('SCHEMA.broken') is not null then raise 'broken'; end if; return new; end $$;
      create trigger check_head before update on SCHEMA.head for each row execute function SCHEMA.check_head()`);
    await file.server.kill();
    const putBack = file.server.keep();
    await file.server.run();
    await ask('drop table SCHEMA.broken');
    const lost = await log.append([event('a', 'lost')]);
    await file.server.kill();
    putBack();
    await file.server.run();
    await expect
      .poll(() => log.append([event('a', 'refused')]).catch((error: unknown) => (error as ServerError).code), LONG)
      .toBe('ERR_NOT_STORED');
    await ask('drop table SCHEMA.broken');
    const next = await log.append([event('a', 'next')]);
    expect(next.seq).toBe(lost.seq + 1);
    expect(next.id.split('.')[0]).not.toBe(lost.id.split('.')[0]);
    for (const { id, seq } of [kept, lost]) expect(await log.locate(id)).toMatchObject({ after: seq });
  });
});

test.skipIf(withoutPostgres)(
  'a standby gives the pages of which it has everything, and the database the others',
  async () => {
    const schema = file.server.schema();
    const retention = { perTopic: [{ topics: ['small'], maxEvents: 1 }] };
    await (await openLog(file.server, schema)).append([event('a', '1'), event('small', '2')]);
    const standby = await file.server.standby();
    onTestFinished(() => standby.kill());
    const log = await openLog(file.server, schema, { replicaUrl: standby.url, retention, waitMs: 60_000 });
    const request = { selection: { topics: ['a', 'small'] }, after: 0, maxBytes: 1000 };
    const read = async (through: number): Promise<unknown> => {
      const page = await log.read({ ...request, through });
      return [page.entries.map(dataOf).join(' '), page.through, page.trimmedThrough];
    };
    const head = async (): Promise<unknown> => (await standby.ask(`select seq from ${schema}.head`))[0];
    await expect.poll(head, LONG).toEqual({ seq: '2' });
    await standby.ask('select pg_wal_replay_pause()');
    await log.append([event('small', '3')]);
    // What it has not got yet, and what it does not know to be gone.
    expect(await read(3)).toEqual(['1 3', 3, 2]);
    expect(await read(2)).toEqual(['1', 2, 2]);
    await standby.ask('select pg_wal_replay_resume()');
    await expect.poll(head, LONG).toEqual({ seq: '3' });
    await file.server.kill();
    // Nothing else can give it.
    expect(await read(3)).toEqual(['1 3', 3, 2]);
    await standby.kill();
    const waiting = read(3);
    await file.server.run();
    expect(await waiting).toEqual(['1 3', 3, 2]);
    expect(log.told.map(({ code }) => code)).toContain('ERR_REPLICA_AWAY');
  },
);

test.skipIf(withoutPostgres)(
  'a standby that cannot be used is told of once, and again when it has answered meanwhile',
  async () => {
    const schema = file.server.schema();
    await (await openLog(file.server, schema)).append([event('a', '1')]);
    const standby = await file.server.standby();
    onTestFinished(() => standby.kill());
    await standby.kill();
    const log = await openLog(file.server, schema, { replicaUrl: standby.url });
    await expect
      .poll(() => log.told, LONG)
      .toMatchObject([
        {
          name: 'PostgresError',
          code: 'ERR_REPLICA_AWAY',
          message: expect.stringMatching(
            /^Cannot read from the standby of replicaUrl: .*ECONNREFUSED.*\. Pages are read from the database itself meanwhile$/,
          ) as string,
        },
      ]);
    expect(await allOf(log)).toEqual(['1']);
    await standby.run();
    const asked = async (): Promise<unknown> => {
      await allOf(log);
      return await standby.ask(
        `select 1 from pg_stat_activity where application_name = 'tidings' and query like '%head%'`,
      );
    };
    await expect.poll(asked, LONG).not.toEqual([]);
    expect(log.told.length).toBe(1);
    await standby.kill();
    const told = async (): Promise<number> => {
      await allOf(log);
      return log.told.length;
    };
    await expect.poll(told, LONG).toBe(2);
  },
);

describe.skipIf(withoutPostgres)('a database that refuses what the log needs', () => {
  test.each([
    [
      'the schema has another name',
      'alter schema SCHEMA rename to elsewhere',
      'alter schema elsewhere rename to SCHEMA',
    ],
    ['the head has another name', 'alter table SCHEMA.head rename to neck', 'alter table SCHEMA.neck rename to head'],
    [
      'the head has no row',
      'create table kept as select * from SCHEMA.head; delete from SCHEMA.head',
      'insert into SCHEMA.head select * from kept; drop table kept',
    ],
    [
      'a column has another name',
      'alter table SCHEMA.events rename frame to form; alter table SCHEMA.head rename state to form',
      'alter table SCHEMA.events rename form to frame; alter table SCHEMA.head rename form to state',
    ],
    ['the role may not use it', 'revoke usage on schema SCHEMA from hub', 'grant usage on schema SCHEMA to hub'],
  ])('is out of reach for questions, and answers again: %s', async (_, spoil, mend) => {
    const schema = file.server.schema();
    const ask = (text: string): Promise<unknown> => file.server.ask(text.replaceAll('SCHEMA', schema));
    await ask(`do $$ begin create role hub login; exception when duplicate_object then null; end $$`);
    await ask('create schema SCHEMA; grant all on schema SCHEMA to hub');
    const log = await openLog(file.server, schema, { url: file.server.url.replace('tidings@', 'hub@') });
    const { id } = await log.append([event('a', '1')]);
    const told = followed(log);
    await ask(spoil);
    for (const asked of [
      () => log.locate(id),
      () => log.read({ selection: EVERYTHING, after: 0, through: 1, maxBytes: 100 }),
      () => log.locateLast(EVERYTHING, 1),
      () => log.topics.status('a'),
    ]) {
      await expect(asked()).rejects.toMatchObject({ name: 'ServerError', code: 'ERR_STORE_AWAY' });
    }
    await expect(log.append([event('a', 'refused')])).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(STORE_AWAY|NOT_STORED)$/) as string,
    });
    await told.until(() => told.steps.at(-1) === 'lost');
    await ask(mend);
    await told.until(() => told.steps.at(-1)?.startsWith('start') === true);
    await log.append([event('a', '2')]);
    await told.until(() => told.data.length === 1);
    expect(await allOf(log)).toEqual(['1', '2']);
  });
});

describe('opening', () => {
  test.skipIf(withoutPostgres)(
    'is refused with a sentence if the database cannot be reached, or cannot be used',
    async () => {
      const schema = file.server.schema();
      const { url } = file.server;
      const open = (options: object): Promise<unknown> => PostgresLog.open({ url, schema, ...options });
      await expect(open({ url: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toMatchObject({
        name: 'PostgresError',
        code: 'ERR_STORE_AWAY',
        message: expect.stringMatching(/^Cannot reach the database: .*ECONNREFUSED/) as string,
      });
      await expect(open({ url: url.replace(/postgres$/, 'nothing') })).rejects.toMatchObject({
        code: 'ERR_STORE_UNFIT',
        message: expect.stringMatching(/database "nothing" does not exist/) as string,
      });
      await file.server.ask(`create role guest login`);
      await expect(open({ url: url.replace('tidings@', 'guest@') })).rejects.toMatchObject({
        code: 'ERR_STORE_UNFIT',
        message: expect.stringMatching(
          /^Cannot make or use the tables of the log in the schema .*: permission denied/,
        ) as string,
      });
      await file.server.ask(`create database latin encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0`);
      await expect(open({ url: url.replace(/postgres$/, 'latin') })).rejects.toMatchObject({
        code: 'ERR_STORE_UNFIT',
        message: 'The database has the encoding LATIN1; UTF8 is needed, for the names of topics',
      });
      await (await PostgresLog.open({ url, schema })).close();
      await file.server.ask(`insert into ${schema}.versions (version) values (99)`);
      await expect(open({})).rejects.toMatchObject({
        code: 'ERR_STORE_NEWER',
        message: expect.stringMatching(/has the version 99, and this program knows 4: use a newer version/) as string,
      });
    },
  );

  test.each([
    [{ url: 'mysql://x' }, /The option url is of another form, but must begin with postgres:/],
    [
      { replicaUrl: 'postgres://127.0.0.1:99999/x' },
      /The option replicaUrl has the port 99999; 1 to 65535 are allowed/,
    ],
    [
      { url: 'postgres://127.0.0.1/x?schema=other' },
      /The option url has the parameter "schema"; allowed are sslmode, sslrootcert/,
    ],
    [{ url: undefined }, /The option url is undefined/],
    [{ replicaUrl: 'standby' }, /The option replicaUrl is of another form/],
    [{ schema: 'Big' }, /The option schema is "Big"/],
    [{ schema: 'a"; drop table x' }, /The option schema is/],
    [{ polMs: 5 }, /There is no option "polMs"; allowed are .*pollMs/],
    [{ pollMs: 1 }, /The option pollMs is 1, but must be an integer from 10 to 60000/],
    [{ maxReaders: 0 }, /from 1 to 64/],
    [{ waitMs: -1 }, /The option waitMs is -1/],
    [{ statementMs: 5 }, /The option statementMs is 5/],
    [{ trimEveryMs: 0 }, /The option trimEveryMs is 0/],
    [{ maxWaitingBytes: 0 }, /The option maxWaitingBytes is 0/],
    [{ retention: { maxEvents: -1 } }, /retention.maxEvents/],
    [{ onError: 5 }, /The option onError is 5/],
  ])('refuses the options %o', async (options, message) => {
    const opened = PostgresLog.open({ url: 'postgres://127.0.0.1:1/x', ...options } as Parameters<
      typeof PostgresLog.open
    >[0]);
    await expect(opened).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(message) as string,
    });
  });
});
