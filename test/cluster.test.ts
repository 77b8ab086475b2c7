import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLUSTER_KINDS } from '../scripts/cluster/cluster.ts';
import { isListening } from '../scripts/cluster/ports.ts';
import { folder } from './folder.ts';
import { isMissing } from './missing.ts';

const ROOT = join(import.meta.dirname, '..');
const MAIN = join(ROOT, 'scripts/cluster/main.ts');

describe('npm run cluster', () => {
  test.skipIf(isMissing('nats-server') || isMissing('nginx'))(
    'starts all of it, tells how to try it, starts a killed hub again, and leaves nothing when it ends',
    async () => {
      const place = folder({});
      const child = spawn(process.execPath, [MAIN, 'nats'], {
        env: { ...process.env, TMPDIR: place },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGTERM'));
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        told += more;
      });
      const says = (what: RegExp): Promise<void> => expect.poll(() => told, { timeout: 60_000 }).toMatch(what);
      await says(/Ctrl-C.*\n/);
      const [, url] = /running at (\S+)/.exec(told)!;
      const [, listen] = /Listen +curl -N (\S+)/.exec(told)!;
      expect(listen).toBe(`${url}topics/greetings`);
      const gone = new AbortController();
      const { body } = await fetch(listen!, { signal: gone.signal });
      const [, publish] = /Publish +curl -d 'Hello' (\S+)/.exec(told)!;
      expect((await fetch(publish!, { method: 'POST', body: 'Hello' })).status).toBe(200);
      let got = '';
      for await (const part of body!) {
        got += Buffer.from(part).toString();
        if (got.includes('data: Hello\n')) break;
      }
      gone.abort();
      const [, pid] = /kill -9 (\d+)/.exec(told)!;
      process.kill(Number(pid), 'SIGKILL');
      await says(/hub 1 had ended and runs again/);

      const ports = [...told.matchAll(/\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
      expect(new Set(ports).size).toBe(4);
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([0, null]);
      for (const port of new Set(ports)) expect(await isListening(port)).toBe(false);
      expect(readdirSync(place)).toEqual([]);
    },
  );

  test.skipIf(isMissing('postgresql') || isMissing('nginx'))(
    'says that its database has ended, and leaves nothing then and where its terminal is gone',
    async () => {
      const place = openFolder();
      const child = spawn(process.execPath, [MAIN, 'postgres'], {
        env: { ...process.env, TMPDIR: place },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      onTestFinished(() => void child.kill('SIGTERM'));
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        told += more;
      });
      child.stderr.resume();
      await expect.poll(() => told, { timeout: 60_000 }).toMatch(/Ctrl-C.*\n/);
      const made = readdirSync(place).find((name) => name.startsWith('tidings-postgres-'));
      const [pid] = readFileSync(join(place, made!, 'data', 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGKILL');
      await expect.poll(() => told, { timeout: 60_000 }).toMatch(/^postgres has ended, and is not started again/m);
      child.stdout.destroy();
      child.stderr.destroy();
      child.kill('SIGHUP');
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(readdirSync(place)).toEqual([]);
    },
  );

  test.skipIf(isMissing('postgresql') || isMissing('nginx'))(
    'leaves nothing if it is ended while it starts',
    async () => {
      const place = openFolder();
      const child = spawn(process.execPath, [MAIN, 'postgres'], {
        env: { ...process.env, TMPDIR: place },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      await expect.poll(() => readdirSync(place), { timeout: 60_000, interval: 1 }).not.toEqual([]);
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(readdirSync(place)).toEqual([]);
    },
  );

  test('says what there is', () => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, '--help'], { encoding: 'utf8' });
    expect(status).toBe(0);
    for (const kind of CLUSTER_KINDS) expect(stdout).toMatch(new RegExp(`^  ${kind} `, 'm'));
    expect(stdout).toMatch(/^ {2}--port /m);
  });

  test.each([
    [[], 'Found "": allowed is one of postgres, nats, workers, channel'],
    [['redis'], 'Found "redis": allowed is one of postgres, nats, workers, channel'],
    [['postgres', '--prt', '1'], 'Found --prt: allowed are --port and --help'],
    [['postgres', '--port'], 'Found --port without a number: allowed is one from 1 to 65535'],
    [['workers', '--port', 'http'], 'Found --port "http": allowed is a number from 1 to 65535'],
  ])('says what is allowed in the place of %j', (args, message) => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 1, stderr: `npm run cluster: ${message}\n` });
  });

  test.skipIf(isMissing('nginx'))('ends what it has started if the port of nginx is taken', async () => {
    const place = folder({});
    const server = spawn(process.execPath, ['-e', LISTENS], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill('SIGKILL'));
    const [port] = (await once(server.stdout, 'data')) as [Buffer];
    const child = spawn(process.execPath, [MAIN, 'workers', '--port', port.toString()], {
      env: { ...process.env, TMPDIR: place },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code).toBe(1);
    expect(stderr).toContain(`npm run cluster: nginx cannot have the port ${port.toString()}, because it is in use\n`);
    expect(readdirSync(place)).toEqual([]);
  });
});

const LISTENS = `
  const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
    process.stdout.write(String(server.address().port));
  });
`;

/** A folder in which another user may make one, as PostgreSQL does where it must not run as root. */
function openFolder(): string {
  const place = folder({});
  chmodSync(place, 0o777);
  return place;
}
