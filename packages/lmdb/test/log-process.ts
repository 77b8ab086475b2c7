// A log in a process of its own, for tests that kill it or open its folder elsewhere.
// log-process.ts <data folder>: prints `open`, or the code of what stopped it; appends the event of each message over IPC.
import { LmdbError, LmdbLog } from '@tidings/lmdb';
import type { NewEvent } from '@tidings/server/log';

try {
  const log = await LmdbLog.open({ path: process.argv[2] ?? '' });
  process.on('message', (event) => {
    void log.append([event as NewEvent]).then((receipt) => process.send?.(receipt));
  });
  process.stdout.write('open\n');
} catch (error) {
  if (!(error instanceof LmdbError)) throw error;
  process.stdout.write(`${error.code}\n`);
}
