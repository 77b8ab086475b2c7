// Resumable answers: what survives what, and what a token costs, beside other packages for it.
//
// Method: an instance of an application is a process of its own (runs/program.ts), and so is a store: a hub on disk, PostgreSQL with all of its safety, Redis as it is
// configured by default. What survives is found by doing it: an answer of three hundred tokens, fifty a second, is read by another instance, and when it has got twenty, the reader goes and comes
// back, or a process is killed (SIGKILL), or the answer is stopped. A store that is killed is started again half a second later on what it has on disk. A reader that learns nothing within half
// a minute counts as one that waits. Where there is no store of its own, one process does everything. Under load, one process makes the tokens of all answers, each with the time it was made, and
// another one reads each answer once. Each of its readers has to get every token, once and in order. The time from a stop at one instance until the signal of the producer in another is
// aborted is measured a hundred times, one after the other.

import { pathToFileURL } from 'node:url';
import { measureLoad, measureStops, PER_SECOND } from './runs/load.ts';
import { hub, inProcess, logHost, nats, postgres, redis } from './runs/stores.ts';
import { type Candidate, EXPERIMENTS } from './runs/survival.ts';
import { printTable } from './parts/table.ts';

export const title: string = 'Resumable answers';

const CANDIDATES: readonly Candidate[] = [
  { name: 'Tidings, in memory', system: 'tidings', open: inProcess },
  { name: 'Tidings, hub on disk', system: 'tidings', open: hub },
  { name: 'Tidings, Postgres', system: 'tidings', open: postgres },
  { name: 'resumable-stream, Redis', system: 'resumable-stream', open: redis },
  { name: 'assistant-stream, Redis', system: 'assistant-stream', open: redis },
  { name: '@tanstack/ai, in memory', system: 'tanstack-ai', open: inProcess },
];

/** The same with other settings, where they make a difference. */
const ALSO_SURVIVING: readonly Candidate[] = [
  {
    name: 'assistant-stream, Redis that syncs',
    system: 'assistant-stream',
    open: () => redis('--appendonly', 'yes', '--appendfsync', 'always'),
  },
  { name: 'resumable-stream, resumableStream()', system: 'resumable-stream-elects', open: redis },
];
const ALSO_LOADED: readonly Candidate[] = [
  { name: 'Tidings, hub on disk, coalesceMs: 0', system: 'tidings-0', open: hub },
];

const STORES: readonly Pick<Candidate, 'name' | 'open'>[] = [
  { name: 'in memory, one process', open: inProcess },
  { name: 'hub on disk', open: hub },
  { name: 'log of another process, on disk', open: logHost },
  { name: 'Postgres', open: postgres },
  { name: 'NATS', open: nats },
];

const MANY = 200;

/** Prints the tables. Takes about five minutes. */
export async function run(): Promise<void> {
  const candidates = await available(CANDIDATES);
  for (const answers of [1, MANY]) await printLoad([...candidates, ...ALSO_LOADED], answers);
  await printStops();
  await printSurvival([...candidates, ...(await available(ALSO_SURVIVING))]);
}

/** Those whose store this machine has. */
async function available<T extends Pick<Candidate, 'name' | 'open'>>(all: readonly T[]): Promise<readonly T[]> {
  const found: T[] = [];
  for (const candidate of all) {
    try {
      await (await candidate.open()).stop();
      found.push(candidate);
    } catch (error) {
      console.log(`Left out: ${candidate.name} (${error instanceof Error ? error.message : String(error)})`);
    }
  }
  return found;
}

/** What a token costs. */
async function printLoad(candidates: readonly Candidate[], answers: number): Promise<void> {
  console.log(`
${answers === 1 ? 'One answer' : `${answers} answers at once`}, ${PER_SECOND} tokens a second each. How long a token takes to its reader, ms; tokens a second that arrive; processor time of the instances and of
the store, µs a token.`);
  const rows: string[][] = [];
  for (const { name, system, open } of candidates) {
    const store = await open();
    rows.push([name, ...(await measureLoad(system, store, answers))]);
    await store.stop();
  }
  printTable(['', 'p50', 'p99', 'a second', 'CPU of instances', 'CPU of store'], rows);
}

async function printStops(): Promise<void> {
  console.log('\nFrom a stop at one instance until the signal of the producer in another is aborted, ms.');
  const rows: string[][] = [];
  for (const { name, open } of await available(STORES)) {
    const store = await open();
    rows.push([name, ...(await measureStops(store))]);
    await store.stop();
  }
  printTable(['', 'median', 'p90', 'most'], rows);
}

async function printSurvival(candidates: readonly Candidate[]): Promise<void> {
  console.log('\nWhat becomes of an answer when …');
  const rows = candidates.map(({ name }) => [name]);
  for (const experiment of Object.values(EXPERIMENTS)) {
    // All at once: what takes the time is waiting.
    const found = await Promise.all(candidates.map(experiment));
    for (const [at, what] of found.entries()) rows[at]?.push(what);
  }
  printTable(['', ...Object.keys(EXPERIMENTS)], rows);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
