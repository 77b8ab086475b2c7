// Several processes: what a hub with two workers costs beside one of a single process, and what it gains.
//
// Method: `tidings serve` with a log on disk, with `--workers 1`, where one process does everything, and `--workers 2`, where two processes serve connections and a third has
// the log. The cost is the processor time of all threads of all processes of the command. Fan-out: 2,000 listeners on loopback, 40 events of 100 bytes of data a run, one a tick;
// a tick is published when every listener has had the one before. `Of one core` is how many events are delivered in a second of processor time, to those of a single process in the
// same round: 1 says that a core does as much. Where listeners run beside the hub, what a write costs depends on whether they sleep, and so on who has the cores just then; so fan-out is measured a second time with all processes of the hub
// on one core and the listeners on the others (taskset), where only the processor time of the hub differs. Replay: one listener, and four at once, each with a topic of its own, ask for 50,000 kept events each. Memory: 10,000 listeners connect that have had their first
// bytes; the share of all processes (Pss) after ten seconds, less that with the first 6,000, for each listener; and what the command takes with those 6,000, by when each process has grown once.

import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasSinkInC, Listeners } from './load/listeners.ts';
import { ServeCommand } from './load/serve.ts';
import { CORES } from './parts/affinity.ts';
import { median } from './parts/median.ts';
import { openFiles } from './parts/open-files.ts';
import { alternate, type Figures, type Measured, type Row } from './parts/rounds.ts';
import { figure, printTable } from './parts/table.ts';

export const title: string = 'Several processes';

const WORKERS = [1, 2];
const LISTENERS = 2_000;
const TICKS = 40;
const WARM_UP_TICKS = 40;
const REPLAYED = 50_000;
const REPLAYS = [1, 4];
const IDLE_FIRST = 6_000;
const IDLE = 10_000;
// What a process has open besides
const OTHER_FILES = 300;
const LEFT_ALONE_MS = 10_000;
const ROUNDS = { atLeast: 5, atMost: 15, milliseconds: 60_000 };
const ON_ONE_CORE = 'fan-out, the hub on one core and the listeners on another';

/** Prints the tables. Takes about two minutes. */
export async function run(): Promise<void> {
  if (!hasSinkInC() || process.platform !== 'linux') {
    console.log(`${title}: left out, because the listeners need gcc and epoll`);
    return;
  }
  console.log(`${title}: one process that does everything, and two workers beside a process that has the log.
CPU: processor time of all processes, µs a delivered event. Median of alternating runs.`);
  const servers = new Map<number, ServeCommand>();
  const stops: (() => Promise<void>)[] = [];
  const rows: Row[] = [];
  try {
    for (const workers of WORKERS) {
      const server = await ServeCommand.start({ workers });
      servers.set(workers, server);
      stops.push(() => server.stop());
      for (let topic = 0; topic < Math.max(...REPLAYS); topic += 1) await server.publish(`kept-${topic}`, REPLAYED);
      const listeners = new Listeners({ port: server.port, count: LISTENERS, target: '/topics/readings' });
      stops.push(() => listeners.leave());
      await listeners.connected;
      await publishTicks(server, listeners, WARM_UP_TICKS);
      rows.push({ name: nameOf('fan-out', workers), measure: () => fanOut(server, listeners) });
      rows.push({ name: nameOf(ON_ONE_CORE, workers), measure: () => fanOutOnOneCore(server, listeners) });
      for (const count of REPLAYS) {
        rows.push({ name: nameOf(`replay ${count}`, workers), measure: () => replay(server, count) });
      }
    }
    print(await alternate(rows, ROUNDS));
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
  await printMemory();
}

async function publishTicks(server: ServeCommand, listeners: Listeners, ticks: number): Promise<number[]> {
  const times: number[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    const start = performance.now();
    await Promise.all([listeners.expect(1), server.publish('readings', 1)]);
    times.push(performance.now() - start);
  }
  return times;
}

async function fanOut(server: ServeCommand, listeners: Listeners): Promise<Figures> {
  const before = server.cpu();
  const times = await publishTicks(server, listeners, TICKS);
  const cpu = (server.cpu() - before) / (LISTENERS * TICKS);
  return { cpu, perCore: 1 / cpu, perSecond: (LISTENERS * 1000) / median(times), tick: median(times) };
}

/** With all processes of the hub on one core, and the listeners on another. */
async function fanOutOnOneCore(server: ServeCommand, listeners: Listeners): Promise<Figures> {
  if (!CORES) return {};
  try {
    server.keepOn(CORES.first);
    listeners.keepOn(CORES.others);
    return await fanOut(server, listeners);
  } finally {
    server.keepOn(CORES.all);
    listeners.keepOn(CORES.all);
  }
}

async function replay(server: ServeCommand, count: number): Promise<Figures> {
  const before = server.cpu();
  const start = performance.now();
  const all = Array.from({ length: count }, (_, topic) => {
    return new Listeners({ port: server.port, count: 1, target: `/topics/kept-${topic}?last_event_id=earliest` });
  });
  await Promise.all(all.flatMap((listeners) => [listeners.connected, listeners.expect(REPLAYED)]));
  const seconds = (performance.now() - start) / 1000;
  const cpu = (server.cpu() - before) / (REPLAYED * count);
  await Promise.all(all.map((listeners) => listeners.leave()));
  return { cpu, perCore: 1 / cpu, perSecond: (REPLAYED * count) / seconds };
}

async function printMemory(): Promise<void> {
  const count = Math.min(IDLE, openFiles() - IDLE_FIRST - OTHER_FILES);
  const rows: string[][] = [];
  for (const workers of WORKERS) {
    const server = await ServeCommand.start({ workers });
    const stops: (() => Promise<void>)[] = [() => server.stop()];
    try {
      const connect = async (listeners: number): Promise<number> => {
        const some = new Listeners({ port: server.port, target: '/topics/idle', count: listeners });
        stops.push(() => some.leave());
        await some.connected;
        await sleep(LEFT_ALONE_MS);
        return server.resident();
      };
      const first = await connect(IDLE_FIRST);
      const each = ((await connect(count)) - first) / count;
      rows.push([labelOf(workers), figure(first / 1024), figure(each)]);
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  }
  printTable(['memory', `with ${IDLE_FIRST} listeners, MiB`, `each of ${count} more, KiB`], rows);
}

function print(figures: Measured): void {
  for (const what of ['fan-out', ON_ONE_CORE, ...REPLAYS.map((count) => `replay ${count}`)]) {
    printTable(
      [what, 'CPU, µs', 'of one core', 'events/s', 'to one process'],
      WORKERS.map((workers) => {
        const own = figures.get(nameOf(what, workers));
        const ratio = (key: string): string =>
          figure(figures.ratio(nameOf(what, workers), nameOf(what, WORKERS[0] ?? 1), key));
        return [
          labelOf(workers),
          figure(own?.['cpu']),
          ratio('perCore'),
          figure(own?.['perSecond']),
          ratio('perSecond'),
        ];
      }),
    );
  }
}

function labelOf(workers: number): string {
  return workers === 1 ? 'one process' : `${workers} workers and the log`;
}

function nameOf(what: string, workers: number): string {
  return `${what}, ${workers}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
