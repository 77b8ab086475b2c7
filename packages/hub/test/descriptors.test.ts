import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { spawnHub } from './spawn-hub.ts';
import { ask, temporaryFolder } from './test-hub.ts';

/** A listener on a bare socket. Gives the status that it was answered, or undefined if its connection was refused. */
async function listen(port: number, sockets: Socket[]): Promise<number | undefined> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write('GET /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let answer = '';
  await new Promise<void>((resolve) => {
    socket.on('close', resolve).on('data', (chunk) => {
      answer += String(chunk);
      resolve();
    });
  });
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
  return status === undefined ? undefined : Number(status);
}

test.runIf(process.platform === 'linux')(
  'listeners leave file descriptors for publishers and the log, and the log is told where they run out',
  async () => {
    const hub = await spawnHub(temporaryFolder(), { maxDescriptors: 100 });
    const sockets: Socket[] = [];
    const answers = [];
    for (let n = 0; n < 150; n += 1) answers.push(await listen(hub.port, sockets));
    expect(answers[0]).toBe(200);
    expect(answers.at(-1)).toBe(503);
    expect((await ask(hub.port, 'POST', '/topics/a', { body: 'x' })).status).toBe(200);
    expect((await ask(hub.port, 'GET', '/healthz')).status).toBe(200);
    expect(hub.stderr()).toMatch(/^A listener was refused, to keep file descriptors .*ulimit/);
    for (const socket of sockets.slice(0, 10)) socket.destroy();
    await expect.poll(() => listen(hub.port, sockets)).toBe(200);
  },
);

test.runIf(process.platform === 'linux')('connections without a request make room for others', async () => {
  const hub = await spawnHub(temporaryFolder(), { maxDescriptors: 64 });
  const idle: Socket[] = [];
  for (let n = 0; n < 100; n += 1) {
    const socket = connect(hub.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise<void>((resolve) => void socket.on('close', resolve).once('data', () => resolve()));
    idle.push(socket);
  }
  await expect
    .poll(async () => (await ask(hub.port, 'POST', '/topics/a', { body: 'x' }).catch(() => undefined))?.status)
    .toBe(200);
});
