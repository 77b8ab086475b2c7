import { EventSource } from '@tidings/client';
import { EventStreamDecoder } from '@tidings/wire';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Cluster, HUB_CLUSTERS } from '../../scripts/cluster/cluster.ts';
import type { PostgresServer } from '../../scripts/cluster/postgres-server.ts';
import { isMissing } from '../missing.ts';
import { randomNumbers } from '../seed.ts';
import { Wanderer } from './hub-node.ts';

type HubCluster = (typeof HUB_CLUSTERS)[number];

const LISTENERS = 12;

/** How long a hub stands still. A node waits for a sign of life of its store for less than that. */
const STOPPED_MS = 10_000;

/** Asked again and again for so long at most: a machine under load takes a while. */
const LONG = { timeout: 30_000 };

const STORES: Readonly<Record<HubCluster, readonly string[]>> = {
  postgres: ['postgresql'],
  nats: ['nats-server'],
  workers: [],
};

const lacks = (kind: HubCluster): boolean => ['nginx', ...STORES[kind]].some(isMissing);

interface Group {
  readonly cluster: Cluster;
}

/** Starts a cluster for the tests of a group. */
function clusterOf(kind: HubCluster): Group {
  let started: Cluster | undefined;
  beforeAll(async () => {
    if (!lacks(kind)) started = await Cluster.start(kind);
  });
  afterAll(() => started?.kill());
  return {
    get cluster() {
      return started!;
    },
  };
}

/** Publishes with a key, again until it is answered. Gives the id. */
async function publish(url: string, data: string): Promise<string> {
  for (;;) {
    try {
      const response = await fetch(url, { method: 'POST', body: data, headers: { 'idempotency-key': data } });
      const text = await response.text();
      if (response.ok) return text.trim();
      if (response.status < 500) throw new TypeError(`A publish was answered ${response.status}: ${text}`);
    } catch (error) {
      // The connection was broken, or refused.
      if ((error as Error).cause === undefined) throw error;
    }
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

/** The data that an EventSource gets, from the beginning of the topic on. */
function listenTo(url: string): string[] {
  const got: string[] = [];
  const source = new EventSource(`${url}?last_event_id=earliest`);
  onTestFinished(() => source.close());
  source.addEventListener('message', ({ data }) => got.push(data));
  source.addEventListener('tidings-gap', ({ data }) => got.push(`a gap ${data}`));
  return got;
}

describe.each(HUB_CLUSTERS)('%s', (kind) => {
  const group = clusterOf(kind);

  test.skipIf(lacks(kind))(
    'listeners behind nginx lose nothing and get nothing twice while hubs are killed',
    async () => {
      const { cluster } = group;
      const topic = `${cluster.url}topics/kills`;
      // The others wait for seconds before they come back.
      await publish(`${topic}?retry=100`, 'first');
      const listeners = Array.from({ length: LISTENERS }, () => listenTo(topic));
      const random = randomNumbers();
      const urls = cluster.servers.map(({ url }) => url.replace(/\/$/, ''));
      const wanderers = [1, 2].map(() => new Wanderer(urls, '/topics/kills', random));
      const sent = ['first'];
      let isOver = false;
      const publishers = ['a', 'b'].map(async (name) => {
        for (let number = 1; !isOver; number += 1) {
          await publish(topic, `${name} ${number}`);
          sent.push(`${name} ${number}`);
        }
      });
      const more = (count: number): Promise<void> => {
        const goal = sent.length + count;
        return expect.poll(() => sent.length, LONG).toBeGreaterThan(goal);
      };
      for (const hub of cluster.servers) {
        await more(30);
        await hub.kill();
        // Beside one that is gone, another one goes on.
        if (cluster.servers.length > 1) await more(10);
        await hub.start();
      }
      await more(30);
      isOver = true;
      await Promise.all(publishers);
      const [first] = listeners;
      for (const got of listeners) await expect.poll(() => got.length, LONG).toBeGreaterThanOrEqual(sent.length);
      expect(first!.toSorted()).toEqual(sent.toSorted());
      for (const got of listeners) expect(got).toEqual(first);
      for (const wanderer of wanderers) {
        await wanderer.until((received) => received.length >= sent.length);
        expect(wanderer.received.map(({ data }) => data)).toEqual(first);
      }
    },
  );

  if (kind === 'postgres') awayTests(group);
  if (kind === 'nats') stillTests(group);
});

/** What PostgreSQL is like when it is away. */
function awayTests(group: Group): void {
  test.skipIf(lacks('postgres'))(
    'listeners stay while the database is away, publishes are refused with 503, and all goes on when it is back',
    async () => {
      const { servers: hubs, store } = group.cluster;
      const database = store as PostgresServer;
      const [one, other] = hubs.map(({ url }) => `${url}topics/away`);
      const health = (): Promise<number[]> =>
        Promise.all(hubs.map(async ({ url }) => (await fetch(`${url}healthz`)).status));
      const listeners = await Promise.all(
        [one!, other!].flatMap((url) => Array.from({ length: 20 }, () => listenOnce(url))),
      );
      await publish(one!, 'before');
      await expect.poll(() => listeners.every(({ got }) => got.length === 1), LONG).toBe(true);
      // However many listen, a node has one connection that follows, one that writes, and a few that read.
      const [used] = await database.ask<{ count: string }>(
        `select count(*) from pg_stat_activity where application_name = 'tidings'`,
      );
      expect(Number(used!.count)).toBeLessThanOrEqual(2 * 6);

      await database.kill();
      await expect.poll(health, LONG).toEqual([503, 503]);
      const refused = await fetch(one!, { method: 'POST', body: 'refused' });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await refused.json()).toMatchObject({ type: '/PROTOCOL.md#store-away' });
      // One that comes now is told to come back, and not that there is nothing.
      const early = await fetch(`${other}?last_event_id=earliest`, { headers: { accept: 'text/event-stream' } });
      expect([early.status, await early.text()]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)]);
      expect(listeners.every(({ isOpen }) => isOpen)).toBe(true);

      await database.run();
      await expect.poll(health, LONG).toEqual([200, 200]);
      await publish(other!, 'after');
      await expect.poll(() => listeners.map(({ got }) => got.length), LONG).toEqual(listeners.map(() => 2));
      const late = await listenOnce(`${other}?last_event_id=earliest`);
      for (const { got, types, isOpen } of [...listeners, late]) {
        if (got.length < 2) await expect.poll(() => got.length, LONG).toBe(2);
        expect({ got, isOpen }).toEqual({ got: ['before', 'after'], isOpen: true });
        expect(types.filter((type) => type === 'tidings-gap')).toEqual([]);
      }
    },
  );
}

