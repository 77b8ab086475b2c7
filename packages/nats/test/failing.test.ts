import { NatsLog } from '@tidings/nats';
import { expect, onTestFinished, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { NatsServer } from './nats-server.ts';

test.skipIf(isMissing('nats-server'))('a server that stands still is told of with the name of the log', async () => {
  const server = await NatsServer.start();
  onTestFinished(() => server.end());
  const told: unknown[] = [];
  const log = await NatsLog.open({
    servers: server.url,
    name: 'news',
    waitMs: 0,
    onError: (error) => told.push(error),
  });
  onTestFinished(() => log.close());
  server.signal('SIGSTOP');
  await expect
    .poll(() => told, { timeout: 60_000 })
    .toMatchObject([
      {
        name: 'NatsError',
        code: 'ERR_STORE_AWAY',
        message:
          'The log news cannot be followed or written at present: the NATS server did not answer a request in time. It is tried again',
      },
    ]);
  server.signal('SIGCONT');
  await expect
    .poll(() => log.append([{ topics: ['a'], fields: { data: '' } }]).catch(() => undefined), { timeout: 60_000 })
    .toMatchObject({ seq: 1 });
});
