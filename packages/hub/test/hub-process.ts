// A hub in a process of its own, for tests that kill it, fill its disk or watch its memory.
// hub-process.ts <data folder> [JSON of retention] [JSON of a certificate]: prints `open <port>`, or the code of what stopped it. Answers 'memory' over IPC.
import type { AddressInfo } from 'node:net';
import { type Certificate, createServer, Hub } from '@tidings/hub';
import { LmdbError, LmdbLog } from '@tidings/lmdb';

const [path = '', retention = '{}', tls] = process.argv.slice(2);

try {
  const log = await LmdbLog.open({ path, retention: JSON.parse(retention) as object });
  const hub = new Hub({ log });
  const server = tls === undefined ? createServer(hub) : createServer(hub, { tls: JSON.parse(tls) as Certificate });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`open ${(server.address() as AddressInfo).port}\n`);
  });
} catch (error) {
  if (!(error instanceof LmdbError)) throw error;
  process.stdout.write(`${error.code}\n`);
}

process.on('message', () => {
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  process.send?.({ heapUsed, external, arrayBuffers });
});
