import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { Counter } from '../../../test/counter.ts';
import { spawnHub } from './spawn-hub.ts';
import { ask, temporaryFolder } from './test-hub.ts';

const MIB = 1024 * 1024;
const EVENT_BYTES = 16 * 1024;
const EVENTS_PER_BATCH = 16;
const BATCHES = 120;

/** What the hub's process holds after a garbage collection, in bytes: the least of three times, because what has just been written may still be on its way. */
async function memoryOf(child: ChildProcess): Promise<number> {
  let least = Infinity;
  for (let time = 0; time < 3; time += 1) {
    child.send('memory');
    const [{ heapUsed, external }] = (await once(child, 'message')) as [{ heapUsed: number; external: number }];
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

/** The n-th event of the two topics together: a tick after each batch. */
function inBoth(index: number): string {
  const [batch, place] = [Math.floor(index / (EVENTS_PER_BATCH + 1)), index % (EVENTS_PER_BATCH + 1)];
  return place === EVENTS_PER_BATCH ? `tick-${batch}` : `event-${batch}-${place}`;
}

test('one listener that never reads costs the others nothing and the hub no memory, and loses nothing', async () => {
  const { child, port } = await spawnHub(temporaryFolder());
  const both = '/topics?match=bulk&match=ticks';
  const slow = await Counter.open({ host: '127.0.0.1', port, path: both }, { expected: inBoth });
  const open = async (count: number, path: string, expected: (index: number) => string): Promise<Counter[]> => {
    const where = { host: '127.0.0.1', port, path };
    const counters = await Promise.all(Array.from({ length: count }, () => Counter.open(where, { expected })));
    return counters.map((counter) => counter.read());
  };
  // In the slow one's own cohort, and in another.
  const beside = await open(20, both, inBoth);
  const others = await open(480, '/topics/ticks', (index) => `tick-${index}`);

  const padding = 'x'.repeat(EVENT_BYTES);
  const headers = { 'content-type': 'text/event-stream' };
  const before = await memoryOf(child);
  let peak = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const names = Array.from({ length: EVENTS_PER_BATCH }, (_, place) => `event-${batch}-${place}`);
    const body = names.map((name) => `data: ${name} ${padding}\n\n`).join('');
    expect((await ask(port, 'POST', '/topics/bulk', { headers, body })).status).toBe(200);
    expect((await ask(port, 'POST', '/topics/ticks', { body: `tick-${batch} ` })).status).toBe(200);
    await Promise.all(beside.map((counter) => counter.reach((batch + 1) * (EVENTS_PER_BATCH + 1))));
    await Promise.all(others.map((counter) => counter.reach(batch + 1)));
    if (batch % 10 === 9) peak = Math.max(peak, (await memoryOf(child)) - before);
  }
  const total = BATCHES * (EVENTS_PER_BATCH + 1);
  expect([...beside, ...others].filter(({ wrong }) => wrong !== undefined)).toEqual([]);
  expect(beside.map(({ count }) => count)).toEqual(beside.map(() => total));
  expect(others.map(({ count }) => count)).toEqual(others.map(() => BATCHES));
  // 30 MiB wait for the slow one: a hub that kept them would hold them and more.
  expect(peak).toBeLessThan(16 * MIB);

  expect(slow.count).toBe(0);
  slow.read();
  await slow.reach(total);
  expect([slow.wrong, slow.count]).toEqual([undefined, total]);
  // And it is live again.
  await ask(port, 'POST', '/topics/bulk', { body: `${inBoth(total)} ` });
  await slow.reach(total + 1);
  expect([slow.wrong, slow.count]).toEqual([undefined, total + 1]);
  console.log(
    `${total} events unread, ${(peak / MIB).toFixed(1)} MiB held at most by a hub with ${BATCHES / 4} MiB behind`,
  );
});
