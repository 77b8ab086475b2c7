import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { holdSocket } from '../src/sockets/held.ts';
import { temporaryFolder } from './hub-process.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Starts the command as systemd does: with sockets from descriptor 3 on, and its own process id in LISTEN_PID. */
function activate(fds: readonly number[], args: readonly string[]) {
  const names = fds.map((_, index) => `socket-${index + 1}`).join(':');
  const program = `LISTEN_PID=$$ LISTEN_FDS=${fds.length} LISTEN_FDNAMES=${names} exec "$@"`;
  const { PATH = '' } = process.env;
  const child = spawn('sh', ['-c', program, 'sh', process.execPath, MAIN, 'serve', '--memory', ...args], {
    env: { PATH },
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const closed = once(child, 'close');
  const said = { stdout: '', stderr: '' };
  child.stdout!.on('data', (text: Buffer) => (said.stdout += text.toString()));
  child.stderr!.on('data', (text: Buffer) => (said.stderr += text.toString()));
  return {
    said,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    async ended(): Promise<number | null> {
      await closed;
      return child.exitCode;
    },
    async running(): Promise<string> {
      while (!said.stdout.includes('\n')) await Promise.race([once(child.stdout!, 'data'), closed]);
      return said.stdout.split('\n')[0]!;
    },
  };
}

async function held(): Promise<{ fd: number; port: number }> {
  const found = createServer().listen(0, '127.0.0.1');
  await once(found, 'listening');
  const { port } = found.address() as { port: number };
  found.close();
  await once(found, 'close');
  const socket = await holdSocket({ port, host: '127.0.0.1' });
  onTestFinished(() => socket.close());
  return { fd: socket.fd, port };
}

describe.skipIf(process.platform === 'win32')('sockets that were handed over', () => {
  test.each([[[]], [['--supervise']]])('are listened on, all of them, with %j', async (args) => {
    const [one, two] = [await held(), await held()];
    const hub = activate([one.fd, two.fd], args);
    expect(await hub.running()).toBe(`Tidings is running at http://127.0.0.1:${one.port}/`);
    for (const { port } of [one, two]) {
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    }
    hub.kill('SIGTERM');
    expect(await hub.ended()).toBe(0);
    // Who comes now waits for the next one.
    const waiting = fetch(`http://127.0.0.1:${two.port}/healthz`);
    const next = activate([one.fd, two.fd], args);
    expect((await waiting).status).toBe(200);
    next.kill('SIGTERM');
    expect(await next.ended()).toBe(0);
  });

  test('may be Unix sockets', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'hub.sock');
    const server = createServer().listen(join(folder, 'made'));
    await once(server, 'listening');
    const { fd } = (server as unknown as Record<'_handle', { fd: number }>)['_handle'];
    linkSync(join(folder, 'made'), path);
    const hub = activate([fd], []);
    server.close();
    expect(await hub.running()).toBe('Tidings is running at the socket socket-1');
    const asked = request({ socketPath: path, path: '/healthz', headers: { host: 'localhost' } }).end();
    const [response] = await once(asked, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
    hub.kill('SIGTERM');
    expect(await hub.ended()).toBe(0);
  });

  test('need a key where others reach them', async () => {
    const socket = await holdSocket({ port: 0, host: '0.0.0.0' });
    onTestFinished(() => socket.close());
    const hub = activate([socket.fd], []);
    expect(await hub.ended()).toBe(2);
    expect(hub.said.stderr).toContain(
      'without a key the hub listens on loopback addresses only, and 0.0.0.0 is not one',
    );
  });

  test('must be sockets that listen', async () => {
    const hub = activate([0], []);
    expect(await hub.ended()).toBe(1);
    expect(hub.said.stderr).toContain('the socket socket-1 (file descriptor 3) cannot be listened on (EINVAL)');
  });

  test('have their addresses already', async () => {
    const hub = activate([(await held()).fd], ['--port', '5000']);
    expect(await hub.ended()).toBe(2);
    expect(hub.said.stderr).toContain('--port cannot be used with the sockets of LISTEN_FDS');
  });
});
