import { cpuOf } from '../parts/cpu.ts';
import { quantile } from '../parts/median.ts';
import { figure } from '../parts/table.ts';
import { Instance } from './instance.ts';
import type { Store } from './stores.ts';

/** Tokens a second of each answer. */
export const PER_SECOND = 50;
const SECONDS = 8;
/** The first tokens of each answer, which are not measured: some readers have not come yet. */
const SKIP = PER_SECOND;

/** Measures many answers at once, of which each is read as a page that has come back reads it: by another instance, where the store has a process of its own. Resolves to the cells of a row. */
export async function measureLoad(system: string, store: Store, answers: number): Promise<readonly string[]> {
  const maker = await Instance.start(system, store.place);
  const reader = store.pids().length > 0 ? await Instance.start(system, store.place) : maker;
  const tokens = PER_SECOND * SECONDS;
  try {
    await maker.ask(`make-many ${answers} ${tokens} ${1000 / PER_SECOND}`);
    await reader.ask(`read-many ${answers} ${SKIP}`);
    const instances = [...new Set([maker, reader])].map(({ pid }) => pid);
    const before = { app: cpuOf(instances), store: cpuOf(store.pids()) };
    const start = performance.now();
    maker.tell('go');
    const { p50, p99, wrong } = JSON.parse(await reader.ask(`measured ${tokens}`)) as {
      readonly p50: number;
      readonly p99: number;
      readonly wrong?: string;
    };
    const seconds = (performance.now() - start) / 1000;
    if (wrong !== undefined) return [`a reader got ${wrong}`, '', '', '', ''];
    const all = answers * tokens;
    return [
      figure(p50),
      figure(p99),
      figure(all / seconds),
      figure((cpuOf(instances) - before.app) / all),
      store.pids().length > 0 ? figure((cpuOf(store.pids()) - before.store) / all) : '–',
    ];
  } finally {
    await maker.stop();
    if (reader !== maker) await reader.stop();
  }
}

const STOPS = 100;

/** Measures how long it takes from a stop at one instance until the signal of the producer in another is aborted. Resolves to the cells of a row, in milliseconds. */
export async function measureStops(store: Store): Promise<readonly string[]> {
  const maker = await Instance.start('tidings', store.place);
  const other =
    store.pids().length > 0 || store.place !== 'memory:' ? await Instance.start('tidings', store.place) : maker;
  const times: number[] = [];
  try {
    maker.tell('go');
    for (let number = 0; number < STOPS; number += 1) {
      const id = `stopped-${number}`;
      await maker.ask(`make ${id} x 1000000 ${1000 / PER_SECOND}`);
      await other.ask(`read ${id}`);
      await other.until(id, 3, 10_000);
      const asked = Number(await other.ask(`ask-stop ${id}`));
      await other.until(id, Number.POSITIVE_INFINITY, 30_000);
      times.push((Number(await maker.ask(`aborted ${id}`)) - asked) / 1000);
    }
  } finally {
    await maker.stop();
    if (other !== maker) await other.stop();
  }
  return [0.5, 0.9, 1].map((part) => figure(quantile(times, part)));
}
