import { Hub, MemoryLog } from '@tidings/hub';
import { LmdbLog } from '@tidings/lmdb';
import type { EventLog, LogFollower } from '@tidings/server/log';
import { ManualClock, RemoteStore } from '@tidings/server/log/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, problemOf, serve, temporaryFolder } from './test-hub.ts';

/** A log in memory without its capabilities, whose connection the test breaks and mends. */
class BareLog implements EventLog {
  readonly memory = new MemoryLog();
  readonly trimmedIsExact = true;
  readonly followers: LogFollower[] = [];
  readonly #isReached: boolean;

  constructor(isReached = true) {
    this.#isReached = isReached;
  }

  append: EventLog['append'] = (...args) => this.memory.append(...args);
  read: EventLog['read'] = (request) => this.memory.read(request);
  locate: EventLog['locate'] = (id) => this.memory.locate(id);
  locateLast: EventLog['locateLast'] = (...args) => this.memory.locateLast(...args);
  locateSince: EventLog['locateSince'] = (...args) => this.memory.locateSince(...args);
  follow: EventLog['follow'] = (follower) => {
    this.followers.push(follower);
    return this.#isReached ? this.memory.follow(follower) : { stop: () => {} };
  };
  close: EventLog['close'] = () => this.memory.close();
}

/** The health of a hub: the status, and what the document says. */
async function healthOf(port: number): Promise<[status: number, document: Record<string, unknown>]> {
  const { status, text } = await ask(port, 'GET', '/healthz');
  return [status, JSON.parse(text) as Record<string, unknown>];
}

describe('a hub on a log that has no list of its topics', () => {
  test('publishes and listens, and says that it cannot list them', async () => {
    const port = await serve(new Hub({ log: new BareLog() }));
    const live = await Listener.open(port, '/topics/a');
    expect((await ask(port, 'POST', '/topics/a', { body: 'x' })).status).toBe(200);
    expect(await live.take(1)).toEqual(['x']);
    const kept = await Listener.open(port, '/topics?match_urlpattern=*&last_event_id=earliest');
    expect(await kept.take(1)).toEqual(['x']);
    for (const accept of ['application/json', 'text/event-stream']) {
      const reply = await ask(port, 'GET', '/topics', { headers: { accept } });
      expect([reply.status, problemOf(reply)]).toEqual([501, 'unsupported']);
    }
  });
});

describe('a hub whose log is out of reach', () => {
  test('fails in its health until the log is back', async () => {
    const log = new BareLog();
    const port = await serve(new Hub({ log }));
    expect(await healthOf(port)).toMatchObject([200, { status: 'ok' }]);
    const { after: _, head } = await log.locate('earliest');
    const [follower] = log.followers;
    follower!.onLost(new Error('the line is cut'));
    const [status, document] = await healthOf(port);
    expect([status, document['status'], document['reason']]).toEqual([
      503,
      'failing',
      'The store of the log is out of reach',
    ]);
    follower!.onStart({ epoch: String(document['epoch']), seq: head, publicSeq: head });
    expect(await healthOf(port)).toMatchObject([200, { status: 'ok' }]);
  });

  test('from the beginning answers for its health, without a cursor that it does not know', async () => {
    const port = await serve(new Hub({ log: new BareLog(false) }));
    expect(await healthOf(port)).toEqual([
      503,
      {
        status: 'failing',
        reason: 'The store of the log is out of reach',
        listeners: 0,
        may: ['listen', 'publish', 'manage'],
      },
    ]);
  });

  test('does not say why to strangers', async () => {
    const port = await serve(new Hub({ log: new BareLog(false), key: 'a-key-of-the-hub' }));
    expect(await healthOf(port)).toEqual([503, { status: 'failing', listeners: 0, may: [] }]);
  });

  test('closes, though its listeners still wait to be let in', async () => {
    const clock = new ManualClock();
    const hub = new Hub({ log: new BareLog(false), clock });
    void hub.fetch(new Request('http://localhost/topics/a'));
    const closing = hub.close({ finishMs: 100 });
    clock.advance(100);
    await closing;
    expect(clock.pending).toBe(0);
  });
});

