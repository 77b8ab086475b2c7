import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { NatsLog } from '@tidings/nats';
import { EARLIEST } from '@tidings/server/log';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { NatsServer, Way } from './nats-server.ts';
import { contents, dataOf, event, Follower, manage, newName, openLog } from './rig.ts';
import { isMissing } from '../../../test/missing.ts';

const WITHOUT = isMissing('nats-server');

let server: NatsServer;
beforeAll(async () => {
  server = await NatsServer.start();
});
afterAll(() => server.end());

const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, n) => String(from + n));

async function wayTo(port: number): Promise<Way> {
  const way = await Way.to(port);
  onTestFinished(() => way.close());
  return way;
}

describe.skipIf(WITHOUT)('several nodes on one stream', () => {
  test('have the same log, and hand over the same in the same order', async () => {
    const servers = server.url;
    const name = newName();
    const one = await openLog({ servers, name });
    const other = await openLog({ servers, name });
    const followers = [new Follower(one), new Follower(other)];
    const appends = range(1, 200).map((data) => (Number(data) % 2 ? one : other).append([event('a', data)]));
    const receipts = await Promise.all(appends);
    const last = Math.max(...receipts.map(({ seq }) => seq));
    for (const follower of followers) await follower.until(() => follower.reached >= last);
    expect(followers[0]!.got).toEqual(followers[1]!.got);
    expect(followers[0]!.got.map(({ id }) => id).toSorted()).toEqual(receipts.map(({ id }) => id).toSorted());
    expect(await contents(one)).toEqual(await contents(other));
  });

  test('a key, a lease and a final event count on all of them', async () => {
    const servers = server.url;
    const name = newName();
    const one = await openLog({ servers, name });
    const other = await openLog({ servers, name });
    const first = await one.append([event('a')], { key: 'k' });
    expect(await other.append([event('a')], { key: 'k' })).toEqual({ ...first, repeated: true });
    const leases = await Promise.allSettled([one, other].map((log) => log.topics.lease('b', 60_000)));
    expect(leases.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await one.append([{ ...event('c'), final: true }]);
    await expect(other.append([event('c')])).rejects.toMatchObject({ code: 'ERR_TOPIC_CLOSED' });
    await one.values.set('v', '1');
    const seen = new Promise((resolve) => void other.values.watch('', ({ set }) => set.length > 0 && resolve(set)));
    expect(await seen).toEqual([{ name: 'v', value: '1' }]);
  });

  test('the node that was opened last sets what all keep', async () => {
    const servers = server.url;
    const name = newName();
    const one = await openLog({ servers, name, retention: {} });
    for (const data of range(1, 5)) await one.append([event('a', data)]);
    const other = await openLog({ servers, name, retention: { maxEvents: 2 } });
    for (const log of [one, other]) {
      const { entries, trimmed } = await contents(log);
      expect(entries.map(dataOf)).toEqual(['4', '5']);
      expect(trimmed).toBe(entries[0]!.seq - 1);
    }
  });

  test('a rule for topics that is new holds for those that get nothing more, too', async () => {
    const servers = server.url;
    const name = newName();
    const one = await openLog({ servers, name, retention: {} });
    await one.append([...range(1, 5), 'other'].map((data) => event(data === 'other' ? 'b' : 'a', data)));
    const other = await openLog({ servers, name, retention: { perTopic: [{ topics: ['a'], maxEvents: 3 }] } });
    for (const log of [one, other]) {
      const { entries } = await contents(log);
      expect(entries.map(dataOf)).toEqual(['3', '4', '5', 'other']);
    }
  });
});

test.skipIf(WITHOUT)('an event that is larger than a message of the server is stored whole', async () => {
  const name = newName();
  const log = await openLog({ servers: server.url, name });
  const follower = new Follower(log);
  const data = 'ä€😀'.repeat(400_000);
  const { seq } = await log.append([event('a', data), event('a', 'after')]);
  await follower.until(() => follower.reached >= seq);
  expect(follower.got.map((entry) => dataOf(entry) === data)).toEqual([true, false]);
  const again = await openLog({ servers: server.url, name });
  expect((await contents(again)).entries).toEqual(follower.got);
});

/** Appends until messages have been removed from the stream. */
async function outgrow(log: NatsLog, name: string, first = 1): Promise<void> {
  for (let round = 0; round < 20; round += 1)
    await log.append(range(1, 19).map((data) => event('b', data.repeat(200))));
  const { streams } = await manage(server.url);
  await expect.poll(async () => (await streams.info(name)).state.first_seq, { timeout: 10_000 }).toBeGreaterThan(first);
}

describe.skipIf(WITHOUT)('snapshots', () => {
  const retention = { maxEvents: 20 };

  test('a node is opened while another one removes what it is to be delivered, and nobody writes', async () => {
    const name = newName();
    const log = await openLog({ servers: server.url, name, compactBytes: 65_536 });
    const { streams } = await manage(server.url);
    const way = await wayTo(Number(new URL(server.url).port));
    const last = await log.append([event('a', '1')]);
    way.before('CONSUMER.CREATE', async () => {
      await log.append(range(1, 40).map((data) => event('b', data.repeat(2000))));
      await expect.poll(async () => (await streams.info(name)).state.messages, { timeout: 10_000 }).toBe(0);
    });
    const other = await openLog({ servers: way.url, name, compactBytes: 65_536 });
    expect(await contents(other)).toEqual(await contents(log));
    expect((await other.locate(last.id)).after).toBe(last.seq);
  });

  test('the stream stays small, and who comes later has the same log', async () => {
    const servers = server.url;
    const name = newName();
    const log = await openLog({ servers, name, retention, compactBytes: 65_536 });
    await log.topics.create('kept', { keep: 'latest' });
    const lease = await log.topics.lease('leased', 3_600_000, { holder: 'me' });
    const first = await log.append([event('a', 'first')], { key: 'k' });
    await log.append([{ ...event('kept', '€ 😀'), private: true, latestKey: 'x' }]);
    await outgrow(log, name);
    // Of the snapshots before only the newest is left.
    const manager = await manage(servers);
    const { streams } = manager;
    const subjects = async (): Promise<unknown> =>
      (await streams.info(`KV_${name}-snapshots`, { subjects_filter: '>' })).state.subjects;
    expect(new Set(Object.values((await subjects()) as object))).toEqual(new Set([1]));
    await outgrow(log, name, (await streams.info(name)).state.first_seq);
    await expect.poll(async () => Object.keys((await subjects()) as object).length).toBe(2);
    // What was removed counts no longer for the account.
    const counted = async (): Promise<number> => {
      let sum = 0;
      for await (const { state } of streams.list()) sum += state.bytes;
      return sum;
    };
    expect((await manager.getAccountInfo()).storage).toBe(await counted());
    const later = await openLog({ servers, name, retention });
    expect(await contents(later)).toEqual(await contents(log));
    expect(await later.append([event('a', 'first')], { key: 'k' })).toEqual({ ...first, repeated: true });
    expect(await later.topics.leases()).toEqual([{ topic: 'leased', token: lease.token, holder: 'me' }]);
    expect(await later.topics.status('kept')).toEqual(await log.topics.status('kept'));
    const next = await later.append([event('a', 'next')]);
    expect((await contents(log)).entries.at(-1)).toMatchObject({ seq: next.seq, id: next.id });
  });

  test('a node that was away while messages were removed tells exactly what it has missed', async () => {
    const servers = server.url;
    const name = newName();
    const log = await openLog({ servers, name, retention, compactBytes: 65_536 });
    const way = await wayTo(server.port);
    const away = await openLog({ servers: way.url, name, retention });
    await log.append([event('a', '1'), event('quiet', '2')]);
    const [everything, quiet] = [new Follower(away), { topics: ['quiet'] }];
    await everything.until(() => everything.steps.length > 0);
    const place = await away.locate((await log.append([event('a', '3')])).id);
    await everything.until(() => everything.reached >= place.after);
    way.cut(false);
    await everything.until(() => everything.steps.at(-1) === 'lost');
    await outgrow(log, name);
    way.open();
    const { head } = await log.locate(EARLIEST);
    await everything.until(() => everything.reached >= head);
    expect(everything.steps.filter((step) => step.startsWith('gap'))).toHaveLength(1);
    // A listener of a topic that had nothing new is told of nothing, and one that asked before is told what is missing since.
    const page = { after: place.after, through: head, maxBytes: 1000 };
    expect(await away.read({ ...page, selection: quiet })).toMatchObject({ entries: [], trims: 0 });
    expect((await away.read({ ...page, selection: { topics: ['b'] } })).trims).toBeGreaterThan(place.trims);
    expect(await contents(away)).toEqual(await contents(log));
  });
});

test.skipIf(WITHOUT)(
  'if messages or the snapshots were deleted, a node that has everything stores it again',
  async () => {
    const servers = server.url;
    const name = newName();
    const log = await openLog({ servers, name });
    for (const data of range(1, 3)) await log.append([event('a', data)]);
    const { streams } = await manage(servers);
    await streams.purge(name);
    const later = await openLog({ servers, name });
    expect(await contents(later)).toEqual(await contents(log));
    expect((await later.append([event('a', '4')])).seq).toBe(4);
  },
);

describe.skipIf(WITHOUT)('while the store is away', () => {
  test('appends wait, and are stored when it is back; followers are told and go on', async () => {
    const way = await wayTo(server.port);
    const log = await openLog({ servers: way.url, name: newName() });
    const follower = new Follower(log);
    await log.append([event('a', '1')]);
    way.cut(false);
    await follower.until(() => follower.steps.at(-1) === 'lost');
    const appends = range(2, 4).map((data) => log.append([event('a', data)]));
    way.open();
    const receipts = await Promise.all(appends);
    await follower.until(() => follower.reached >= receipts.at(-1)!.seq);
    expect(follower.got.map(dataOf)).toEqual(range(1, 4));
    const [start] = follower.steps;
    expect(follower.steps).toEqual([start, 'lost', start]);
  });

  test('what waits too long is refused, and what the node has can be read', async () => {
    const way = await wayTo(server.port);
    const log = await openLog({ servers: way.url, name: newName(), waitMs: 0 });
    const follower = new Follower(log);
    const { seq } = await log.append([event('a', '1')]);
    way.cut(false);
    await follower.until(() => follower.steps.at(-1) === 'lost');
    const refused = { code: 'ERR_STORE_AWAY' };
    await expect(log.append([event('a', '2')])).rejects.toMatchObject(refused);
    await expect(log.locate(EARLIEST)).rejects.toMatchObject(refused);
    await expect(log.topics.status('a')).rejects.toMatchObject(refused);
    const request = { selection: { topics: ['a'] }, after: 0, through: seq, maxBytes: 1000 };
    expect((await log.read(request)).entries.map(dataOf)).toEqual(['1']);
    way.open();
    await follower.until(() => follower.steps.at(-1) !== 'lost');
    await log.append([event('a', '3')]);
    expect((await contents(log)).entries.map(dataOf)).toEqual(['1', '3']);
  });

  test('the log can be closed, and what waits is refused', async () => {
    const way = await wayTo(server.port);
    const log = await openLog({ servers: way.url, name: newName(), waitMs: 5000 });
    const follower = new Follower(log);
    await log.append([event('a', '1')]);
    way.cut(false);
    await follower.until(() => follower.steps.at(-1) === 'lost');
    const waiting = log.append([event('a', '2')]);
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'ERR_STORE_AWAY' }), log.close()]);
    await expect(log.append([event('a', '3')])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe.skipIf(WITHOUT)('a stream that was deleted', () => {
  test('begins a new epoch, which all nodes tell their followers', async () => {
    const servers = server.url;
    const name = newName();
    const logs = [await openLog({ servers, name }), await openLog({ servers, name })];
    const last = await logs[0]!.append([event('a', '1')]);
    const followers = logs.map((log) => new Follower(log));
    for (const follower of followers) await follower.until(() => follower.steps.length > 0);
    await (await manage(servers)).streams.delete(name);
    for (const follower of followers) await follower.until(() => follower.steps.length === 3);
    const [begun, ...others] = followers.map(({ steps }) => steps.at(-1));
    expect(others).toEqual([begun]);
    expect(followers[0]!.steps).toEqual([followers[0]!.steps[0], 'lost', begun]);
    expect(begun).not.toBe(followers[0]!.steps[0]);
    const next = await logs[1]!.append([event('a', '2')]);
    expect(next.seq).toBe(last.seq + 1);
    for (const log of logs) {
      expect((await log.locate(last.id)).misplaced).toBeUndefined();
      expect((await contents(log)).entries.map(dataOf)).toEqual(['2']);
    }
  });

  test('tells what is lost where the node that makes it again did not know of the last events', async () => {
    const name = newName();
    const ways = [await wayTo(server.port), await wayTo(server.port)];
    const open = async ({ url }: Way): Promise<NatsLog> => await openLog({ servers: url, name, onError: () => {} });
    const [ahead, behind] = [await open(ways[0]!), await open(ways[1]!)];
    const follower = new Follower(behind);
    const known = await ahead.append([event('a', '1')]);
    await follower.until(() => follower.reached >= known.seq);
    ways[1]!.cut(false);
    await follower.until(() => follower.steps.at(-1) === 'lost');
    const unknown = await ahead.append([event('a', '2')]);
    const other = new Follower(ahead);
    ways[0]!.cut(false);
    await other.until(() => other.steps.at(-1) === 'lost');
    await (await manage(server.url)).streams.delete(name);
    ways[1]!.open();
    // This node begins the epoch, and says that the one before ended where it has got to.
    await follower.until(() => follower.steps.length === 3);
    const next = await behind.append([event('a', '3')]);
    await follower.until(() => follower.reached >= next.seq);
    ways[0]!.open();
    await follower.until(() => follower.steps.at(-1)?.startsWith('gap') === true);
    expect(follower.got.map(dataOf)).toEqual(['1', '3']);
    const last = await ahead.append([event('a', '4')]);
    await follower.until(() => follower.reached >= last.seq);
    expect(follower.got.map(dataOf)).toEqual(['1', '3', '4']);
    for (const log of [ahead, behind]) {
      for (const { id } of [known, next]) {
        const { after, misplaced } = await log.locate(id);
        expect(misplaced).toBeUndefined();
        expect((await contents(log, undefined, after)).trimmed).toBeGreaterThan(after);
      }
      expect((await log.locate(unknown.id)).misplaced).toBe('foreign');
      const { after } = await log.locate(last.id);
      expect((await contents(log, undefined, after)).trimmed).toBeLessThanOrEqual(after);
    }
    // One that comes later finds it said, also from a snapshot.
    const gaps = follower.steps.filter((step) => step.startsWith('gap'));
    const third = await openLog({ servers: server.url, name });
    expect(await contents(third)).toEqual(await contents(behind));
    const end = await third.append([event('a', '5')]);
    await follower.until(() => follower.reached >= end.seq);
    expect(follower.steps.filter((step) => step.startsWith('gap'))).toEqual(gaps);
  });
});

test.skipIf(WITHOUT)('a store without room refuses an append, and takes it when there is room', async () => {
  const config = 'accounts { A { jetstream { max_store: 1000000 }, users: [{ user: "u", password: "p" }] } }';
  const own = await NatsServer.start(config);
  onTestFinished(() => own.end());
  const servers = own.url.replace('//', '//u:p@');
  const log = await openLog({
    servers,
    name: newName(),
    compactBytes: 65_536,
    retention: { maxEvents: 3 },
    onError: () => {},
  });
  const large = range(1, 3).map((data) => event('a', data.repeat(130_000)));
  await log.append(large);
  await expect(log.append([...large, ...large])).rejects.toMatchObject({ code: 'ERR_NOT_STORED' });
  await log.append([event('a', 'small')]);
  expect((await contents(log)).entries.map((entry) => dataOf(entry).length)).toEqual([130_000, 130_000, 5]);
});

test.skipIf(WITHOUT).each([
  ['subjects', { subjects: ['elsewhere.log'] }, /no longer has the subject/],
  ['limit of messages', { max_msgs: 2 }, /maximum messages exceeded/],
  ['limit of bytes', { max_bytes: 1000 }, /maximum bytes exceeded/],
])(
  'a stream whose %s somebody has changed refuses an append at once, and takes it when they are as before',
  async (_, change, message) => {
    const own = await NatsServer.start();
    onTestFinished(() => own.end());
    const name = newName();
    const log = await openLog({ servers: own.url, name, waitMs: 5000 });
    await log.append([event('a', '1')]);
    const { streams } = await manage(own.url);
    const { config } = await streams.info(name);
    await streams.update(name, { ...config, ...change });
    const fill = async (): Promise<never> => {
      for (;;) await log.append([event('a', 'x'.repeat(300))]);
    };
    await expect(fill()).rejects.toMatchObject({ code: 'ERR_NOT_STORED', message: expect.stringMatching(message) });
    await streams.update(name, config);
    await log.append([event('a', '2')]);
    const { entries } = await contents(log);
    expect([dataOf(entries[0]!), dataOf(entries.at(-1)!)]).toEqual(['1', '2']);
  },
);

test.skipIf(WITHOUT)('a store that was put back to an earlier state begins a new epoch, with what it has', async () => {
  const own = await NatsServer.start();
  onTestFinished(() => own.end());
  const log = await openLog({ servers: own.url, name: newName() });
  const first = await log.append([event('a', '1')]);
  const follower = new Follower(log);
  await own.kill();
  const put = own.keep();
  await own.start();
  const lost = await log.append([event('a', '2')]);
  await follower.until(() => follower.reached >= lost.seq);
  await own.kill();
  put();
  await own.start();
  const [before] = follower.steps;
  await follower.until(() => follower.steps.at(-1)?.startsWith('start') === true && follower.steps.at(-1) !== before);
  expect((await contents(log)).entries.map(dataOf)).toEqual(['1']);
  // Who had what is lost misses nothing, and who had not is told.
  for (const [{ id }, through] of [
    [first, lost.seq],
    [lost, lost.seq],
  ] as const) {
    const { after, misplaced } = await log.locate(id);
    expect([misplaced, (await contents(log, undefined, after)).trimmed]).toEqual([undefined, through]);
  }
  expect(follower.steps.some((step) => step.startsWith('gap'))).toBe(false);
  const next = await log.append([event('a', '3')]);
  expect((await log.locate(next.id)).after).toBe(next.seq);
  expect(next.id).not.toBe(lost.id);
});

/** A log in a store that was put back while no node ran: what was lost meanwhile, and the store as it is started again. */
async function putBack(): Promise<{ options: { servers: string; name: string }; kept: string; lost: string }> {
  const own = await NatsServer.start();
  onTestFinished(() => own.end());
  const options = { servers: own.url, name: newName() };
  const log = await NatsLog.open(options);
  const kept = await log.append([event('a', '1')]);
  await own.kill();
  const put = own.keep();
  await own.start();
  const lost = await log.append([event('a', '2')]);
  await log.close();
  await own.kill();
  put();
  await own.start();
  return { options, kept: kept.id, lost: lost.id };
}

test.skipIf(WITHOUT)('a store that was put back while no node ran goes on in a new epoch', async () => {
  const { options, kept, lost } = await putBack();
  const log = await openLog(options);
  const next = await log.append([event('a', '3')]);
  expect(next.id).not.toBe(lost);
  expect((await log.locate(kept)).misplaced).toBeUndefined();
  expect((await log.locate(lost)).misplaced).toBe('foreign');
  // One that comes while another node follows begins none.
  const other = await openLog(options);
  expect((await other.locate(next.id)).misplaced).toBeUndefined();
  expect((await other.append([event('a', '4')])).id.split('.')[0]).toBe(next.id.split('.')[0]);
  expect((await contents(log)).entries.map(dataOf)).toEqual(['1', '3', '4']);
});

test.skipIf(WITHOUT)(
  'a node that was cut off while the store was put back, and others went on, has what they have',
  async () => {
    const own = await NatsServer.start();
    onTestFinished(() => own.end());
    const name = newName();
    const way = await wayTo(own.port);
    const log = await openLog({ servers: way.url, name });
    await log.append([event('a', '1')]);
    await own.kill();
    const put = own.keep();
    await own.start();
    const lost = await log.append([event('a', '2')]);
    const follower = new Follower(log);
    await follower.until(() => follower.steps.length > 0);
    way.cut(false);
    await own.kill();
    put();
    await own.start();
    const other = await openLog({ servers: own.url, name });
    for (const data of range(3, 9)) await other.append([event('a', data)]);
    way.open();
    await follower.until(() => follower.steps.length >= 3);
    expect((await log.locate(lost.id)).misplaced).toBe('foreign');
    const next = await log.append([event('a', '10')]);
    for (const each of [log, other]) {
      expect((await contents(each)).entries.map(dataOf)).toEqual(['1', ...range(3, 10)]);
      expect((await each.locate(next.id)).after).toBe(next.seq);
    }
  },
);

describe.skipIf(WITHOUT)('what the server does not allow is told when the log is opened', () => {
  const refusal = async (config: string, url?: (port: number) => string): Promise<string> => {
    const port = await freePort();
    const other = await NatsServer.start(config, { port });
    try {
      await NatsLog.open({ servers: url?.(port) ?? other.url });
      return 'opened';
    } catch (error) {
      const { code, message } = error as { code: string; message: string };
      return `${code} ${message}`;
    } finally {
      await other.end();
    }
  };

  test('messages that are too small', async () => {
    expect(await refusal('max_payload: 1024')).toBe(
      'ERR_STORE_LIMITS The NATS server takes messages of at most 1024 bytes; set its max_payload to 16384 or more',
    );
  });

  test('a user who may not write, or may not make a stream', async () => {
    const users = (denied: string): string =>
      `authorization { users: [{ user: "u", password: "p", permissions: { publish: { deny: ["${denied}"] } } }] }`;
    const url = (port: number): string => `nats://u:p@127.0.0.1:${port}`;
    expect(await refusal(users('$JS.API.STREAM.CREATE.>'), url)).toMatch(
      /^ERR_STORE_LIMITS The user of the NATS server may not publish "?\$JS\.API\.STREAM\.CREATE\.tidings/,
    );
    expect(await refusal(users('tidings.log'), url)).toMatch(
      /^ERR_STORE_LIMITS The user of the NATS server may not publish "?tidings\.log/,
    );
    expect(await refusal(users('$JS.FC.>'), url)).toMatch(
      /^ERR_STORE_LIMITS The user of the NATS server may not publish "?\$JS\.FC\.tidings/,
    );
    const deaf = 'authorization { users: [{ user: "u", password: "p", permissions: { subscribe: ["none"] } }] }';
    expect(await refusal(deaf, url)).toBe(
      'ERR_STORE_LIMITS The user of the NATS server may not subscribe to _INBOX.>; give the user that permission',
    );
    expect(await refusal(users('nothing'), (port) => `nats://u:wrong@127.0.0.1:${port}`)).toBe(
      'ERR_STORE_AWAY The NATS server did not let the log in: user, password or token are wrong',
    );
  });

  test('and nothing of what a user of the README may do is too little for what comes later', async () => {
    const publish = '["tidings.log", "$KV.tidings-snapshots.>", "$JS.FC.tidings.>", "$JS.API.>"]';
    const permissions = `permissions: { publish: ${publish}, subscribe: ["_INBOX.>"] }`;
    const port = await freePort();
    const other = await NatsServer.start(`authorization { users: [{ user: "u", password: "p", ${permissions} }] }`, {
      port,
    });
    onTestFinished(() => other.end());
    const failed: unknown[] = [];
    const open = (): Promise<NatsLog> =>
      openLog({
        servers: `nats://u:p@127.0.0.1:${port}`,
        compactBytes: 1024 * 1024,
        retention: { maxEvents: 20 },
        onError: (error) => void failed.push(error),
      });
    const one = await open();
    const follower = new Follower(await open());
    // So much that the store asks how much was taken, and that snapshots are stored.
    const data = 'x'.repeat(300_000);
    const appends = range(1, 30).map((name) => one.append([event(name, data)]));
    const last = Math.max(...(await Promise.all(appends)).map(({ seq }) => seq));
    await follower.until(() => follower.reached >= last);
    expect(follower.got).toHaveLength(30);
    expect(follower.steps).not.toContain('lost');
    expect((await contents(await open())).entries).toHaveLength(20);
    expect(failed).toEqual([]);
  });

  test('another stream that has the subject, and one that removes messages by itself', async () => {
    const { streams } = await manage(server.url);
    const name = newName();
    await streams.add({ name: `${name}-other`, subjects: [`${name}.>`] });
    await expect(NatsLog.open({ servers: server.url, name })).rejects.toMatchObject({
      code: 'ERR_STORE_LIMITS',
      message: expect.stringMatching(/^Another stream on the NATS server stores the messages of the subject/),
    });
    const aged = newName();
    await streams.add({ name: aged, subjects: [`${aged}.log`], max_age: 3_600_000_000_000, max_msgs: 1000 });
    const told: unknown[] = [];
    const log = await openLog({ servers: server.url, name: aged, onError: (error) => void told.push(error) });
    expect(told).toMatchObject([
      {
        code: 'ERR_STORE_LIMITS',
        message: `The stream ${aged} on the NATS server removes messages by itself, by its max_age and max_msgs; a log needs one that keeps all of them`,
      },
    ]);
    await log.append([event('a')]);
  });

  test('an account with too little storage', async () => {
    const config = 'accounts { A { jetstream { max_store: 1000000 }, users: [{ user: "u", password: "p" }] } }';
    expect(await refusal(config, (port) => `nats://u:p@127.0.0.1:${port}`)).toMatch(
      /^ERR_STORE_LIMITS The account on the NATS server may store 1000000 bytes, of which \d+ are used; 201326592 have to be free/,
    );
  });

  test('a server without JetStream', async () => {
    const config = 'accounts { A { users: [{ user: "u", password: "p" }] } }';
    expect(await refusal(config, (port) => `nats://u:p@127.0.0.1:${port}`)).toBe(
      'ERR_STORE_LIMITS JetStream is not enabled on the NATS server, or not for this account; start nats-server with -js',
    );
  });

  test.each([
    ['closes connections', (socket: Socket) => socket.end(), 'the connection was closed before a server said anything'],
    ['says something else', (socket: Socket) => socket.end('SSH-2.0-x\r\n'), 'what answered is no NATS server'],
    ['says nothing', () => {}, 'it did not answer in time'],
  ] as const)('something that %s in the place of a server', async (_, answer, found) => {
    const sockets: Socket[] = [];
    const other = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      answer(socket);
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      other.close();
    });
    const servers = `nats://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expect(NatsLog.open({ servers })).rejects.toMatchObject({
      code: 'ERR_STORE_AWAY',
      message: expect.stringContaining(`The NATS server cannot be reached: ${found}`),
    });
  });

  test('no server', async () => {
    const servers = `nats://127.0.0.1:${await freePort()}`;
    await expect(NatsLog.open({ servers })).rejects.toMatchObject({
      code: 'ERR_STORE_AWAY',
      message: expect.stringContaining('cannot be reached'),
    });
  });
});
