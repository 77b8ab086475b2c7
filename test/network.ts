import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A network between a page and a server. */
export interface Network {
  readonly url: string;
  /** Breaks all connections, and each new one. */
  fail: () => void;
  mend: () => void;
}

/** For the length of one test. */
export async function startNetwork(port: number): Promise<Network> {
  const sockets = new Set<Socket>();
  let hasFailed = false;
  const network = createServer((client) => {
    if (hasFailed) return void client.destroy();
    const server = connect(port, '127.0.0.1');
    const pair = [client, server];
    for (const socket of pair) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        for (const each of pair) sockets.delete(each.destroy());
      });
    }
    client.pipe(server).pipe(client);
  });
  await once(network.listen(0, '127.0.0.1'), 'listening');
  const fail = (): void => {
    hasFailed = true;
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    fail();
    network.close();
  });
  const { port: own } = network.address() as AddressInfo;
  return { url: `http://127.0.0.1:${own}/`, fail, mend: () => void (hasFailed = false) };
}
