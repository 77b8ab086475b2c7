import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type RunItem, Runs } from '@tidings/server/runs';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { RestartableHub } from '../end-to-end/hub.ts';
import { folder } from '../folder.ts';
import { randomNumbers } from '../seed.ts';

/** How many processes are killed in all. `npm run faults` kills more. */
const KILLS = Number(process.env['TIDINGS_KILLS'] ?? 12);

/** How many runs go on at a time, and how many read each. */
const RUNS = 3;
const READERS = 2;

/** The lease of a producer, in milliseconds. */
const LEASE_MS = 2000;

const ENDINGS = ['done', 'done', 'fail', 'stop'] as const;

/** The program in one file, which starts sooner. */
async function bundleProgram(): Promise<string> {
  const outfile = join(folder({}), 'run-process.mjs');
  const entry = fileURLToPath(new URL('run-process.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' });
  return outfile;
}

/** A process that says lines of JSON. */
class Speaker {
  readonly said: Promise<void>;
  readonly #child: ChildProcess;
  isKilled = false;

  constructor(program: string, args: readonly string[], onLine: (line: never) => void) {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    this.#child = child;
    // A line that a kill has cut off was not said.
    createInterface(child.stdout).on('line', (line) => {
      if (line.endsWith('}')) onLine(JSON.parse(line) as never);
    });
    this.said = once(child, 'close').then(([code]) => {
      if (!this.isKilled && code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
    });
  }

  kill(): void {
    this.isKilled = true;
    this.#child.kill('SIGKILL');
  }
}

interface Told {
  readonly stored?: number;
  readonly isProducer?: boolean;
  readonly over?: string;
}

/** What can be killed. */
interface Victim {
  readonly kill: () => void;
}

/**
 * What has happened. The longest times are those from the death of a producer until its readers had ended, in milliseconds: also of readers that were killed
 * again, and that waited for the hub.
 */
const figures = {
  runs: 0,
  producers: 0,
  readers: 0,
  hubs: 0,
  chunks: 0,
  states: new Map<string, number>(),
  longest: 0,
  longestUndisturbed: 0,
};

test(`producers, readers and the hub are killed ${KILLS} times, and every reader ends with what was stored, and a true state`, async () => {
  const random = randomNumbers();
  const program = await bundleProgram();
  const hub = await RestartableHub.make();
  await hub.start();
  const runs = new Runs({ hub: hub.url });
  const victims = new Set<Victim>();
  let kills = 0;

  /** A reader over all of its lives, each of which goes on where the one before was killed. */
  async function read(id: string, onKill: () => void): Promise<readonly RunItem[]> {
    const items: RunItem[] = [];
    while (items.at(-1)?.type !== 'end') {
      const last = items.at(-1);
      const after = last?.type === 'chunk' ? [last.id] : [];
      const reader = new Speaker(program, ['reader', hub.url, id, ...after], (item: RunItem) => items.push(item));
      const victim = { kill: () => (reader.kill(), onKill(), (figures.readers += 1)) };
      victims.add(victim);
      await reader.said;
      victims.delete(victim);
      if (!reader.isKilled && items.at(-1)?.type !== 'end') throw new Error(`A reader of ${id} ended without an end`);
    }
    return items;
  }

  /** One run, from its start to the end of all of its readers. */
  async function live(id: string): Promise<void> {
    const ending = ENDINGS[Math.floor(random() * ENDINGS.length)]!;
    const count = 20 + Math.floor(random() * 200);
    let stored = 0;
    let over: string | undefined;
    let diedAt = 0;
    /** Whether its readers or the hub were killed behind its producer. */
    let isDisturbed = false;
    let hubs = 0;
    let begin: (isProducer: boolean) => void = () => {};
    const begun = new Promise<boolean>((resolve) => (begin = resolve));
    const args = ['producer', hub.url, id, String(LEASE_MS), String(count), ending];
    const producer = new Speaker(program, args, (told: Told) => {
      stored = told.stored ?? stored;
      over = told.over ?? over;
      if (told.isProducer !== undefined) begin(told.isProducer);
    });
    const victim = {
      kill: () => (
        producer.kill(),
        (diedAt = performance.now()),
        (hubs = figures.hubs),
        (isDisturbed = false),
        (figures.producers += 1)
      ),
    };
    victims.add(victim);
    producer.said.then(
      () => begin(false),
      () => begin(false),
    );
    if (!(await begun)) {
      victims.delete(victim);
      return await producer.said;
    }
    const reading = Promise.all(Array.from({ length: READERS }, () => read(id, () => (isDisturbed = true))));
    // Before its end, or behind it.
    const stopping = ending === 'stop' ? delay(random() * 600).then(() => runs.stop(id)) : undefined;
    // It is waited for below.
    stopping?.catch(() => {});
    await producer.said;
    victims.delete(victim);
    const readings = await reading;
    if (producer.isKilled) {
      const ms = performance.now() - diedAt;
      figures.longest = Math.max(figures.longest, ms);
      isDisturbed ||= hubs !== figures.hubs;
      if (!isDisturbed) figures.longestUndisturbed = Math.max(figures.longestUndisturbed, ms);
    }
    await stopping;
    check({ ending, count, stored, over, isKilled: producer.isKilled }, readings);
    expect(await runs.snapshot(id)).toEqual(readings[0]);
    expect((await runs.start(id, () => {})).isProducer).toBe(false);
  }

  async function keepLiving(worker: number): Promise<void> {
    for (let n = 0; kills < KILLS; n += 1) await live(`${worker} ${n}`);
  }

  async function keepKilling(): Promise<void> {
    while (kills < KILLS) {
      // Not to wait for anything: the kill comes at any moment of what is going on.
      await delay(random() * 600);
      if (random() < 0.1) {
        figures.hubs += 1;
        await hub.kill();
        await delay(random() * 300);
        await hub.start();
      } else {
        const all = [...victims];
        const victim = all[Math.floor(random() * all.length)];
        if (!victim) continue;
        victims.delete(victim);
        victim.kill();
      }
      kills += 1;
    }
  }

  await Promise.all([keepKilling(), ...Array.from({ length: RUNS }, (_, worker) => keepLiving(worker))]);
  const { states, longest, longestUndisturbed, ...counts } = figures;
  console.log(
    `${JSON.stringify({ ...counts, states: Object.fromEntries(states) })}; after the death of a producer its readers ` +
      `ended within ${Math.round(longestUndisturbed)} ms, and ${Math.round(longest)} ms where readers or the hub were killed, too, with a lease of ${LEASE_MS} ms`,
  );
}, 1_800_000);

interface Life {
  readonly ending: (typeof ENDINGS)[number];
  readonly count: number;
  /** How many chunks the producer has seen stored. */
  readonly stored: number;
  /** How the run has ended for the producer; undefined if it did not live to see it. */
  readonly over: string | undefined;
  readonly isKilled: boolean;
}

/** What all readers have got is what the producer has stored, in order and once, and their state is true. */
function check({ ending, count, stored, over, isKilled }: Life, readings: readonly (readonly RunItem[])[]): void {
  const [first = []] = readings;
  for (const other of readings) expect(other).toEqual(first);
  const chunks = first.flatMap((item) => (item.type === 'chunk' ? [item.data] : []));
  const end = first.at(-1);
  if (end?.type !== 'end') throw new Error('A reading has no end');
  expect(first).toHaveLength(chunks.length + 1);
  expect(chunks).toEqual(Array.from({ length: chunks.length }, (_, n) => String(n)));
  expect(chunks.length).toBeGreaterThanOrEqual(stored);
  expect(chunks.length).toBeLessThanOrEqual(count);
  const { state } = end;
  if (over !== undefined) expect(state).toBe(over);
  const isWhole = chunks.length === count;
  switch (state) {
    case 'done':
      expect([ending, isWhole]).toEqual([ending === 'stop' ? 'never' : 'done', true]);
      break;
    case 'failed':
      expect([ending, isWhole, end.error]).toEqual(['fail', true, 'as it was told to']);
      break;
    case 'stopped':
      expect(ending).toBe('stop');
      break;
    default:
      // The hub may have been away for longer than the lease.
      expect([state, isKilled || over === 'lost']).toEqual(['lost', true]);
  }
  figures.runs += 1;
  figures.chunks += chunks.length;
  figures.states.set(state, (figures.states.get(state) ?? 0) + 1);
}
