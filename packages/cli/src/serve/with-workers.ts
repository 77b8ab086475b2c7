import type { AddressInfo } from 'node:net';
import { LogHost } from '@tidings/server/log/remote';
import type { GivenSocket, Place } from '../sockets/binding.ts';
import { holdSocket } from '../sockets/held.ts';
import type { SupervisedBy } from '../supervise/supervised.ts';
import { unlessInterrupted } from '../terminal/interrupt.ts';
import { outliveOutput } from '../terminal/output.ts';
import { CrewProcesses } from '../workers/crew-processes.ts';
import type { WorkerSettings } from './as-worker.ts';
import { explained } from './explain.ts';
import { checkSettings } from './hub.ts';
import { openLog } from './log.ts';
import { makeLogger } from './logger.ts';
import { readPage } from './page-file.ts';
import { keepNewSpace } from './new-space.ts';
import { announceHub, isHeldBy, prepare, sayStopping, type Serve } from './serve.ts';
import { firstCertificate } from './tls/certificate.ts';

/**
 * Runs a hub whose connections are served by several processes. This one has the log and holds the sockets, and accepts no connections itself.
 *
 * @param supervisor as in `serve`
 * @returns the exit code
 * @throws {CliError} `ERR_ADDRESS`, `ERR_DATA`, `ERR_USAGE`
 */
export async function serveWithWorkers(options: Serve, supervisor?: SupervisedBy): Promise<number> {
  keepNewSpace();
  let kill = (): void => {};
  const { places: _places, workers, ...hubSettings } = options;
  const { places, interrupted, isFirst } = await prepare(options, supervisor, () => kill());
  // Once, and not by each worker.
  await checkSettings(options);
  const first = options.tls && (await firstCertificate(options.tls));
  const hasPage = (await readPage()) !== undefined;
  const logger = makeLogger(options.verbose);
  const isHeld = isHeldBy(places);
  const sockets = await holdAll(places);
  const stopping = (): void => sayStopping(supervisor);
  const opening = openLog(options, (message) => logger.error(message)).catch((error: unknown) => {
    throw explained(error, options);
  });
  const log = await unlessInterrupted(opening, interrupted, stopping);
  const host = new LogHost(log);
  outliveOutput();
  return await new Promise<number>((resolve, reject) => {
    const crew = new CrewProcesses<WorkerSettings>({
      workers,
      sockets,
      settings: { hub: hubSettings, isHeld, first },
      serveLog: (socket) => host.serve(socket),
      onServing: (bound: readonly AddressInfo[]) => {
        if (isFirst) announceHub(options, { places, bound, hasPage, dev: first?.dev });
        supervisor?.serving();
      },
      onReleased: () => {
        host.close();
        log.close().then(() => supervisor?.released(), reject);
      },
      onEnd: resolve,
    });
    kill = () => crew.kill();
    void interrupted.then(() => {
      stopping();
      crew.stop();
    });
  });
}

/** The sockets of all workers. The system passes each connection to the one that accepts it first. */
async function holdAll(places: readonly Place[]): Promise<readonly GivenSocket[]> {
  const sockets: GivenSocket[] = [];
  for (const place of places) {
    sockets.push('fd' in place ? place : { fd: (await holdSocket(place)).fd, name: 'of the hub' });
  }
  return sockets;
}