describe('a hub on a log with earlier epochs', () => {
  test('takes their cursors up to where each ended', async () => {
    const path = temporaryFolder();
    const publish = async (port: number, data: string): Promise<string> =>
      (await ask(port, 'POST', '/topics/a', { body: data })).text;
    const original = new Hub({ log: await LmdbLog.open({ path }) });
    const before = await serve(original);
    const [first, second] = [await publish(before, '1'), await publish(before, '2')];
    await original.close();

    const port = await serve(new Hub({ log: await LmdbLog.open({ path }) }));
    const third = await publish(port, '3');
    const [epoch, seq] = second.split('.') as [string, string];
    expect(third).not.toContain(epoch);
    // What an original gave out after it was copied is not known to the copy.
    const later = `${epoch}.${Number(seq) + 1}`;
    const gap = { after: later, resumedAt: `${third.split('.')[0]}.0`, reason: 'foreign' };
    for (const [cursor, data] of [
      [first, ['2', '3']],
      [second, ['3']],
      [third, []],
      [later, [JSON.stringify(gap), '1', '2', '3']],
    ] as const) {
      const listener = await Listener.open(port, '/topics?match=a&match=end', { 'last-event-id': cursor });
      await ask(port, 'POST', '/topics/end', { body: 'end' });
      await listener.until(() => listener.data.includes('end'));
      expect(listener.data.filter((each) => each !== 'end')).toEqual(data);
    }
  });
});

describe('two hubs on one log', () => {
  let store: RemoteStore;
  beforeAll(() => {
    store = new RemoteStore(1);
  });
  afterAll(() => store.close());

  test('are one: each gives what was published to the other, and takes its cursors', async () => {
    const harness = await store.open({ clock: new ManualClock(1_700_000_000_000) }, { faults: { holes: 0.5 } });
    onTestFinished(() => harness.dispose());
    const logs = [harness.log, harness.another()] as const;
    const [one, other] = [await serve(new Hub({ log: logs[0] })), await serve(new Hub({ log: logs[1] }))];
    const publish = async (port: number, data: string): Promise<string> =>
      (await ask(port, 'POST', '/topics/a', { body: data })).text;

    const atOne = await Listener.open(one, '/topics/a');
    const atOther = await Listener.open(other, '/topics/a');
    await publish(one, '1');
    await publish(other, '2');
    for (const listener of [atOne, atOther]) expect(await listener.take(2)).toEqual(['1', '2']);
    expect(atOne.published).toEqual(atOther.published);

    // A node that is behind takes a cursor that it has not seen yet.
    await harness.hold(logs[1], true);
    const id = await publish(one, '3');
    expect((await atOne.take(3)).at(-1)).toBe('3');
    const moved = await Listener.open(other, '/topics/a', { 'last-event-id': id });
    await publish(one, '4');
    await harness.hold(logs[1], false);
    expect(await moved.take(1)).toEqual(['4']);
    expect(await atOther.take(4)).toEqual(['1', '2', '3', '4']);
    expect(moved.events.filter(({ type }) => type === 'tidings-gap')).toEqual([]);
  });

  test('send their listeners away when the numbering begins anew, and take them back where they were', async () => {
    const harness = await store.open({ clock: new ManualClock(1_700_000_000_000) });
    onTestFinished(() => harness.dispose());
    const port = await serve(new Hub({ log: harness.log }));
    const open = await Listener.open(port, '/topics/a', { 'last-event-id': 'earliest' });
    await ask(port, 'POST', '/topics/a', { body: '1' });
    await open.take(1);
    await harness.beginEpoch();
    expect([await open.end(), open.retries.length]).toEqual(['broken', 1]);
    await ask(port, 'POST', '/topics/a', { body: '2' });
    const again = await Listener.open(port, '/topics/a', { 'last-event-id': open.events.at(-1)!.lastEventId });
    expect(await again.take(1)).toEqual(['2']);
  });

  test('make an idempotency key good for both', async () => {
    const harness = await store.open({ clock: new ManualClock(1_700_000_000_000) });
    onTestFinished(() => harness.dispose());
    const ports = [await serve(new Hub({ log: harness.log })), await serve(new Hub({ log: harness.another() }))];
    const headers = { 'idempotency-key': 'once' };
    const ids = [];
    for (const port of ports) ids.push((await ask(port, 'POST', '/topics/a', { headers, body: 'x' })).text);
    expect(new Set(ids).size).toBe(1);
  });
});
