import { setTimeout as delay } from 'node:timers/promises';
import { isGap, subscribe } from '@tidings/client';
import { decodeEventStream } from '@tidings/wire';
import { expect, test } from 'vitest';
import { randomNumbers } from '../seed.ts';
import { RestartableHub } from './hub.ts';

const KILLS = 4;
const CLOSED = 'tidings-closed {"reason":"closed"}';
const EXPIRED = 'tidings-closed {"reason":"lease-expired"}';

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends a request again until it is answered. */
async function insist(hub: RestartableHub, method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  for (;;) {
    await hub.up;
    try {
      const response = await fetch(hub.url + path, { ...init, method });
      return { status: response.status, text: await response.text() };
    } catch {
      // The hub was killed meanwhile.
    }
  }
}

/** Publishes once, however often it has to be sent. */
function publish(hub: RestartableHub, path: string, data: string, headers = {}): Promise<Answer> {
  return insist(hub, 'POST', path, { body: data, headers: { 'idempotency-key': path + data, ...headers } });
}

/** Everything that a listener to one topic is given, until its subscription ends because the topic is closed. */
async function listen(hub: RestartableHub, path: string): Promise<string[]> {
  const got: string[] = [];
  const subscription = subscribe(hub.url + path, { lastEventId: 'earliest', retry: { initialMs: 50, maxMs: 50 } });
  for await (const event of subscription) {
    got.push(isGap(event) ? `GAP ${event.reason}` : shown(event));
  }
  return got;
}

function shown({ type, data }: { readonly type: string; readonly data: string }): string {
  return type === 'message' ? data : `${type} ${data}`;
}

/** What the hub has of a closed topic: its stream ends by itself. */
async function read(hub: RestartableHub, path: string): Promise<{ events: string[]; last: string }> {
  const response = await fetch(`${hub.url + path}?last_event_id=earliest`);
  const events: string[] = [];
  let last = '';
  for await (const event of decodeEventStream(response.body!)) {
    events.push(shown(event));
    last = event.lastEventId;
  }
  return { events, last };
}

/** A topic is closed, and stays so. */
async function isClosed(hub: RestartableHub, path: string, events: readonly string[]): Promise<void> {
  const found = await read(hub, path);
  expect(found.events).toEqual(events);
  const { headers } = await fetch(hub.url + path, { method: 'HEAD' });
  expect(headers.get('tidings-state')).toBe('closed');
  const statusOf = async (init: RequestInit): Promise<number> => (await fetch(hub.url + path, init)).status;
  expect(await statusOf({ headers: { 'last-event-id': found.last } })).toBe(204);
  expect(await statusOf({ method: 'POST', body: 'late' })).toBe(409);
}

/** A job whose end is published: its listener gets all of it, and its stream ends. */
async function close(hub: RestartableHub, path: string): Promise<() => Promise<void>> {
  const listening = listen(hub, path);
  const events = Array.from({ length: 8 }, (_, n) => String(n));
  for (const data of events) expect((await publish(hub, path, data)).status).toBe(200);
  expect((await publish(hub, `${path}?close`, '')).status).toBe(200);
  expect(await listening).toEqual([...events, CLOSED]);
  return () => isClosed(hub, path, [...events, CLOSED]);
}

/** A producer that stops without a word: its lease ends, with the hub or without it, and closes the topic. */
async function abandon(hub: RestartableHub, path: string): Promise<() => Promise<void>> {
  const listening = listen(hub, path);
  const leased = await insist(hub, 'PUT', `${path}?lease=1s`);
  // Whose answer was lost cannot publish, and the topic is closed all the same.
  expect([200, 409]).toContain(leased.status);
  const stored: string[] = [];
  if (leased.status === 200) {
    const { lease } = JSON.parse(leased.text) as { lease: string };
    for (const data of ['one', 'two', 'three']) {
      const { status } = await publish(hub, path, data, { 'tidings-lease': lease });
      expect([200, 409]).toContain(status);
      if (status === 200) stored.push(data);
    }
  }
  expect(await listening).toEqual([...stored, EXPIRED]);
  return () => isClosed(hub, path, [...stored, EXPIRED]);
}

/** A topic is deleted, and whoever had a cursor is told. */
async function remove(hub: RestartableHub, path: string): Promise<() => Promise<void>> {
  const { text: cursor } = await publish(hub, path, 'one');
  await publish(hub, path, 'two');
  expect((await insist(hub, 'DELETE', path)).status).toBe(200);
  return async () => {
    const { headers } = await fetch(hub.url + path, { method: 'HEAD' });
    expect(headers.get('tidings-state')).toBe('unknown');
    const page = await fetch(`${hub.url + path}?last_event_id=${cursor}`, { headers: { accept: 'application/json' } });
    expect(await page.json()).toMatchObject({ events: [], gap: { reason: 'deleted' } });
  };
}

/** Two publishers that send the same with the same keys. */
async function twins(hub: RestartableHub, path: string): Promise<() => Promise<void>> {
  const events = Array.from({ length: 12 }, (_, n) => String(n));
  const send = async (): Promise<string[]> => {
    const ids: string[] = [];
    for (const data of events) ids.push((await publish(hub, path, data)).text);
    return ids;
  };
  const [one, other] = await Promise.all([send(), send()]);
  expect(one).toEqual(other);
  expect((await publish(hub, `${path}?close`, '')).status).toBe(200);
  return () => isClosed(hub, path, [...events, CLOSED]);
}

test('what is closed, leased or deleted stays so, and a key stores once, however often the hub is killed', async () => {
  const random = randomNumbers();
  const hub = await RestartableHub.make();
  await hub.start();
  const checks: (() => Promise<void>)[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const works = [close, abandon, remove, twins].map((work) => work(hub, `/topics/${work.name}/${kill}`));
    // Not to wait for anything: the kill comes at any moment of what is going on.
    await delay(random() * 60);
    await hub.kill();
    await hub.start();
    checks.push(...(await Promise.all(works)));
  }

  // A lease that ends while there is no hub: a second after its last renewal, the publish.
  const leased = await insist(hub, 'PUT', '/topics/down?lease=1s');
  const { lease } = JSON.parse(leased.text) as { lease: string };
  const { status } = await publish(hub, '/topics/down', 'last words', { 'tidings-lease': lease });
  await hub.kill();
  await delay(1000);
  await hub.start();
  expect(await listen(hub, '/topics/down')).toEqual([...(status === 200 ? ['last words'] : []), EXPIRED]);
  for (const check of checks) await check();
  console.log(`${KILLS + 1} kills, ${checks.length} topics are as they were left`);
});