/** A node that stands still. */
function stillTests(group: Group): void {
  test.skipIf(lacks('nats'))(
    'a hub that was stopped for ten seconds goes on, tells of no gap, and misses nothing',
    async () => {
      const [still, other] = group.cluster.servers;
      const [stillUrl, otherUrl] = [`${still!.url}topics/still`, `${other!.url}topics/still`];
      await publish(stillUrl, 'first');
      const connected = new Wanderer([stillUrl], '', () => 1 - Number.EPSILON);
      await connected.until((received) => received.length === 1);
      still!.signal('SIGSTOP');
      const between: string[] = [];
      const until = performance.now() + STOPPED_MS;
      while (performance.now() < until) {
        between.push(await publish(otherUrl, `while it stood ${between.length}`));
        await new Promise((resolve) => void setTimeout(resolve, 100));
      }
      still!.signal('SIGCONT');
      // Somebody comes at once with a cursor that another node has given.
      const response = await fetch(stillUrl, { headers: { 'last-event-id': between.at(-1)! } });
      const last = await publish(otherUrl, 'last');
      let text = '';
      for await (const chunk of response.body!) {
        text += Buffer.from(chunk).toString();
        if (text.includes(last)) break;
      }
      expect(text).not.toContain('tidings-gap');
      await connected.until((received) => received.at(-1)?.id === last);
      expect(connected.received.map(({ id }) => id).slice(1)).toEqual([...between, last]);
    },
  );
}

interface Listener {
  readonly got: string[];
  readonly types: string[];
  isOpen: boolean;
}

/** Listens on one connection, and keeps what comes. */
async function listenOnce(url: string): Promise<Listener> {
  const state: Listener = { got: [], types: [], isOpen: true };
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const response = await fetch(url, { signal: gone.signal });
  const decoder = new EventStreamDecoder({
    onEvent: ({ type, data }) => {
      state.types.push(type);
      if (type === 'message') state.got.push(data);
    },
  });
  void (async () => {
    for await (const chunk of response.body!) decoder.write(chunk);
  })()
    .catch(() => {})
    .then(() => {
      state.isOpen = false;
    });
  return state;
}
