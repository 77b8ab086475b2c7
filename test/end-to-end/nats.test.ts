import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { randomNumbers } from '../seed.ts';
import { freePort } from './hub.ts';
import { startNode, Wanderer, type HubNode } from './hub-node.ts';
import { NatsServer, Way } from '../../packages/nats/test/nats-server.ts';
import { run } from '../../packages/cli/test/command.ts';
import { Listener } from '../../packages/hub/test/listener.ts';
import { contents, dataOf, manage, newName } from '../../packages/nats/test/rig.ts';
import { isMissing } from '../missing.ts';

const WITHOUT = isMissing('nats-server');

const PATH = '/topics/news';
const NEWS = { topics: ['news'] };

/** Publishes with a key, again until it is answered. Gives the statuses of the answers. */
async function publish({ url }: HubNode, data: string): Promise<number[]> {
  const statuses: number[] = [];
  for (;;) {
    const response = await fetch(url + PATH, {
      method: 'POST',
      body: data,
      headers: { 'idempotency-key': data.slice(0, 20) },
    });
    await response.text();
    statuses.push(response.status);
    if (response.status === 200) return statuses;
    if (response.status !== 503) throw new Error(`A publish was answered ${response.status}`);
  }
}

/** Everything that was published is there once, in the order of each publisher, and all listeners have got exactly that. */
async function check(
  nodes: readonly HubNode[],
  wanderers: readonly Wanderer[],
  sent: readonly string[],
): Promise<void> {
  const [first] = nodes;
  const { entries } = await contents(first!.log, NEWS);
  const kept = entries.map((entry) => ({ id: entry.id, data: dataOf(entry) }));
  expect(kept.map(({ data }) => data).toSorted()).toEqual(sent.toSorted());
  for (const name of new Set(sent.map((data) => data.split(' ')[0]))) {
    const own = kept.map(({ data }) => data).filter((data) => data.startsWith(`${name} `));
    expect(own).toEqual(sent.filter((data) => data.startsWith(`${name} `)));
  }
  for (const wanderer of wanderers) {
    await wanderer.until((received) => received.length >= kept.length);
    expect(wanderer.received).toEqual(kept);
  }
  for (const { log } of nodes) expect((await contents(log, NEWS)).entries).toEqual(entries);
}

describe.skipIf(WITHOUT)('listeners that go from hub to hub', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await NatsServer.start();
  });
  afterAll(() => server.end());

  test('get everything once and in order, while the store is killed, nodes are cut off and snapshots are made', async () => {
    const random = randomNumbers();
    const name = newName();
    const ways = [await Way.to(server.port), await Way.to(server.port)];
    onTestFinished(() => ways.forEach((way) => way.close()));
    const nodes: HubNode[] = [];
    for (const way of ways) nodes.push(await startNode({ servers: way.url, name, compactBytes: 65_536 }));
    const urls = nodes.map(({ url }) => url);
    const wanderers = [1, 2, 3].map(() => new Wanderer(urls, PATH, random));
    const sent: string[] = [];
    let isOver = false;
    const publishers = [0, 1, 0, 1].map(async (node, index) => {
      for (let number = 1; !isOver; number += 1) {
        const data = `p${index} ${number} ${'x'.repeat(Math.floor(random() * 300))}`;
        sent.push(data);
        await publish(nodes[node]!, data);
      }
    });
    const more = async (count: number): Promise<void> => {
      const goal = sent.length + count;
      await expect.poll(() => sent.length, { timeout: 30_000 }).toBeGreaterThan(goal);
    };
    for (let round = 0; round < 5; round += 1) {
      await more(40);
      const way = ways[Math.floor(random() * 2)]!;
      if (round === 3) {
        await server.kill();
        await server.start();
      } else {
        way.cut(round % 2 === 0);
        await new Promise((resolve) => void setTimeout(resolve, 100));
        way.open();
      }
    }
    await more(40);
    isOver = true;
    await Promise.all(publishers);
    await check(nodes, wanderers, sent);
    // Nobody read on from a stream that no longer held what was missing.
    const { streams } = await manage(server.url);
    expect((await streams.info(name)).state.first_seq).toBeGreaterThan(1);
  });
});

