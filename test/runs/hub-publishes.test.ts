import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, Hub } from '@tidings/hub';
import { MemoryLog } from '@tidings/server/log';
import { type RunLease, Runs } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../packages/server/test/deferred.ts';

async function serve(): Promise<string> {
  const hub = new Hub({ log: new MemoryLog() });
  const server = createServer(hub);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await hub.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('many runs at a hub publish in few requests, and one that is over takes nothing from the others', async () => {
  const url = await serve();
  let posts = 0;
  const counted: typeof fetch = (input, init) => {
    if (init?.method === 'POST') posts += 1;
    return fetch(input, init);
  };
  const { store } = new Runs({ hub: url, fetch: counted });
  const ids = Array.from({ length: 50 }, (_, number) => `run ${number}`);
  const leases = await Promise.all(
    ids.map(async (id) => (await store.acquire(id, { leaseMs: 60_000, ttlMs: 60_000 })) as RunLease),
  );
  posts = 0;
  const places = await Promise.all(leases.map((lease, at) => store.append(lease, [`one of ${at}`, `two of ${at}`])));
  // Four at a time, and the rest with the next.
  expect(posts).toBeLessThanOrEqual(8);
  for (const [at, id] of ids.entries()) {
    const items = await store.snapshot(id);
    expect(items).toMatchObject([{ data: `one of ${at}` }, { data: `two of ${at}` }]);
    expect(items.map((item) => (item.type === 'chunk' ? item.id : ''))).toEqual(places[at]);
  }
  await new Runs({ hub: url }).delete('run 30');
  posts = 0;
  const outcomes = await Promise.allSettled(leases.map((lease, at) => store.append(lease, [`three of ${at}`])));
  // The four, and the rest in halves.
  expect(posts).toBeLessThanOrEqual(20);
  for (const [at, outcome] of outcomes.entries()) {
    if (at === 30) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_RUN_OVER' } });
    else expect(outcome.status).toBe('fulfilled');
  }
  expect((await store.snapshot('run 31')).at(-1)).toMatchObject({ data: 'three of 31' });
  expect(await store.status('run 30')).toMatchObject({ state: 'unknown' });
});

test('a hub is asked few questions at a time, and what keeps a run does not wait for them', async () => {
  const url = await serve();
  const { promise: opened, resolve: open } = deferred();
  let asked = 0;
  let most = 0;
  const slow: typeof fetch = async (input, init) => {
    if (init?.method !== 'GET') return await fetch(input, init);
    most = Math.max(most, (asked += 1));
    await opened;
    const response = await fetch(input, init);
    asked -= 1;
    return response;
  };
  const { store } = new Runs({ hub: url, fetch: slow });
  const lease = (await store.acquire('a', { leaseMs: 60_000, ttlMs: 60_000 })) as RunLease;
  const states = Promise.all(Array.from({ length: 300 }, () => store.status('a')));
  await store.renew(lease);
  await store.append(lease, ['made']);
  expect(await store.finish(lease, { state: 'done' })).toBe(true);
  open();
  expect(new Set((await states).map(({ state }) => state))).toEqual(new Set(['done']));
  expect(most).toBe(64);
});

test('an answer to a publish that nobody can read counts as lost: what was stored is not stored again', async () => {
  const url = await serve();
  let spoiled = 0;
  const spoiling: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== 'POST' || spoiled === 2) return response;
    spoiled += 1;
    await response.text();
    return new Response(spoiled === 1 ? '<h1>Welcome</h1>' : '{"ids":[]}');
  };
  const { store } = new Runs({ hub: url, fetch: (...args) => call(...args) });
  let call = fetch;
  const begin = async (id: string): Promise<RunLease> =>
    (await store.acquire(id, { leaseMs: 60_000, ttlMs: 60_000 })) as RunLease;
  const leases = await Promise.all(Array.from({ length: 20 }, (_, at) => begin(`run ${at}`)));
  call = spoiling;
  await Promise.all(leases.map((lease, at) => store.append(lease, [`of ${at}`])));
  expect(spoiled).toBe(2);
  for (const at of leases.keys()) expect(await store.snapshot(`run ${at}`)).toMatchObject([{ data: `of ${at}` }]);
});

test('a function for header fields that throws for a while ends no run and no reader', async () => {
  let isBroken = false;
  let thrown = 0;
  const told: unknown[] = [];
  const headers = async (): Promise<Record<string, string>> => {
    if (!isBroken) return {};
    if ((thrown += 1) === 10) isBroken = false;
    throw new Error('no token can be had');
  };
  const runs = new Runs({ hub: await serve(), headers, onError: (error) => told.push(error) });
  const { over } = await runs.start('a', async ({ append, flush }) => {
    await append('one');
    await flush();
    isBroken = true;
    await append('two');
    await flush();
  });
  const found: unknown[] = [];
  for await (const item of runs.resume('a')) found.push(item.type === 'chunk' ? item.data : item.type);
  expect(found).toEqual(['one', 'two', 'end']);
  expect([await over, thrown, told]).toEqual(['done', 10, []]);
});
