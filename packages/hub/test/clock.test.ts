import { Hub, MemoryLog } from '@tidings/hub';
import { ManualClock } from '@tidings/server/log/testing';
import { expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { ask, problemOf, serve, type Reply } from './test-hub.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;

// As an administrator, a virtual machine that is restored, or a time server may set it.
const JUMPS = [-60 * 60 * SECOND_MS, DAY_MS, -400 * DAY_MS, 800 * DAY_MS];

test("keep-alives come as often as before, however the system's clock is set", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const hub = new Hub({ log: new MemoryLog({ clock }), clock, keepAliveMs: SECOND_MS });
  const port = await serve(hub);
  const listener = await Listener.open(port, '/topics/a');
  const signs = (): number => listener.comments.length + listener.events.length;
  await listener.until(() => signs() > 0);
  for (const ms of JUMPS) {
    const before = signs();
    clock.set(ms);
    // Not at once: nothing is due because the clock was set ahead.
    clock.advance(SECOND_MS / 2);
    // What the hub had to send would have come before this answer.
    await ask(port, 'GET', '/healthz');
    expect(signs()).toBe(before);
    clock.advance(SECOND_MS);
    await listener.until(() => signs() > before);
    expect(signs()).toBe(before + 1);
    clock.advance(SECOND_MS / 2);
    await listener.until(() => signs() > before + 1);
  }
});

test("a lease and a time to live last as long as was said, however the system's clock is set", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const port = await serve(new Hub({ log: new MemoryLog({ clock }), clock }));
  const leased = await ask(port, 'PUT', '/topics/a?lease=30s');
  expect(leased.status).toBe(200);
  const { lease } = JSON.parse(leased.text) as { lease: string };
  const options = { headers: { 'content-type': 'application/json' }, body: '{"ttl":"60s"}' };
  expect((await ask(port, 'PUT', '/topics/b', options)).status).toBe(201);
  const publish = (headers = {}): Promise<Reply> => ask(port, 'POST', '/topics/a', { headers, body: 'x' });
  const state = async (topic: string): Promise<unknown> =>
    (await ask(port, 'HEAD', `/topics/${topic}`)).headers['tidings-state'];
  for (const ms of JUMPS) {
    clock.set(ms);
    expect([await state('a'), await state('b'), problemOf(await publish())]).toEqual(['open', 'open', 'lease-lost']);
    clock.advance(7 * SECOND_MS);
  }
  const listener = await Listener.open(port, '/topics/a');
  clock.set(-DAY_MS);
  // 28 of the 30 seconds are over: renewed, it has all of them again.
  expect((await publish({ 'tidings-lease': lease })).status).toBe(200);
  clock.advance(29 * SECOND_MS);
  expect([await state('a'), await state('b')]).toEqual(['open', 'open']);
  clock.set(DAY_MS);
  clock.advance(2 * SECOND_MS);
  expect((await listener.take(2)).at(-1)).toBe('{"reason":"lease-expired"}');
  expect(await state('a')).toBe('closed');
  clock.advance(2 * SECOND_MS);
  expect(await state('b')).toBe('unknown');
});