describe.skipIf(WITHOUT)('one hub', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await NatsServer.start();
  });
  afterAll(() => server.end());

  test('whose store is away keeps its listeners, refuses publishes with 503, says so, and goes on by itself', async () => {
    const node = await startNode({ servers: server.url, name: newName(), waitMs: 0 });
    const port = Number(new URL(node.url).port);
    const listener = await Listener.open(port, `${PATH}?last_event_id=earliest`);
    const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(node.url + path, init);
    const health = async (): Promise<unknown> => {
      const response = await ask('/healthz');
      return [response.status, ((await response.json()) as { status: string }).status];
    };
    const publishNow = (data: string): Promise<Response> => ask(PATH, { method: 'POST', body: data });
    expect((await publishNow('before')).status).toBe(200);
    expect(await listener.take(1)).toEqual(['before']);
    await server.kill();
    await expect.poll(health, { timeout: 10_000 }).toEqual([503, 'failing']);
    const refused = await publishNow('away');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ type: '/PROTOCOL.md#store-away', status: 503 });
    expect((await ask(PATH, { headers: { 'last-event-id': 'earliest' } })).status).toBe(503);
    await server.start();
    await expect.poll(health, { timeout: 10_000 }).toEqual([200, 'ok']);
    expect((await publishNow('after')).status).toBe(200);
    expect(await listener.take(2)).toEqual(['before', 'after']);
    expect(listener.ended).toBe('no');
  });

  test('does not start on a store that is away, and says why', async () => {
    const port = await freePort();
    const result = await run(['serve', '--port', '0', '--log', `nats://me:secret@127.0.0.1:${port}/x`]);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: `tidings: cannot start the hub with its events in NATS at 127.0.0.1:${port}/x: The NATS server cannot be reached: connection refused\n`,
    });
  });
});

describe.skipIf(WITHOUT)('three servers', () => {
  let servers: NatsServer[];
  beforeAll(async () => {
    servers = await NatsServer.cluster();
  });
  afterAll(() => Promise.all(servers.map((server) => server.end())));

  test('one is killed while publishers publish: what was acknowledged is there, in order, once, and nobody was refused', async () => {
    const random = randomNumbers();
    const name = newName();
    const urls = servers.map(({ url }) => url);
    const nodes: HubNode[] = [];
    for (const first of [0, 1]) {
      nodes.push(await startNode({ servers: [urls[first]!, ...urls], name, replicas: 3, waitMs: 30_000 }));
    }
    const wanderers = [1, 2].map(
      () =>
        new Wanderer(
          nodes.map(({ url }) => url),
          PATH,
          random,
        ),
    );
    const sent: string[] = [];
    const statuses = new Set<number>();
    let isOver = false;
    const publishers = [0, 1].map(async (node, index) => {
      for (let number = 1; !isOver; number += 1) {
        const data = `p${index} ${number}`;
        sent.push(data);
        for (const status of await publish(nodes[node]!, data)) statuses.add(status);
      }
    });
    const more = async (count: number): Promise<void> => {
      const goal = sent.length + count;
      await expect.poll(() => sent.length, { timeout: 30_000 }).toBeGreaterThan(goal);
    };
    await more(50);
    const { streams } = await manage(urls.join());
    const leader = (await streams.info(name)).cluster?.leader ?? '';
    const killed = servers[Number(leader.slice(1))]!;
    await killed.kill();
    await more(50);
    await killed.start();
    await more(50);
    isOver = true;
    await Promise.all(publishers);
    expect([...statuses]).toEqual([200]);
    await check(nodes, wanderers, sent);
  });
});
