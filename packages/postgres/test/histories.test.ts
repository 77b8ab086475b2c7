import { type EventLog, formatCursor, type FollowStart } from '@tidings/server/log';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PostgresServer, withoutPostgres } from '../../../test/postgres-server.ts';
import { allOf, event, followed, LONG, openLog, serverOfFile } from './rig.ts';

const file = serverOfFile({ isSafe: true });

/** Where a log is. */
async function whereIs(log: EventLog): Promise<FollowStart> {
  return await new Promise((resolve) => {
    log.follow({ onStart: resolve, onBatch: () => {}, onLost: () => {} }).stop();
  });
}

/** What is kept of a topic behind a number, and whether something is missing there. */
async function behind(log: EventLog, after: number): Promise<{ readonly seqs: number[]; readonly isMissing: boolean }> {
  const { seq } = await whereIs(log);
  const selection = { topics: ['a'], private: 'all' } as const;
  const { entries, trimmedThrough } = await log.read({ selection, after, through: seq, maxBytes: 2 ** 20 });
  return { seqs: entries.map((entry) => entry.seq), isMissing: trimmedThrough > after };
}

describe.skipIf(withoutPostgres)('a log of which an older state was put back', () => {
  test('goes on in a new epoch, also if no node has known it before, and a cursor of what was lost is foreign', async () => {
    const schema = file.server.schema();
    const first = await openLog(file.server, schema);
    const kept = await first.append([event('a', 'kept')]);
    await first.close();
    await file.server.kill();
    const putBack = file.server.keep();
    await file.server.run();
    const second = await openLog(file.server, schema);
    const lost = await second.append([event('a', 'lost')]);
    await second.close();
    await file.server.kill();
    putBack();
    await file.server.run();
    const third = await openLog(file.server, schema);
    const next = await third.append([event('a', 'next')]);
    expect([next.seq === lost.seq, next.id === lost.id]).toEqual([true, false]);
    expect((await third.locate(kept.id)).misplaced).toBeUndefined();
    expect((await third.locate(lost.id)).misplaced).toBe('foreign');
    expect(await allOf(third)).toEqual(['kept', 'next']);
  });

  test('goes on in a new epoch if its tables are those of a dump', async () => {
    const schema = file.server.schema();
    const first = await openLog(file.server, schema);
    const kept = await first.append([event('a', 'kept')]);
    await first.close();
    await file.server.ask(`alter table ${schema}.head rename to before`);
    await file.server.ask(`create table ${schema}.head (like ${schema}.before including all)`);
    await file.server.ask(`insert into ${schema}.head select * from ${schema}.before`);
    const second = await openLog(file.server, schema);
    expect((await whereIs(second)).epoch).not.toBe(kept.id.split('.')[0]);
    expect((await second.locate(kept.id)).misplaced).toBeUndefined();
  });
});

describe.skipIf(withoutPostgres)('a log whose server was killed and started again', () => {
  test('stays in its epoch while a node knows it', async () => {
    const log = await openLog(file.server, file.server.schema(), { waitMs: 60_000 });
    const told = followed(log);
    const { id } = await log.append([event('a', '1')]);
    const [epoch] = id.split('.');
    for (let time = 1; time <= 2; time += 1) {
      await file.server.kill();
      await file.server.run();
      await told.until(() => told.steps.length === 1 + 2 * time);
      await log.append([event('a', 'more')]);
    }
    expect(told.steps).toEqual([0, 1, 2].flatMap((seq) => [`start ${epoch} ${seq}`, 'lost']).slice(0, -1));
    expect((await log.append([event('a', 'last')])).id).toBe(formatCursor({ epoch: epoch!, seq: 4 }));
  });
});

