// A log in a process of its own, for tests that kill it or open its folder elsewhere.
// log-process.ts <data folder> [<retention as JSON>]: prints `open`, or the code of what stopped it; appends the event of each message over IPC. Of a message with events
// it appends them as one batch, and kills itself when the first of them is in the table. Of a text it deletes the topic of that name, and kills itself
// when the first event is gone. Of a deletion it does the same with another event, or kills itself at once if that is 0.
import { LmdbError, LmdbLog } from '@tidings/lmdb';
import type { LogRetention, NewEvent } from '@tidings/server/log';
import { open } from 'lmdb';

const [, , path = '', retention = '{}'] = process.argv;

interface Deletion {
  readonly deletes: string;
  readonly killAt: number;
}

function killWhen(seq: number, isThere: boolean): void {
  const table = open({ path, maxDbs: 32 }).openDB({ name: 'events', encoding: 'binary' });
  const look = (): void => {
    if (table.doesExist(seq) === isThere) process.kill(process.pid, 'SIGKILL');
    setImmediate(look);
  };
  look();
}

try {
  const log = await LmdbLog.open({ path, retention: JSON.parse(retention) as LogRetention });
  process.on('message', (message: NewEvent | NewEvent[] | string | Deletion) => {
    if (typeof message === 'string') {
      killWhen(1, false);
      void log.topics.delete(message);
      return;
    }
    if ('deletes' in message) {
      void log.topics.delete(message.deletes);
      if (message.killAt === 0) process.kill(process.pid, 'SIGKILL');
      killWhen(message.killAt, false);
      return;
    }
    if (!Array.isArray(message)) {
      void log.append([message]).then((receipt) => process.send?.(receipt));
      return;
    }
    killWhen(2, true);
    void log.append(message);
  });
  process.stdout.write('open\n');
} catch (error) {
  if (!(error instanceof LmdbError)) throw error;
  process.stdout.write(`${error.code}\n`);
}
