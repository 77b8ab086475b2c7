import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Hub } from '@tidings/hub';
import { onTestFinished } from 'vitest';

/** Serves a hub of this process for the length of a test, and closes it with its log. Resolves to its port. */
export async function serveHub(hub: Hub): Promise<number> {
  const server = createServer(hub);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await hub.close({ awayMs: 0, finishMs: 0 });
  });
  return (server.address() as AddressInfo).port;
}
