import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { EventStreamDecoder } from '@tidings/wire';
import { expect, onTestFinished, test } from 'vitest';
import { spawnHub } from './spawn-hub.ts';
import { ask, temporaryFolder } from './test-hub.ts';

const MIB = 1024 * 1024;
const EVENT_BYTES = 16 * 1024;
const EVENTS_PER_BATCH = 16;
const BATCHES = 120;

/** A listener that counts, and knows what has to come next, so that it needs no memory for what it gets. */
class Counter {
  readonly #expected: (index: number) => string;
  readonly response: IncomingMessage;
  count = 0;
  /** What first came in place of what was expected. */
  wrong: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(response: IncomingMessage, expected: (index: number) => string) {
    this.#expected = expected;
    this.response = response;
  }

  static async open(port: number, path: string, expected: (index: number) => string): Promise<Counter> {
    const sent = request({ host: '127.0.0.1', port, path, agent: false });
    onTestFinished(() => void sent.destroy());
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => {});
    response.on('error', () => {});
    return new Counter(response, expected);
  }

  /** Starts to read; before, whatever the sockets cannot hold stays with the hub. */
  read(): this {
    const decoder = new EventStreamDecoder({
      onEvent: ({ type, data }) => {
        if (type === 'tidings-heartbeat') return;
        const name = data.slice(0, data.indexOf(' '));
        if (name !== this.#expected(this.count)) this.wrong ??= `${name} in place of ${this.#expected(this.count)}`;
        this.count += 1;
      },
    });
    this.response.on('data', (chunk: Buffer) => {
      decoder.write(chunk);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    });
    return this;
  }

  async reach(count: number): Promise<void> {
    while (this.count < count && this.wrong === undefined) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }
}

/** What the hub's process holds after a garbage collection, in bytes. */
async function memoryOf(child: ChildProcess): Promise<number> {
  child.send('memory');
  const [{ heapUsed, external }] = (await once(child, 'message')) as [{ heapUsed: number; external: number }];
  return heapUsed + external;
}

/** The n-th event of the two topics together: a tick after each batch. */
function inBoth(index: number): string {
  const [batch, place] = [Math.floor(index / (EVENTS_PER_BATCH + 1)), index % (EVENTS_PER_BATCH + 1)];
  return place === EVENTS_PER_BATCH ? `tick-${batch}` : `event-${batch}-${place}`;
}

test('one listener that never reads costs the others nothing and the hub no memory, and loses nothing', async () => {
  const { child, port } = await spawnHub(temporaryFolder());
  const both = '/topics?match=bulk&match=ticks';
  const slow = await Counter.open(port, both, inBoth);
  const open = async (count: number, path: string, expected: (index: number) => string): Promise<Counter[]> => {
    const counters = await Promise.all(Array.from({ length: count }, () => Counter.open(port, path, expected)));
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
}, 90_000);
