import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
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

  test.each([
    [[], 'Found "": allowed is one of postgres, nats, workers, channel'],
    [['redis'], 'Found "redis": allowed is one of postgres, nats, workers, channel'],
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