describe.skipIf(withoutPostgres)('a node that outlives a failover to a standby that lacks something', () => {
  test('knows exactly what was trimmed in the history that goes on', async () => {
    const retention = { maxEvents: 5 };
    const log = await openLog(file.server, file.server.schema(), { retention, waitMs: 60_000 });
    const told = followed(log);
    for (let n = 1; n <= 10; n += 1) await log.append([event('a', 'kept')]);
    const copy = await file.server.copy();
    for (let n = 1; n <= 10; n += 1) await log.append([event('a', 'lost')]);
    await file.server.failOver(copy);
    await told.until(() => told.steps.length >= 3);
    for (let n = 1; n <= 4; n += 1) await log.append([event('a', 'next')]);
    // What the lost history had removed is there. Its numbers are left free, for who had them misses nothing.
    expect(await behind(log, 5)).toEqual({ seqs: [10, 21, 22, 23, 24], isMissing: true });
    expect(await behind(log, 20)).toEqual({ seqs: [21, 22, 23, 24], isMissing: false });
    await log.append(Array.from({ length: 50 }, () => event('a', 'next')));
    // The removals have numbers that those of the lost history had, too.
    expect(await behind(log, 30)).toEqual({ seqs: [70, 71, 72, 73, 74], isMissing: true });
  });

  test('tells what is lost, also those who listen at a node that did not know of it', async () => {
    const schema = file.server.schema();
    const options = { waitMs: 60_000 };
    const [ahead, behindIt] = [
      await openLog(file.server, schema, options),
      await openLog(file.server, schema, options),
    ];
    const known = await ahead.append([event('a', 'known')]);
    const copy = await file.server.copy();
    const lost = await ahead.append([event('a', 'lost')]);
    const told = [followed(ahead), followed(behindIt)];
    await file.server.failOver(copy);
    for (const each of told) await each.until(() => each.steps.length >= 3);
    for (const log of [ahead, behindIt]) {
      await expect.poll(() => behind(log, known.seq), LONG).toEqual({ seqs: [], isMissing: true });
      expect(await log.locate(known.id)).toMatchObject({ after: known.seq });
      // Which of them was first depends on what the notification was in time for.
      const { after, misplaced } = await log.locate(lost.id);
      expect(misplaced === 'foreign' || after === lost.seq).toBe(true);
    }
    const next = await behindIt.append([event('a', 'next')]);
    expect(await behind(behindIt, known.seq)).toEqual({ seqs: [next.seq], isMissing: true });
    expect(await allOf(ahead)).toEqual(['known', 'next']);
  });

  test('gives a place only when the log says where it is: no cursor is ahead of an older state', async () => {
    const log = await openLog(file.server, file.server.schema(), { waitMs: 60_000 });
    await log.append([event('a', 'known')]);
    const copy = await file.server.copy();
    const lost = await log.append([event('a', 'lost')]);
    const told = followed(log);
    const found = new Set<string>();
    let isOver = false;
    // Some ask before anything else has told this node of it.
    const asks = Array.from({ length: 10 }, async () => {
      while (!isOver) {
        const { misplaced = 'here', after } = await log.locate(lost.id);
        found.add(`${misplaced} ${after}`);
      }
    });
    await file.server.failOver(copy);
    await told.until(() => told.steps.length >= 3);
    isOver = true;
    await Promise.all(asks);
    expect([...found]).toEqual([`here ${lost.seq}`]);
  });

  test('knows the values of the history that goes on', async () => {
    const schema = file.server.schema();
    const options = { waitMs: 60_000 };
    const [log, other] = [await openLog(file.server, schema, options), await openLog(file.server, schema, options)];
    const all = [followed(log), followed(other)];
    await log.values.set('kept', '1');
    const copy = await file.server.copy();
    for (let n = 1; n <= 5; n += 1) await log.values.set(`lost ${n}`, '1');
    await file.server.failOver(copy);
    for (const told of all) await told.until(() => told.steps.length >= 3);
    await other.values.set('next', '1');
    for (const { values } of [log, other]) {
      await expect.poll(async () => (await values.list('')).map(({ name }) => name), LONG).toEqual(['kept', 'next']);
    }
  });
});

test.skipIf(withoutPostgres)('an append whose commit is broken off waits for the standby all the same', async () => {
  const server = await PostgresServer.start({ isSafe: true });
  onTestFinished(() => server.close());
  const standby = await server.standby();
  onTestFinished(() => standby.kill());
  await server.ask(`alter system set synchronous_standby_names = '*'`);
  await server.ask('select pg_reload_conf()');
  await expect
    .poll(() => server.ask('select from pg_stat_replication where sync_state = $1', ['sync']), LONG)
    .toHaveLength(1);
  const log = await openLog(server, server.schema());
  await log.append([event('a', '1')]);
  standby.signal('SIGSTOP');
  onTestFinished(() => standby.signal('SIGCONT'));
  const waits = `from pg_stat_activity where wait_event = 'SyncRep'`;
  const waiting = async (): Promise<unknown[]> =>
    (await server.ask<{ pid: number }>(`select pid ${waits}`)).map(({ pid }) => pid);
  let isAnswered = false;
  const appended = log.append([event('a', '2')]).finally(() => {
    isAnswered = true;
  });
  await expect.poll(waiting, LONG).toHaveLength(1);
  const [first] = await waiting();
  await server.ask(`select pg_terminate_backend(pid) ${waits}`);
  await expect.poll(async () => isAnswered || (await waiting()).some((pid) => pid !== first), LONG).toBe(true);
  expect(isAnswered).toBe(false);
  standby.signal('SIGCONT');
  const { seq } = await appended;
  // It has it on its disk, and shows it soon after.
  await expect.poll(() => standby.ask('select seq from log_1.head'), LONG).toEqual([{ seq: String(seq) }]);
});
