import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CommandProcess } from './command.ts';

/** A store that takes connections and never says a word. Gives its port, and what resolves with the first connection. */
async function silentStore(): Promise<{ readonly port: number; readonly reached: Promise<unknown> }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, reached: once(server, 'connection') };
}

const KINDS = [
  { kind: 'a hub', args: [] },
  ...(process.platform === 'win32' ? [] : [{ kind: 'a supervisor', args: ['--supervise'] }]),
];

describe.each(['nats', 'postgres'])('while the log is opened in a store of %s that does not answer', (scheme) => {
  test.each(KINDS)('SIGTERM ends $kind at once and well', async ({ args }) => {
    const { port, reached } = await silentStore();
    const log = `${scheme}://127.0.0.1:${port}/x`;
    const serve = new CommandProcess(['serve', '--port', '0', '--log', log, ...args]);
    await reached;
    serve.kill('SIGTERM');
    expect(await serve.result()).toEqual({ code: 0, stdout: '', stderr: 'Stopping…\n' });
  });
});
