import { LmdbPages } from '@tidings/lmdb';
import { RemoteLog } from '@tidings/server/log/remote';
import { onInterrupt, unlessInterrupted } from '../terminal/interrupt.ts';
import { outliveOutput } from '../terminal/output.ts';
import type { WorkerOf } from '../workers/worker.ts';
import { openHub, type RunningHub } from './hub.ts';
import { makeLogger } from './logger.ts';
import { keepNewSpace } from './new-space.ts';
import { close, listen, run } from './serve.ts';
import type { HubSettings } from './settings.ts';
import type { FirstCertificate } from './tls/certificate.ts';

/** What a worker serves with. */
export interface WorkerSettings {
  readonly hub: HubSettings;
  /** Whether the sockets outlive the process of the log. */
  readonly isHeld: boolean;
  readonly first: FirstCertificate | undefined;
}

/** Serves as one of the workers of a hub, until the process of the log says that it is to end, or is gone itself. */
export async function serveAsWorker(worker: WorkerOf<WorkerSettings>): Promise<void> {
  keepNewSpace();
  const { places, settings } = worker;
  const interrupted = new Promise<void>((resolve) => {
    onInterrupt(resolve);
    // It is for the process that everybody knows.
    process.on('SIGHUP', () => {});
    void worker.isOver.then(resolve);
  });
  outliveOutput();
  const hub = await unlessInterrupted(open(worker), interrupted);
  try {
    worker.serving(await listen(hub, places, settings.hub));
    await run(hub, settings.hub, interrupted);
  } finally {
    await close(hub, worker);
  }
}

async function open({ number, log: socket, settings }: WorkerOf<WorkerSettings>): Promise<RunningHub> {
  const log = await RemoteLog.open({ socket, reader: readerOf(settings.hub, number) });
  return await openHub(settings.hub, settings.isHeld, { log, number, first: settings.first });
}

/** Reads the data file in this process; undefined if the events are in memory, or the file cannot be read here: the process of the log reads it then. */
function readerOf({ data, verbose }: HubSettings, number: number): LmdbPages | undefined {
  if (data === undefined) return undefined;
  try {
    return LmdbPages.open({ path: data });
  } catch (error) {
    makeLogger(verbose, number).warn({ err: error }, 'The process of the log reads all pages for this worker');
    return undefined;
  }
}
