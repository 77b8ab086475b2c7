import { createServer, Hub } from '@tidings/hub';
import type { EventLog } from '@tidings/server/log';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** The key of a hub that serves runs. */
export const HUB_KEY = 'the-key-of-the-runs';

/** Serves a hub on a log, on a port of its own. @param atEnd takes what ends it */
export async function servedHub(log: EventLog, atEnd: (end: () => Promise<void>) => void): Promise<string> {
  const hub = new Hub({ log, key: HUB_KEY });
  const server = createServer(hub);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(async () => {
    server.closeAllConnections();
    server.close();
    await hub.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
