import { LmdbLog } from '@tidings/lmdb';
import { NatsLog } from '@tidings/nats';
import { PostgresLog } from '@tidings/postgres';
import { type EventLog, MemoryLog } from '@tidings/server/log';
import { RemoteLog } from '@tidings/server/log/remote';
import { Runs } from '@tidings/server/runs';
import type { System } from '../system.ts';

/** @param place the URL of a hub, or of a log */
async function openRuns(place: string): Promise<Runs> {
  return place.startsWith('http:') ? new Runs({ hub: place }) : new Runs({ log: await openLog(place) });
}

/** @param coalesceMs as the option of `start` */
export async function tidings(place: string, coalesceMs: number = 20): Promise<System> {
  const runs = await openRuns(place);
  return {
    async produce(id, source) {
      const { isProducer } = await runs.start(id, ({ signal }) => source(signal), { coalesceMs });
      return isProducer;
    },
    async *read(id) {
      for await (const item of runs.resume(id)) {
        if (item.type === 'chunk') yield String(item.data);
        else if (item.type === 'gap') throw new Error(item.gap.reason);
        else if (item.state !== 'done' && item.state !== 'stopped') throw new Error(item.state);
      }
    },
    stop: (id) => runs.stop(id),
  };
}

async function openLog(place: string): Promise<EventLog> {
  const { protocol, pathname } = new URL(place);
  switch (protocol) {
    case 'postgres:':
      return await PostgresLog.open({ url: place });
    case 'nats:':
      return await NatsLog.open({ servers: place });
    case 'unix:':
      return await RemoteLog.open({ path: pathname });
    case 'file:':
      return await LmdbLog.open({ path: pathname });
    default:
      return new MemoryLog();
  }
}
