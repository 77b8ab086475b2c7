// A log on disk with a retention of its own, without a hub. The arguments are its data folder and its retention, as JSON.

import { LmdbLog } from '@tidings/lmdb';
import { EARLIEST, type LogRetention, type NewEvent } from '@tidings/server/log';
import { closedLoop } from '../load/closed-loop.ts';
import { quantile } from '../parts/median.ts';
import { DATA } from '../parts/event-data.ts';
import { cpuMicroseconds, obey } from './commands.ts';

const PAGE_BYTES = 64 * 1024;
const BATCH = 1_000;

const [, , folder = '', retention = '{}'] = process.argv;
let log = await open();
let made = 0;

function open(): Promise<LmdbLog> {
  return LmdbLog.open({ path: folder, retention: JSON.parse(retention) as LogRetention, trimEveryMs: 2 ** 31 - 1 });
}

const to = (topic: string): NewEvent => ({ topics: [topic], fields: { data: DATA } });

/** Appends events in batches. */
async function fill(count: number, make: (n: number) => NewEvent): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    await log.append(Array.from({ length: Math.min(BATCH, count - from) }, (_, n) => make(from + n)));
  }
}

/** Appends for a time, from several appenders that each wait for their answers. Answers figures. */
async function append(milliseconds: string, appenders: string, make: () => NewEvent, pause = 0): Promise<string> {
  const actors = Array.from({ length: Number(appenders) }, () => () => log.append([make()]));
  const before = cpuMicroseconds();
  const figures = await (pause === 0 ? closedLoop : pacedLoop(pause))(actors, Number(milliseconds));
  return JSON.stringify({ ...figures, cpu: (cpuMicroseconds() - before) / figures.count });
}

/** Lets each actor act once in a time, until the time is up. */
function pacedLoop(pause: number): typeof closedLoop {
  return async (actors, milliseconds) => {
    const rounds = actors.map((act) => async (): Promise<void> => {
      const began = performance.now();
      await act();
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, pause - (performance.now() - began))));
    });
    const times: number[] = [];
    const figures = await closedLoop(rounds, milliseconds);
    return { ...figures, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  };
}

await obey({
  /** Appends an event of each of so many keys to a topic, a number of times. */
  async keys(topic, keys, times) {
    await fill(Number(keys) * Number(times), (n) => ({ ...to(topic), latestKey: `key ${n % Number(keys)}` }));
    return 'done';
  },
  /**
   * Appends events of so many keys, in any order, to a topic. Without keys, they have none. With a pause, each appender appends once in so many milliseconds,
   * or when it is answered if that takes longer.
   */
  async update(milliseconds, appenders, topic, keys, pause) {
    const key = (): { latestKey?: string } =>
      Number(keys) > 0 ? { latestKey: `key ${Math.floor(Math.random() * Number(keys))}` } : {};
    return await append(milliseconds, appenders, () => ({ ...to(topic), ...key() }), Number(pause));
  },
  /** Reads all events of a topic, page by page. Answers figures. */
  async snapshot(topic) {
    const start = performance.now();
    const { head: through } = await log.locate(EARLIEST);
    let events = 0;
    for (let after = 0; after < through;) {
      const page = await log.read({ selection: { topics: [topic] }, after, through, maxBytes: PAGE_BYTES });
      events += page.entries.length;
      after = page.through;
    }
    return JSON.stringify({ events, ms: performance.now() - start });
  },
  /** Appends an event to each of so many topics, from a number on. */
  async topics(prefix, count, from) {
    await fill(Number(count), (n) => to(`${prefix}/${n + Number(from)}`));
    return 'done';
  },
  /** Appends to topics that are there, or each time to one that is not. */
  async publish(milliseconds, appenders, prefix, count) {
    const isNew = Number(count) === 0;
    return await append(milliseconds, appenders, () =>
      to(`${prefix}/${isNew ? `new ${(made += 1)}` : Math.floor(Math.random() * Number(count))}`),
    );
  },
  /** Applies the retention. Answers how long that took, and for how long others had to wait at most. */
  async trim() {
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 1);
    const before = await topicCount();
    const cpu = cpuMicroseconds();
    const start = performance.now();
    await log.trim();
    const ms = performance.now() - start;
    clearInterval(watch);
    const removed = before - (await topicCount());
    return JSON.stringify({ ms, cpu: cpuMicroseconds() - cpu, longest, removed });
  },
  /** Closes the log and opens it again. */
  async reopen() {
    await log.close();
    log = await open();
    return 'done';
  },
});
await log.close();

/** How many events there are: of topics with one event each, as many as topics. */
async function topicCount(): Promise<number> {
  return (await log.directory.list({ order: 'time', limit: 1 })).total;
}
