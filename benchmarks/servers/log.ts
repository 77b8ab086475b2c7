// A log without a hub. The argument is its data folder, or the URL of PostgreSQL or NATS.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LmdbLog } from '@tidings/lmdb';
import { NatsLog } from '@tidings/nats';
import { PostgresLog } from '@tidings/postgres';
import { EARLIEST, type EventLog } from '@tidings/server/log';
import { closedLoop } from '../load/closed-loop.ts';
import { DATA } from '../parts/event-data.ts';
import { cpuMicroseconds, obey } from './commands.ts';

// The selection of the fan-out.
const PAGE_BYTES = 64 * 1024;

const folder = process.argv[2] ?? '';
const log = await openLog(folder);
const event = { topics: ['readings'], fields: { data: DATA } };

function openLog(place: string): Promise<EventLog> {
  const { protocol, host, pathname } = URL.parse(place) ?? { protocol: '', host: '', pathname: '' };
  if (protocol === 'postgres:') return PostgresLog.open({ url: place });
  if (protocol === 'nats:') return NatsLog.open({ servers: `nats://${host}`, name: pathname.slice(1) });
  return LmdbLog.open({ path: place });
}

await obey({
  /** Appends batches of events for a time, from several appenders that each wait for their answers. Answers figures. */
  async append(milliseconds, appenders, batch) {
    const events = Array.from({ length: Number(batch) }, () => event);
    const actors = Array.from({ length: Number(appenders) }, () => () => log.append(events));
    return JSON.stringify(await closedLoop(actors, Number(milliseconds)));
  },
  /** Appends to a plain file for a time, and waits for the disk each time. Answers figures. */
  async sync(milliseconds) {
    const file = openSync(join(folder, 'floor'), 'a');
    const line = `id: floor000.1\ndata: ${DATA}\n\n`;
    const append = async (): Promise<void> => {
      writeSync(file, line);
      fdatasyncSync(file);
    };
    const figures = await closedLoop([append], Number(milliseconds));
    closeSync(file);
    return JSON.stringify(figures);
  },
  /** Appends a number of events, in batches. */
  async fill(count) {
    const events = Array.from({ length: 1_000 }, () => event);
    for (let rest = Number(count); rest > 0; rest -= events.length) await log.append(events.slice(0, rest));
    return (await log.locate(EARLIEST)).head;
  },
  /** Reads all events, page by page. Answers figures. */
  async read() {
    const { head: through } = await log.locate(EARLIEST);
    const selection = { topics: ['readings'], private: 'all' } as const;
    let bytes = 0;
    const before = cpuMicroseconds();
    const start = performance.now();
    for (let after = 0; after < through;) {
      const page = await log.read({ selection, after, through, maxBytes: PAGE_BYTES });
      for (const { frame } of page.entries) bytes += frame.length;
      after = page.through;
    }
    const seconds = (performance.now() - start) / 1000;
    const cpu = cpuMicroseconds() - before;
    return JSON.stringify({ perSecond: through / seconds, megabytes: bytes / 1e6 / seconds, cpu: cpu / through });
  },
});
await log.close();
