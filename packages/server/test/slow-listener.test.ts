import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { Counter } from '../../../test/counter.ts';

const MIB = 1024 * 1024;
const SLOW = 50;
const BESIDE = 10;
const OTHERS = 940;
const EVENT_BYTES = 64 * 1024;
const EVENTS_PER_BATCH = 8;
const BATCHES = 40;
const EVENTS = BATCHES * (EVENTS_PER_BATCH + 1);

// No test needs it for longer; one that hangs must not outlive the run.
const MAX_LIFE_MS = 120_000;

/** Starts a channel in a process of its own, behind a Unix socket: the kernel holds little for who does not read. */
async function start(whose: 'http' | 'streams'): Promise<{ child: ChildProcess; socketPath: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-slow-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'http');
  const script = fileURLToPath(new URL('./slow-listener-process.ts', import.meta.url));
  const child = fork(script, [socketPath, whose], {
    execArgv: ['--expose-gc'],
    timeout: MAX_LIFE_MS,
    killSignal: 'SIGKILL',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  return { child, socketPath };
}

/** The n-th event of all: a tick behind each batch. */
function anyEvent(index: number): string {
  const [batch, place] = [Math.floor(index / (EVENTS_PER_BATCH + 1)), index % (EVENTS_PER_BATCH + 1)];
  return place === EVENTS_PER_BATCH ? `tick-${batch}` : `event-${batch}-${place}`;
}

function indexOf(name: string): number {
  const [, batch, place = EVENTS_PER_BATCH] = name.split('-');
  return Number(batch) * (EVENTS_PER_BATCH + 1) + Number(place);
}

/** Publishes a batch and its tick. */
async function publish(child: ChildProcess, batch: number): Promise<void> {
  const padding = 'x'.repeat(EVENT_BYTES);
  const events = Array.from({ length: EVENTS_PER_BATCH }, (_, place) => ({
    data: `event-${batch}-${place} ${padding}`,
  }));
  child.send({ publish: [...events, { event: 'tick', data: `tick-${batch} ` }] });
  await once(child, 'message');
}

/** What the process holds after a garbage collection, in bytes, and how many listen to it. */
async function look(child: ChildProcess): Promise<{ bytes: number; listeners: number }> {
  child.send('memory');
  const [answer] = (await once(child, 'message')) as [{ bytes: number; listeners: number }];
  return answer;
}

test.each(['http', 'streams'] as const)(
  'of a thousand listeners fifty never read, on a server for %s: the others get everything, and the server keeps nothing for the fifty',
  async (whose) => {
    const { child, socketPath } = await start(whose);
    const open = (count: number, path: string, expected: (index: number) => string): Promise<Counter[]> =>
      Promise.all(Array.from({ length: count }, () => Counter.open({ socketPath, path }, { expected, indexOf })));
    const slow = await open(SLOW, '/', anyEvent);
    // In the cohort of the slow ones, and in another.
    const beside = (await open(BESIDE, '/', anyEvent)).map((counter) => counter.read());
    const others = (await open(OTHERS, '/ticks', (index) => `tick-${index}`)).map((counter) => counter.read());

    const before = await look(child);
    expect(before.listeners).toBe(SLOW + BESIDE + OTHERS);
    let peak = 0;
    for (let batch = 0; batch < BATCHES; batch += 1) {
      await publish(child, batch);
      await Promise.all(beside.map((counter) => counter.reach((batch + 1) * (EVENTS_PER_BATCH + 1))));
      await Promise.all(others.map((counter) => counter.reach(batch + 1)));
      if (batch % 10 === 9) peak = Math.max(peak, (await look(child)).bytes - before.bytes);
    }
    expect([...beside, ...others].filter(({ wrong, gaps }) => wrong !== undefined || gaps > 0)).toEqual([]);
    expect(new Set(beside.map(({ count }) => count))).toEqual(new Set([EVENTS]));
    expect(new Set(others.map(({ count }) => count))).toEqual(new Set([BATCHES]));
    // 20 MiB have passed by those that do not read, of which the history keeps less than three.
    expect(peak).toBeLessThan(8 * MIB);

    // None has been sent away: each goes on, is told what it missed, and is live again.
    expect((await look(child)).listeners).toBe(before.listeners);
    for (const counter of slow) counter.read();
    await Promise.all(slow.map((counter) => counter.reach(EVENTS)));
    await publish(child, BATCHES);
    await Promise.all(slow.map((counter) => counter.reach(EVENTS + EVENTS_PER_BATCH + 1)));
    expect(slow.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
    expect(new Set(slow.map(({ gaps }) => gaps))).toEqual(new Set([1]));
    console.log(`${(peak / MIB).toFixed(1)} MiB held at most of 20 MiB that fifty listeners did not read`);
  },
);
